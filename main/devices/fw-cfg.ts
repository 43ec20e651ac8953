/**
 * The firmware configuration device by which a virtual machine tells its firmware what it is made of (QEMU,
 * docs/specs/fw_cfg.rst): a selector register, a data register that gives the selected item byte by byte, and a register that takes
 * the address of a request, by which the device copies an item to memory at once.
 *
 * Ports 0x510 (two bytes), 0x511, 0x514 to 0x51B. Items are read-only; what lies past an item's end reads 0.
 */
import type { Device } from './device';
import type { GuestRam } from './virtio/virtqueue';

/** Offsets; the address is big-endian, and its low half starts the request. */
const SELECTOR = 0;
const DATA = 1;
const ADDRESS_HIGH = 4;
const ADDRESS_LOW = 8;
/** What the address register reads: "QEMU CFG". */
const DMA_SIGNATURE = [0x51454d55, 0x20434647] as const;

/** struct FWCfgDmaAccess, big-endian: control, length, address (64 bits). */
const REQUEST_BYTES = 16;
const LENGTH = 4;
const TARGET_HIGH = 8;
const TARGET_LOW = 12;
/** Of its control word, whose upper half is the key where it selects. */
const Control = { ERROR: 1 << 0, READ: 1 << 1, SKIP: 1 << 2, SELECT: 1 << 3, WRITE: 1 << 4 } as const;
const KEY_SHIFT = 16;

/** Words of the state. */
const SELECTED = 0;
const OFFSET = 1;
const REQUEST_HIGH = 2; // upper half of the address of the next request
export const FW_CFG_WORDS = 3;
const MAX_OFFSET = 0x7fff_ffff;

export class FwCfg implements Device {
  readonly #state: Int32Array;
  readonly #ram: GuestRam;
  readonly #makeItems: () => ReadonlyMap<number, Uint8Array>;
  #items: ReadonlyMap<number, Uint8Array> | null = null;

  /** `makeItems`: by their keys; called at the first access, since most threads never have one. */
  constructor(state: Int32Array, ram: GuestRam, makeItems: () => ReadonlyMap<number, Uint8Array>) {
    this.#state = state;
    this.#ram = ram;
    this.#makeItems = makeItems;
  }

  powerOn(): void {
    this.#state.fill(0);
  }

  /** The data register gives its next byte whatever the size; the selector cannot be read. */
  read(offset: number, size: number): number {
    if (offset >= ADDRESS_HIGH) return size === 4 ? swap(DMA_SIGNATURE[offset === ADDRESS_HIGH ? 0 : 1]) : 0;
    if (offset !== DATA) return 0;
    const item = this.#selected;
    const at = this.#state[OFFSET];
    if (at >= item.length) return 0;
    this.#state[OFFSET] = at + 1;
    return item[at];
  }

  write(offset: number, size: number, value: number): void {
    if (offset === SELECTOR && size === 2) this.#select(value);
    else if (offset === ADDRESS_HIGH && size === 4) this.#state[REQUEST_HIGH] = swap(value);
    else if (offset === ADDRESS_LOW && size === 4) {
      const high = this.#state[REQUEST_HIGH];
      this.#state[REQUEST_HIGH] = 0;
      if (high === 0) this.#request(swap(value));
    }
  }

  #select(key: number): void {
    this.#state[SELECTED] = key;
    this.#state[OFFSET] = 0;
  }

  get #selected(): Uint8Array {
    this.#items ??= this.#makeItems();
    return this.#items.get(this.#state[SELECTED]) ?? NOTHING;
  }

  /** Does what the request at this address says, and answers in its control word; one outside of RAM has nobody to answer to. */
  #request(address: number): void {
    const { bytes, written } = this.#ram;
    if (address + REQUEST_BYTES > bytes.length) return;
    const request = new DataView(bytes.buffer, bytes.byteOffset + address, REQUEST_BYTES);
    const control = request.getUint32(0);
    if ((control & Control.SELECT) !== 0) this.#select(control >>> KEY_SHIFT);
    const length = request.getUint32(LENGTH);
    const target = request.getUint32(TARGET_HIGH) === 0 ? request.getUint32(TARGET_LOW) : Infinity;
    const done = this.#transfer(control, length, target);
    request.setUint32(0, done ? 0 : Control.ERROR);
    written(address, REQUEST_BYTES);
  }

  /** Whole or not at all. */
  #transfer(control: number, length: number, target: number): boolean {
    if (length === 0) return true;
    if ((control & Control.READ) !== 0) {
      const { bytes, written } = this.#ram;
      if (target + length > bytes.length) return false;
      const item = this.#selected;
      const piece = item.subarray(this.#state[OFFSET], this.#state[OFFSET] + length);
      bytes.set(piece, target);
      bytes.fill(0, target + piece.length, target + length);
      written(target, length);
    } else if ((control & Control.WRITE) !== 0) return false;
    if ((control & (Control.READ | Control.SKIP)) !== 0) {
      this.#state[OFFSET] = Math.min(this.#state[OFFSET] + length, MAX_OFFSET);
    }
    return true;
  }
}

const NOTHING = new Uint8Array();

/** Between the bytes' order on the port and the register's. */
function swap(value: number): number {
  return ((value >>> 24) | ((value >>> 8) & 0xff00) | ((value << 8) & 0xff0000) | ((value << 24) & 0xff000000)) >>> 0;
}

/**
 * The configuration space of a PCI function with a type 0 header (PCI Local Bus Specification 3.0, chapter 6). What a write may
 * change is a mask for each byte: a base address register keeps the bits above its size, and so tells it.
 */

export interface PciIdentity {
  vendor: number;
  device: number;
  revision: number;
  /** Base class, subclass and programming interface. */
  classCode: number;
  subsystemVendor: number;
  subsystem: number;
  /** Bytes of each memory BAR, powers of two; 0 where there is none. */
  bars: readonly number[];
  /** It has an interrupt pin, INTA#. */
  interrupts: boolean;
  capabilities: readonly PciCapability[];
}

export interface PciCapability {
  id: number;
  /** What follows the id and the pointer to the next one. */
  body: Uint8Array;
  /** The writable bits of `body`. */
  writable?: Uint8Array;
}

/** 6.1 Configuration Space Organization. */
const VENDOR_ID = 0x00;
const DEVICE_ID = 0x02;
const COMMAND = 0x04;
const MEMORY_SPACE = 1 << 1;
const BUS_MASTER = 1 << 2;
const INTERRUPT_DISABLE = 1 << 10;
const COMMAND_WRITABLE = MEMORY_SPACE | BUS_MASTER | INTERRUPT_DISABLE;
const STATUS = 0x06;
const INTERRUPT_STATUS = 1 << 3;
const CAPABILITIES_LIST = 1 << 4;
const REVISION_ID = 0x08;
const CLASS_CODE = 0x09;
const BARS = 0x10;
const SUBSYSTEM_VENDOR_ID = 0x2c;
const SUBSYSTEM_ID = 0x2e;
const CAPABILITIES_POINTER = 0x34;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;
const INTA = 1;

const SPACE = 256;
const FIRST_CAPABILITY = 0x40;
export const PCI_FUNCTION_WORDS = SPACE / 4;

export class PciFunction {
  readonly bars: readonly number[];
  /** Where the body of each capability begins. */
  readonly capabilityAt: readonly number[];
  readonly #space: Uint8Array;
  readonly #view: DataView;
  readonly #initial = new Uint8Array(SPACE);
  readonly #writable = new Uint8Array(SPACE);

  constructor(state: Int32Array, identity: PciIdentity) {
    this.#space = new Uint8Array(state.buffer, state.byteOffset, SPACE);
    this.#view = new DataView(state.buffer, state.byteOffset, SPACE);
    this.bars = identity.bars;
    const initial = new DataView(this.#initial.buffer);
    initial.setUint16(VENDOR_ID, identity.vendor, true);
    initial.setUint16(DEVICE_ID, identity.device, true);
    initial.setUint8(REVISION_ID, identity.revision);
    initial.setUint16(CLASS_CODE, identity.classCode, true);
    initial.setUint8(CLASS_CODE + 2, identity.classCode >> 16);
    initial.setUint16(SUBSYSTEM_VENDOR_ID, identity.subsystemVendor, true);
    initial.setUint16(SUBSYSTEM_ID, identity.subsystem, true);
    initial.setUint8(INTERRUPT_PIN, identity.interrupts ? INTA : 0);
    const writable = new DataView(this.#writable.buffer);
    writable.setUint16(COMMAND, COMMAND_WRITABLE, true);
    writable.setUint8(INTERRUPT_LINE, 0xff);
    identity.bars.forEach((size, bar) => writable.setUint32(BARS + 4 * bar, size === 0 ? 0 : -size, true));
    this.capabilityAt = this.#chain(identity.capabilities);
  }

  /** Where capabilities are; each begins at a multiple of four. */
  #chain(capabilities: readonly PciCapability[]): number[] {
    let pointer = CAPABILITIES_POINTER;
    let at = FIRST_CAPABILITY;
    const bodies: number[] = [];
    for (const { id, body, writable } of capabilities) {
      this.#initial[pointer] = at;
      this.#initial[STATUS] = CAPABILITIES_LIST;
      this.#initial[at] = id;
      this.#initial.set(body, at + 2);
      if (writable !== undefined) this.#writable.set(writable, at + 2);
      bodies.push(at + 2);
      pointer = at + 1;
      at = (at + 2 + body.length + 3) & ~3;
    }
    return bodies;
  }

  /** As firmware leaves it: BARs placed at `addresses` and decoded, the interrupt line known, no bus master. */
  powerOn(addresses: readonly number[], interruptLine: number): void {
    this.#space.set(this.#initial);
    addresses.forEach((address, bar) => this.#view.setUint32(BARS + 4 * bar, address, true));
    this.#view.setUint8(INTERRUPT_LINE, interruptLine);
    this.#view.setUint16(COMMAND, this.bars.length > 0 ? MEMORY_SPACE : 0, true);
  }

  read(offset: number, size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#space[offset + i] << (8 * i);
    return value >>> 0;
  }

  write(offset: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) {
      const mask = this.#writable[offset + i];
      this.#space[offset + i] = (this.#space[offset + i] & ~mask) | ((value >>> (8 * i)) & mask);
    }
  }

  get mayMaster(): boolean {
    return (this.read(COMMAND, 2) & BUS_MASTER) !== 0;
  }

  /** Whether an interrupt is asserted; the pin follows where it is not disabled. */
  set interruptStatus(asserted: boolean) {
    if (asserted) this.#space[STATUS] |= INTERRUPT_STATUS;
    else this.#space[STATUS] &= ~INTERRUPT_STATUS;
  }

  get interruptPin(): boolean {
    return (this.#space[STATUS] & INTERRUPT_STATUS) !== 0 && (this.read(COMMAND, 2) & INTERRUPT_DISABLE) === 0;
  }

  /** The BAR that an address lies in; -1: none. */
  barAt(address: number): number {
    if ((this.#space[COMMAND] & MEMORY_SPACE) === 0) return -1;
    for (let bar = 0; bar < this.bars.length; bar++) {
      const base = this.barBase(bar);
      if (address >= base && address < base + this.bars[bar]) return bar;
    }
    return -1;
  }

  barBase(bar: number): number {
    return this.#view.getUint32(BARS + 4 * bar, true);
  }
}

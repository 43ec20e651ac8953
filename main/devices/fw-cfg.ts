/**
 * The firmware configuration device by which a virtual machine tells its firmware what it is made of (QEMU,
 * docs/specs/fw_cfg.rst): a selector register, and a data register that gives the selected item byte by byte.
 *
 * Ports 0x510 (two bytes), 0x511. Items are read-only; what lies past an item's end reads 0.
 */
import type { Device } from './device';

/** Words of the state. */
const SELECTED = 0;
const OFFSET = 1;
export const FW_CFG_WORDS = 2;

export class FwCfg implements Device {
  readonly #state: Int32Array;
  readonly #makeItems: () => ReadonlyMap<number, Uint8Array>;
  #items: ReadonlyMap<number, Uint8Array> | null = null;

  /** `makeItems`: by their keys; called at the first access, since most threads never have one. */
  constructor(state: Int32Array, makeItems: () => ReadonlyMap<number, Uint8Array>) {
    this.#state = state;
    this.#makeItems = makeItems;
  }

  powerOn(): void {
    this.#state.fill(0);
  }

  /** The data register gives its next byte whatever the size; the selector cannot be read. */
  read(offset: number): number {
    if (offset === 0) return 0;
    this.#items ??= this.#makeItems();
    const at = this.#state[OFFSET];
    const item = this.#items.get(this.#state[SELECTED]);
    if (item === undefined || at >= item.length) return 0;
    this.#state[OFFSET] = at + 1;
    return item[at];
  }

  write(offset: number, size: number, value: number): void {
    if (offset !== 0 || size !== 2) return;
    this.#state[SELECTED] = value;
    this.#state[OFFSET] = 0;
  }
}

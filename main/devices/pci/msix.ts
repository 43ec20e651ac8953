/**
 * MSI-X (PCI Local Bus Specification 3.0, section 6.8.2): the capability, and the table and the pending bits in a BAR of their own.
 * A message is a write to where the local APICs are (SDM vol. 3A, "Message Signalled Interrupts").
 */
import type { Device } from '../device';
import { DeliveryMode, FIRST_LEGAL_VECTOR, type InterruptMessageSink } from '../interrupt-message';
import type { PciCapability, PciFunction } from './pci-function';

const CAPABILITY_ID = 0x11;
/** Message Control, the first two bytes of the capability's body. */
const FUNCTION_MASK = 1 << 14;
const ENABLE = 1 << 15;

/** The BAR: a table of four words a vector, and the pending bits. */
export const MSIX_BAR_SIZE = 0x1000;
const PENDING_BITS = 0x800;
const ENTRY_WORDS = 4;
const ADDRESS = 0;
const ADDRESS_HIGH = 1;
const DATA = 2;
const CONTROL = 3;
const MASKED = 1;

/** Message address and data. */
const ADDRESS_BASE = 0xfee;
const DESTINATION_SHIFT = 12;
const LOGICAL = 1 << 2;
const VECTOR = 0xff;
const MODE_SHIFT = 8;
const MODE_MASK = 7;

export const NO_VECTOR = 0xffff;

/** `vectors`: 32 at most. */
export const msixWords = (vectors: number): number => vectors * ENTRY_WORDS + 1;

export function msixCapability(vectors: number, bar: number): PciCapability {
  const body = new Uint8Array(10);
  const view = new DataView(body.buffer);
  view.setUint16(0, vectors - 1, true);
  view.setUint32(2, bar, true);
  view.setUint32(6, PENDING_BITS | bar, true);
  const writable = new Uint8Array(body.length);
  writable[1] = (ENABLE | FUNCTION_MASK) >> 8;
  return { id: CAPABILITY_ID, body, writable };
}

export class Msix implements Device {
  readonly vectors: number;
  readonly #state: Int32Array;
  readonly #function: PciFunction;
  /** Where the capability's body is. */
  readonly #at: number;
  readonly #sink: InterruptMessageSink;

  constructor(state: Int32Array, vectors: number, pci: PciFunction, at: number, sink: InterruptMessageSink) {
    this.#state = state;
    this.vectors = vectors;
    this.#function = pci;
    this.#at = at;
    this.#sink = sink;
  }

  powerOn(): void {
    this.#state.fill(0);
    for (let vector = 0; vector < this.vectors; vector++) this.#state[vector * ENTRY_WORDS + CONTROL] = MASKED;
  }

  get enabled(): boolean {
    return (this.#function.read(this.#at, 2) & ENABLE) !== 0;
  }

  /** Sends a vector's message, or keeps it pending while it is masked. */
  interrupt(vector: number): void {
    if (vector >= this.vectors) return;
    this.#pending |= 1 << vector;
    this.update();
  }

  /** Sends what is pending and masked no more; to be called when something about masks has changed. */
  update(): void {
    const control = this.#function.read(this.#at, 2);
    if ((control & (ENABLE | FUNCTION_MASK)) !== ENABLE || !this.#function.mayMaster) return;
    for (let vector = 0; this.#pending >>> vector !== 0; vector++) {
      const entry = vector * ENTRY_WORDS;
      if (((this.#pending >>> vector) & 1) === 0 || (this.#state[entry + CONTROL] & MASKED) !== 0) continue;
      this.#pending &= ~(1 << vector);
      this.#send(entry);
    }
  }

  read(offset: number, size: number): number {
    const shift = 8 * (offset & 3);
    const word = this.#word(offset >> 2) >>> shift;
    return size === 4 ? word : word & ((1 << (8 * size)) - 1);
  }

  /** Only whole words may be written (section 6.8.2, "MSI-X Table and PBA"). */
  write(offset: number, size: number, value: number): void {
    const word = offset >> 2;
    if (size !== 4 || (offset & 3) !== 0 || word >= this.vectors * ENTRY_WORDS) return;
    this.#state[word] = value;
    this.update();
  }

  #word(word: number): number {
    if (word < this.vectors * ENTRY_WORDS) return this.#state[word] >>> 0;
    return word === PENDING_BITS >> 2 ? this.#pending >>> 0 : 0;
  }

  /** A write to anywhere else than the local APICs' addresses is no interrupt: it is left out. */
  #send(entry: number): void {
    const address = this.#state[entry + ADDRESS] >>> 0;
    const data = this.#state[entry + DATA];
    const mode = (data >> MODE_SHIFT) & MODE_MASK;
    if (address >>> 20 !== ADDRESS_BASE || this.#state[entry + ADDRESS_HIGH] !== 0) return;
    const vector = data & VECTOR;
    if (mode <= DeliveryMode.LOWEST_PRIORITY && vector < FIRST_LEGAL_VECTOR) return;
    this.#sink.message((address >>> DESTINATION_SHIFT) & 0xff, (address & LOGICAL) !== 0, mode, vector, false);
  }

  get #pending(): number {
    return this.#state[this.vectors * ENTRY_WORDS];
  }

  set #pending(bits: number) {
    this.#state[this.vectors * ENTRY_WORDS] = bits;
  }
}

/**
 * The I/O APIC (Intel 82093AA datasheet; the EOI register is that of version 0x20, Intel 631xESB/632xESB datasheet).
 *
 * Its inputs are asserted or not: the polarity bit, which says at which voltage, is kept and changes nothing.
 * A message has arrived when it is sent, so the delivery status is always idle.
 */
import type { Device, IrqLine } from './device';
import { DeliveryMode, type InterruptMessageSink } from './interrupt-message';

export const IOAPIC_PINS = 24;

const IOREGSEL = 0x00;
const IOWIN = 0x10;
const EOI = 0x40;

/** Indirect registers, by the value in IOREGSEL. */
const ID = 0x00;
const ID_WRITABLE = 0x0f00_0000;
const VERSION = 0x01;
const VERSION_VALUE = 0x20 | ((IOAPIC_PINS - 1) << 16);
const ARBITRATION = 0x02;
/** Two registers a pin, low and high. */
const REDIRECTION = 0x10;
const VECTOR = 0xff;
const MODE_SHIFT = 8;
const MODE_MASK = 7;
const LOGICAL = 1 << 11;
const REMOTE_IRR = 1 << 14;
const LEVEL_TRIGGERED = 1 << 15;
const MASKED = 1 << 16;
/** All but the delivery status and the remote IRR. */
const LOW_WRITABLE = 0x0001_afff;
const HIGH_WRITABLE = 0xff00_0000;

/** State: selected register, id, asserted inputs (bit n for pin n), and the redirection table. */
const SELECTED = 0;
const OWN_ID = 1;
const INPUTS = 2;
const TABLE = 4;
export const IOAPIC_WORDS = TABLE + 2 * IOAPIC_PINS;

export class Ioapic implements Device {
  readonly #state: Int32Array;
  readonly #sink: InterruptMessageSink;

  /** `state` is IOAPIC_WORDS of shared memory; `powerOn` initializes it, once for all threads. */
  constructor(state: Int32Array, sink: InterruptMessageSink) {
    this.#state = state;
    this.#sink = sink;
  }

  powerOn(): void {
    this.#state.fill(0);
    for (let pin = 0; pin < IOAPIC_PINS; pin++) this.#state[TABLE + 2 * pin] = MASKED;
  }

  line(pin: number): IrqLine {
    return { set: (level) => this.#setInput(pin, level) };
  }

  /** An EOI from a local APIC: level-triggered pins with this vector are free again, and sent again while asserted. */
  eoi(vector: number): void {
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const low = this.#state[TABLE + 2 * pin];
      if ((low & REMOTE_IRR) === 0 || (low & VECTOR) !== vector) continue;
      this.#state[TABLE + 2 * pin] = low & ~REMOTE_IRR;
      this.#sendIfLevel(pin);
    }
  }

  /** Bits 31:0 of a redirection entry: with KVM's split irqchip the GSI routes repeat the table. */
  entryLow(pin: number): number {
    return this.#state[TABLE + 2 * pin] >>> 0;
  }

  /** Bits 63:32 of a redirection entry. */
  entryHigh(pin: number): number {
    return this.#state[TABLE + 2 * pin + 1] >>> 0;
  }

  /** A narrower access reads the low bytes. */
  read(offset: number, size: number): number {
    let value = 0;
    if (offset === IOREGSEL) value = this.#state[SELECTED];
    else if (offset === IOWIN) value = this.#readSelected();
    return size === 4 ? value : value & ((1 << (8 * size)) - 1);
  }

  /** A narrower write is extended with zeros, as in KVM. */
  write(offset: number, _size: number, value: number): void {
    if (offset === IOREGSEL) this.#state[SELECTED] = value & 0xff;
    else if (offset === IOWIN) this.#writeSelected(value);
    else if (offset === EOI) this.eoi(value & VECTOR);
  }

  /** Unknown registers read 0. The arbitration id follows the id, since there is no bus to arbitrate for. */
  #readSelected(): number {
    const selected = this.#state[SELECTED];
    if (selected === ID || selected === ARBITRATION) return this.#state[OWN_ID];
    if (selected === VERSION) return VERSION_VALUE;
    if (isRedirection(selected)) return this.#state[TABLE + selected - REDIRECTION] >>> 0;
    return 0;
  }

  #writeSelected(value: number): void {
    const selected = this.#state[SELECTED];
    if (selected === ID) this.#state[OWN_ID] = value & ID_WRITABLE;
    if (!isRedirection(selected)) return;
    const word = TABLE + selected - REDIRECTION;
    const isHigh = (selected & 1) !== 0;
    if (isHigh) this.#state[word] = value & HIGH_WRITABLE;
    else this.#writeLow((selected - REDIRECTION) >> 1, value & LOW_WRITABLE);
  }

  #writeLow(pin: number, value: number): void {
    const word = TABLE + 2 * pin;
    // An edge has no remote IRR: making a pin edge-triggered frees one whose EOI was lost, and kernels rely on it.
    const remoteIrr = isLevel(value) ? this.#state[word] & REMOTE_IRR : 0;
    this.#state[word] = value | remoteIrr;
    this.#sendIfLevel(pin);
  }

  #setInput(pin: number, level: boolean): void {
    const state = this.#state;
    const bit = 1 << pin;
    const before = (state[INPUTS] & bit) !== 0;
    if (level) state[INPUTS] |= bit;
    else state[INPUTS] &= ~bit;
    if (!level || before) return;
    const low = state[TABLE + 2 * pin];
    if (isLevel(low)) this.#sendIfLevel(pin);
    // An edge at a masked pin is lost.
    else if ((low & MASKED) === 0) this.#send(pin);
  }

  /** Sends a level-triggered pin that is asserted, open, and not waiting for an EOI. */
  #sendIfLevel(pin: number): void {
    const word = TABLE + 2 * pin;
    const low = this.#state[word];
    if (!isLevel(low) || (low & (MASKED | REMOTE_IRR)) !== 0 || ((this.#state[INPUTS] >> pin) & 1) === 0) return;
    // Before it is sent: the EOI may come while the sink delivers.
    this.#state[word] = low | REMOTE_IRR;
    this.#send(pin);
  }

  #send(pin: number): void {
    const low = this.#state[TABLE + 2 * pin];
    const destination = this.#state[TABLE + 2 * pin + 1] >>> 24;
    this.#sink.message(destination, (low & LOGICAL) !== 0, deliveryMode(low), low & VECTOR, isLevel(low));
  }
}

function isRedirection(register: number): boolean {
  return register >= REDIRECTION && register < REDIRECTION + 2 * IOAPIC_PINS;
}

function deliveryMode(low: number): number {
  return (low >> MODE_SHIFT) & MODE_MASK;
}

/** Only fixed and lowest-priority interrupts can be level-triggered; the others are edges whatever the bit says. */
function isLevel(low: number): boolean {
  return (low & LEVEL_TRIGGERED) !== 0 && deliveryMode(low) <= DeliveryMode.LOWEST_PRIORITY;
}

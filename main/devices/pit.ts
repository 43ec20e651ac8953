/**
 * The 8254 interval timer of a PC, and port 0x61 that gates its counter 2.
 *
 * Intel 8254 Programmable Interval Timer datasheet (order number 231164), sections "Programming the 8254" and
 * "Read Operations"; its counters are in pit-counter.ts. Port 0x61 is System Control Port B (IBM PS/2 Technical
 * Reference; NMISC in the 82371FB/SB datasheet).
 *
 * At its rate a guest can ask for periods that leave no time for anything else. Counter 0's interrupts keep a least distance, as
 * those of the local APIC's timer do (lapic-timer.ts); what the counter holds does not change by it.
 *
 * Nothing counts: the counters compute what they hold from the number of clock pulses since the machine started, so that
 * no rounding adds up.
 */
import type { Clock } from '../base/clock';
import { ByteDevice } from './bus';
import type { Device, IrqLine, TimedDevice } from './device';
import { COUNTER_WORDS, PitCounter } from './pit-counter';

const PIT_HZ = 1_193_182;
/** Counter 1 of a PC divides by 18 for the memory refresh: 15 µs. */
const REFRESH_PULSES = 18;

/** Port 0x43. */
const CONTROL_OFFSET = 3;
const READ_BACK = 3; // as counter number
const READ_BACK_NO_COUNT = 0x20;
const READ_BACK_NO_STATUS = 0x10;
const LATCH_COMMAND = 0; // as access bits, 5 and 4

/** Port 0x61. */
const PORT_B_GATE2 = 0x01;
const PORT_B_KEPT = 0x0f; // gate 2, speaker, parity and channel check enables
const PORT_B_REFRESH = 0x10;
const PORT_B_OUT2 = 0x20;

/** The timer's own state: a number of 64 bits and a word. */
const RISE_WORD = 3 * COUNTER_WORDS; // next pulse at which counter 0's OUT rises; Infinity: never
const PORT_B = RISE_WORD + 2;
export const PIT_WORDS = PORT_B + 2;

/** Whole pulses that have passed at `ns`. Seconds go apart: no product leaves the 53 bits that a number holds exactly. */
function pulsesAt(ns: number): number {
  const rest = ns % 1e9;
  return ((ns - rest) / 1e9) * PIT_HZ + Math.floor((rest * (PIT_HZ / 2)) / (1e9 / 2));
}

/** The first nanosecond at which `pulse` has passed. */
function timeOf(pulse: number): number {
  const rest = pulse % PIT_HZ;
  return ((pulse - rest) / PIT_HZ) * 1e9 + Math.ceil((rest * (1e9 / 2)) / (PIT_HZ / 2));
}

/** Ports 0x40 to 0x43. */
export class Pit extends ByteDevice implements TimedDevice {
  /** Port 0x61. */
  readonly portB: Device = { read: () => this.#readPortB(), write: (_offset, _size, value) => this.#writePortB(value) };
  readonly #state: Int32Array;
  readonly #rise: Float64Array;
  readonly #counters: readonly [PitCounter, PitCounter, PitCounter];
  readonly #clock: Clock;
  readonly #irq: IrqLine;
  readonly #leastPulses: number;

  /**
   * `irq` is counter 0's OUT. In modes 2 and 3 it is low only for the moment of the edge that starts a period.
   * `shortestPeriod`: of these edges, in ns.
   */
  constructor(state: Int32Array, clock: Clock, irq: IrqLine, shortestPeriod: number) {
    super();
    this.#state = state;
    this.#rise = new Float64Array(state.buffer, state.byteOffset + 4 * RISE_WORD, 1);
    const counter = (n: number) => new PitCounter(state.subarray(n * COUNTER_WORDS, (n + 1) * COUNTER_WORDS));
    this.#counters = [counter(0), counter(1), counter(2)];
    this.#clock = clock;
    this.#irq = irq;
    this.#leastPulses = Math.ceil((shortestPeriod * PIT_HZ) / 1e9);
  }

  /** The datasheet leaves all undefined here: mode 0 without a count keeps OUT low and asks for nothing. */
  powerOn(): void {
    this.#counters[0].powerOn(1);
    this.#counters[1].powerOn(1);
    this.#counters[2].powerOn(0);
    this.#state[PORT_B] = 0;
    this.#rise[0] = Infinity;
    this.#irq.set(false);
  }

  deadline(): number {
    return this.#rise[0] === Infinity ? Infinity : timeOf(this.#rise[0]);
  }

  /** Periods that were missed make one edge together. */
  expire(now: number): void {
    const pulse = pulsesAt(now);
    if (pulse < this.#rise[0]) return;
    this.#rise[0] = Math.max(this.#counters[0].nextRise(pulse), pulse + this.#leastPulses);
    this.#irq.set(false);
    this.#irq.set(true);
  }

  protected readByte(offset: number): number {
    if (offset === CONTROL_OFFSET) return 0xff; // write-only
    return this.#counters[offset].read(pulsesAt(this.#clock.now()));
  }

  protected writeByte(offset: number, value: number): void {
    const now = this.#clock.now();
    this.expire(now);
    const pulse = pulsesAt(now);
    if (offset === CONTROL_OFFSET) this.#control(value, pulse);
    else this.#counters[offset].write(value, pulse);
    const counter = this.#counters[0];
    this.#irq.set(counter.mode !== 0 || counter.out(pulse));
    this.#rise[0] = counter.nextRise(pulse);
  }

  #control(value: number, pulse: number): void {
    const select = value >> 6;
    if (select === READ_BACK) {
      for (let n = 0; n < 3; n++) {
        if (((value >> (n + 1)) & 1) === 0) continue;
        if ((value & READ_BACK_NO_COUNT) === 0) this.#counters[n].latchCount(pulse);
        if ((value & READ_BACK_NO_STATUS) === 0) this.#counters[n].latchStatus(pulse);
      }
    } else if (((value >> 4) & 3) === LATCH_COMMAND) {
      this.#counters[select].latchCount(pulse);
    } else {
      this.#counters[select].program(value);
    }
  }

  #readPortB(): number {
    const pulse = pulsesAt(this.#clock.now());
    const refresh = Math.floor(pulse / REFRESH_PULSES) % 2 !== 0 ? PORT_B_REFRESH : 0;
    return this.#state[PORT_B] | refresh | (this.#counters[2].out(pulse) ? PORT_B_OUT2 : 0);
  }

  #writePortB(value: number): void {
    this.#state[PORT_B] = value & PORT_B_KEPT;
    this.#counters[2].setGate(value & PORT_B_GATE2, pulsesAt(this.#clock.now()));
  }
}

/**
 * Power management: the fixed hardware of ACPI (ACPI Specification 6.5, chapter 4.8): PM1 event and control registers, and
 * the power management timer. There is no system management mode code, so that the machine is always in ACPI mode, and soft
 * off is the only state that it sleeps in.
 */
import type { Clock } from '../base/clock';
import { PM1_CONTROL, PM_TIMER, SOFT_OFF } from '../base/pm-registers';
import type { IrqLine, TimedDevice } from './device';

/** 4.8.4.1.1 PM1 Status Registers: a 1 that is written clears. */
const TIMER = 1 << 0;
const POWER_BUTTON = 1 << 8;
const STATUS_BITS = TIMER | POWER_BUTTON;
/**
 * 4.8.4.1.2 PM1 Enable Registers: the upper half of the first four bytes. The bits of the global lock and of the RTC are kept, too,
 * without a status: an OS looks whether they are.
 */
const ENABLE_SHIFT = 16;
const GLOBAL = 1 << 5;
const RTC = 1 << 10;
const ENABLE_BITS = STATUS_BITS | GLOBAL | RTC;
/** 4.8.4.2.1 PM1 Control Registers. */
const SCI_EN = 1 << 0;
const BUS_MASTER_RELOAD = 1 << 1;
const SLEEP_TYPE_SHIFT = 10;
const SLEEP_TYPE = 7 << SLEEP_TYPE_SHIFT;
const SLEEP_EN = 1 << 13; // write-only

/** 4.8.2.1 Power Management Timer: of 32 bits here. */
const TICKS_PER_NS = 3_579_545 / 1e9;
const TIMER_RANGE = 2 ** 32;
/** The status bit of the timer is set whenever its uppermost bit changes. */
const HALF_RANGE = 2 ** 31;

/** Words of the state: a number of 64 bits, the machine time of the uppermost bit's next change, and the registers. */
const STATUS = 2;
const ENABLE = 3;
const CONTROL = 4;
export const PM_WORDS = 6;

export class Pm implements TimedDevice {
  readonly #state: Int32Array;
  readonly #nextChange: Float64Array;
  readonly #clock: Clock;
  readonly #sci: IrqLine;
  readonly #switchOff: () => void;

  constructor(state: Int32Array, clock: Clock, sci: IrqLine, switchOff: () => void) {
    this.#state = state;
    this.#nextChange = new Float64Array(state.buffer, state.byteOffset, 1);
    this.#clock = clock;
    this.#sci = sci;
    this.#switchOff = switchOff;
  }

  powerOn(): void {
    this.#state.fill(0);
    this.#nextChange[0] = changeAfter(this.#clock.now());
    this.#sci.set(false);
  }

  pressPowerButton(): void {
    this.#state[STATUS] |= POWER_BUTTON;
    this.#updateSci();
  }

  deadline(): number {
    const state = this.#state;
    return (state[ENABLE] & ~state[STATUS] & TIMER) !== 0 ? this.#nextChange[0] : Infinity;
  }

  expire(now: number): void {
    this.#watchTimer(now);
    this.#updateSci();
  }

  /** A narrower access reads its part of four bytes. */
  read(offset: number, size: number): number {
    const value = this.#register(offset & ~3) >>> (8 * (offset & 3));
    return size === 4 ? value : value & ((1 << (8 * size)) - 1);
  }

  write(offset: number, size: number, value: number): void {
    const shift = 8 * (offset & 3);
    const mask = (size === 4 ? -1 : (1 << (8 * size)) - 1) << shift;
    if (offset < PM1_CONTROL) this.#writeEvent(value << shift, mask);
    else if (offset < PM_TIMER) this.#writeControl(value << shift, mask);
  }

  #register(offset: number): number {
    const state = this.#state;
    const now = this.#clock.now();
    if (offset === PM_TIMER) return Math.floor(now * TICKS_PER_NS) % TIMER_RANGE;
    if (offset === PM1_CONTROL) return state[CONTROL] | SCI_EN;
    this.#watchTimer(now);
    return state[STATUS] | (state[ENABLE] << ENABLE_SHIFT);
  }

  #writeEvent(value: number, mask: number): void {
    const state = this.#state;
    this.#watchTimer(this.#clock.now());
    state[STATUS] &= ~(value & mask);
    const keep = state[ENABLE] & ~(mask >>> ENABLE_SHIFT);
    state[ENABLE] = keep | (((value & mask) >>> ENABLE_SHIFT) & ENABLE_BITS);
    this.#updateSci();
  }

  #writeControl(value: number, mask: number): void {
    const state = this.#state;
    const all = (state[CONTROL] & ~mask) | (value & mask);
    state[CONTROL] = all & (BUS_MASTER_RELOAD | SLEEP_TYPE);
    if ((value & mask & SLEEP_EN) !== 0 && (all & SLEEP_TYPE) === SOFT_OFF << SLEEP_TYPE_SHIFT) this.#switchOff();
  }

  #watchTimer(now: number): void {
    if (now < this.#nextChange[0]) return;
    this.#state[STATUS] |= TIMER;
    this.#nextChange[0] = changeAfter(now);
  }

  #updateSci(): void {
    this.#sci.set((this.#state[STATUS] & this.#state[ENABLE] & STATUS_BITS) !== 0);
  }
}

/** The machine time, in whole ns, at which the timer's uppermost bit has changed next. */
function changeAfter(now: number): number {
  const halves = Math.floor((now * TICKS_PER_NS) / HALF_RANGE);
  return Math.floor(((halves + 1) * HALF_RANGE) / TICKS_PER_NS) + 1;
}

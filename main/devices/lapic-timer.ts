/**
 * The local APIC timer (SDM vol. 3A, "APIC Timer" and "TSC-Deadline Mode"): one moment of machine time, from which the
 * current count is computed when somebody reads it. Its input clock, before the divider, has 1 GHz: a tick a nanosecond.
 * Only the owner's thread calls it.
 *
 * At that rate a guest can ask for periods that leave no time for anything between two expiries. A period has a least
 * length, as in KVM (arch/x86/kvm/lapic.c, limit_periodic_timer_frequency); one-shot and TSC-deadline need none, since
 * each of their expiries takes a write of the guest's.
 */
import * as reg from '../base/lapic-registers';

const MODE_SHIFT = 17;
const MODE_MASK = 3;
const PERIODIC = 1;
const TSC_DEADLINE = 2;

export class LapicTimer {
  readonly #state: Int32Array;
  readonly #expiry: Float64Array;
  readonly #shortestPeriod: number;

  /** `shortestPeriod` in ns. */
  constructor(state: Int32Array, shortestPeriod: number) {
    this.#state = state;
    this.#shortestPeriod = shortestPeriod;
    this.#expiry = new Float64Array(state.buffer, state.byteOffset + 4 * reg.TIMER_EXPIRY, 1);
  }

  /** Machine time in ns of the next expiry, masked or not; Infinity while the timer stands. */
  get expiry(): number {
    return this.#expiry[0];
  }

  /**
   * True where the timer ran out by `now`. A periodic one goes on from the expiry, not from `now`, so it does not
   * drift; periods that nobody looked at are one expiry, as their interrupts would be one bit of the IRR.
   */
  expire(now: number): boolean {
    const due = this.#expiry[0];
    if (now < due) return false;
    if (this.#mode === PERIODIC) {
      const period = this.#interval;
      this.#expiry[0] = now - ((now - due) % period) + period;
    } else {
      this.#disarm();
    }
    return true;
  }

  /** The current count register; `expire` comes first. */
  currentCount(now: number): number {
    const due = this.#expiry[0];
    if (due === Infinity || this.#mode === TSC_DEADLINE) return 0;
    return Math.min(Math.ceil((due - now) / this.#divisor), this.#state[reg.INITIAL_COUNT] >>> 0);
  }

  setInitialCount(count: number, now: number): void {
    if (this.#mode === TSC_DEADLINE) return;
    this.#state[reg.INITIAL_COUNT] = count;
    this.#expiry[0] = count === 0 ? Infinity : now + this.#interval;
  }

  /** A counter under way keeps its count and goes on at the new rate. */
  setDivide(value: number, now: number): void {
    const before = this.#divisor;
    this.#state[reg.DIVIDE] = value & reg.DIVIDE_WRITABLE;
    if (this.#mode !== TSC_DEADLINE) this.#expiry[0] = now + ((this.#expiry[0] - now) / before) * this.#divisor;
  }

  /**
   * The LVT timer register. Into and out of TSC-deadline mode disarms; between one-shot and periodic the counter goes
   * on, as hardware does and kvm-unit-tests' test_apic_change_mode asks.
   */
  setLvt(value: number): void {
    const before = this.#mode;
    this.#state[reg.LVT_TIMER] = value;
    if ((before === TSC_DEADLINE) !== (this.#mode === TSC_DEADLINE)) {
      this.#state[reg.INITIAL_COUNT] = 0;
      this.#disarm();
    }
  }

  /** IA32_TSC_DEADLINE; `at` is the same moment in ns of machine time. Outside TSC-deadline mode a write does nothing. */
  setTscDeadline(low: number, high: number, at: number): void {
    if (this.#mode !== TSC_DEADLINE) return;
    this.#state[reg.TSC_DEADLINE_LOW] = low;
    this.#state[reg.TSC_DEADLINE_HIGH] = high;
    this.#expiry[0] = (low | high) === 0 ? Infinity : at;
  }

  reset(): void {
    this.#state[reg.LVT_TIMER] = reg.LVT_MASKED;
    this.#state[reg.INITIAL_COUNT] = 0;
    this.#state[reg.DIVIDE] = 0;
    this.#disarm();
  }

  #disarm(): void {
    this.#expiry[0] = Infinity;
    this.#state[reg.TSC_DEADLINE_LOW] = 0;
    this.#state[reg.TSC_DEADLINE_HIGH] = 0;
  }

  /** From the initial count to 0, in ns. */
  get #interval(): number {
    const counted = (this.#state[reg.INITIAL_COUNT] >>> 0) * this.#divisor;
    return this.#mode === PERIODIC ? Math.max(counted, this.#shortestPeriod) : counted;
  }

  get #mode(): number {
    return (this.#state[reg.LVT_TIMER] >>> MODE_SHIFT) & MODE_MASK;
  }

  /** 2, 4, 8, 16, 32, 64, 128, 1 by bits 3, 1 and 0 of the divide configuration register. */
  get #divisor(): number {
    const divide = this.#state[reg.DIVIDE];
    return 1 << ((((divide & 3) | ((divide >> 1) & 4)) + 1) & 7);
  }
}

/**
 * The local APIC (SDM vol. 3A, chapter "Advanced Programmable Interrupt Controller (APIC)"). Its registers are a page of
 * memory in xAPIC mode; x2apic.ts has them as MSRs.
 *
 * Only the thread of the owning vcpu touches the registers, with these exceptions, which any thread may call at any
 * time: `accept`, `latch` and `lint`, and what decides who is addressed (`addressedBy`, `enabled`, `softwareEnabled`,
 * `priority`, `acceptsExtInt`). Words that several threads change are changed by `bits`.
 */
import type { BitOperations } from '../base/bits';
import type { Clock } from '../base/clock';
import type { TimedDevice } from './device';
import { DeliveryMode, FIRST_LEGAL_VECTOR } from './interrupt-message';
import * as reg from '../base/lapic-registers';
import { isAddressed, logicalX2apicId, modeOf, takeIdentity } from './lapic-identity';
import { LapicTimer } from './lapic-timer';
import { LapicVectors } from './lapic-vectors';

export { LAPIC_WORDS } from '../base/lapic-registers';

export interface LapicHost {
  /** For words that any thread may change. */
  readonly bits: BitOperations;
  /** In ns: a periodic timer that is set to less expires this often. */
  readonly shortestTimerPeriod: number;
  /** The ICR was written; `destination` is its bits 63:56, in x2APIC mode bits 63:32, signed. */
  sendIpi(source: number, icrLow: number, destination: number): void;
  /** A level-triggered interrupt has ended: every I/O APIC that waits for this vector hears of it. */
  broadcastEoi(vector: number): void;
  /** An LVT entry with delivery mode INIT asserts INIT at its own processor. Any thread. */
  localInit(cpu: number): void;
  /** Wakes or interrupts the owner, who then looks for what is pending. Any thread. */
  kick(cpu: number): void;
}

/** Signals beside the vectors that wait for the owner; bits. */
export const Latch = { NMI: 1, SMI: 2, EXTINT: 4 } as const;

export class Lapic implements TimedDevice {
  readonly cpu: number;
  readonly #state: Int32Array;
  readonly #clock: Clock;
  readonly #bits: BitOperations;
  readonly #host: LapicHost;
  readonly #vectors: LapicVectors;
  readonly #timer: LapicTimer;

  /** `state` is LAPIC_WORDS of shared memory, 8-byte aligned; `powerOn` initializes it, once for all threads. */
  constructor(state: Int32Array, cpu: number, clock: Clock, host: LapicHost) {
    this.#state = state;
    this.cpu = cpu;
    this.#clock = clock;
    this.#bits = host.bits;
    this.#host = host;
    this.#vectors = new LapicVectors(state, host.bits);
    this.#timer = new LapicTimer(state, host.shortestTimerPeriod);
  }

  powerOn(apicId: number): void {
    this.#state[reg.INITIAL_ID] = apicId;
    this.#state[reg.VERSION] = reg.VERSION_VALUE;
    this.#state[reg.LINT] = 0;
    this.#state[reg.MODE] = reg.MODE_XAPIC;
    this.#reset();
    this.#state[reg.ID] = apicId << 24;
  }

  /** The INIT reset: as at power-on, but APIC id and mode stay ("Local APIC State After an INIT Reset"). */
  init(): void {
    this.#reset();
  }

  /** Virtual wire mode as firmware leaves it on the BSP (MP Specification 1.4, 3.6.2.2): the 8259 on LINT0, NMI on LINT1. */
  virtualWire(): void {
    this.#writeSvr(reg.SVR_ENABLE | reg.SVR_VECTOR);
    this.#writeLint(0, DeliveryMode.EXTINT << 8);
    this.#writeLint(1, DeliveryMode.NMI << 8);
  }

  /**
   * Low half of IA32_APIC_BASE ("x2APIC State Transitions"). A LAPIC switched off loses its state and comes back as after
   * power-on; one that becomes an x2APIC keeps all but what the id decides, and the ICR's destination.
   */
  setBase(base: number): void {
    const state = this.#state;
    const mode = modeOf(base);
    if (mode === state[reg.MODE]) return;
    state[reg.MODE] = mode;
    if (mode === reg.MODE_OFF) this.#reset();
    else takeIdentity(state);
  }

  get enabled(): boolean {
    return this.#state[reg.MODE] !== reg.MODE_OFF;
  }

  get isX2apic(): boolean {
    return this.#state[reg.MODE] === reg.MODE_X2APIC;
  }

  get softwareEnabled(): boolean {
    return (this.#state[reg.SVR] & reg.SVR_ENABLE) !== 0;
  }

  /** The processor priority (PPR), by which lowest-priority delivery chooses. */
  get priority(): number {
    return this.#state[reg.PPR];
  }

  /** Whether a message to this destination (32 bits, signed) is for this LAPIC. */
  addressedBy(destination: number, logical: boolean): boolean {
    return isAddressed(this.#state, destination, logical);
  }

  /** Takes a fixed interrupt into the IRR; a LAPIC that software has disabled drops it. Any thread. */
  accept(vector: number, level: boolean): void {
    if (!this.softwareEnabled) return;
    if (vector < FIRST_LEGAL_VECTOR) {
      this.#error(reg.ESR_RECEIVE_ILLEGAL_VECTOR);
      return;
    }
    if (!this.#vectors.request(vector, level)) return;
    // An INIT in between has disabled it and then cleared the IRR: what it cleared must not come back.
    if ((this.#bits.load(this.#state, reg.SVR) & reg.SVR_ENABLE) !== 0) this.#host.kick(this.cpu);
    else this.#vectors.withdraw(vector);
  }

  /** Latches an NMI, SMI or ExtINT, which a LAPIC takes software-enabled or not. Any thread. */
  latch(signal: number): void {
    if ((this.#bits.or(this.#state, reg.LATCHED, signal) & signal) === 0) this.#host.kick(this.cpu);
  }

  /** The signals that are latched (Latch). */
  get latched(): number {
    return this.#state[reg.LATCHED];
  }

  /** Takes those of `signals` that are latched, and says which they were. */
  takeLatched(signals: number): number {
    if ((this.latched & signals) === 0) return 0;
    return this.#bits.and(this.#state, reg.LATCHED, ~signals) & signals;
  }

  /**
   * Input LINT0 or LINT1. It is asserted or not: the LVT's polarity bit, which says at which voltage, changes nothing.
   * Any thread.
   */
  lint(pin: 0 | 1, level: boolean): void {
    const bit = 1 << pin;
    if (!level) {
      this.#bits.and(this.#state, reg.LINT, ~bit);
      return;
    }
    if ((this.#bits.or(this.#state, reg.LINT, bit) & bit) !== 0) return;
    if (this.enabled) this.#deliverLint(pin);
    // Without the APIC the pins are the processor's INTR and NMI.
    else if (pin === 1) this.latch(Latch.NMI);
    else this.#host.kick(this.cpu);
  }

  /** Whether the 8259's INTR gets through to the processor. */
  acceptsExtInt(): boolean {
    if (!this.enabled) return true;
    const lvt = this.#state[reg.LVT_LINT0];
    return (lvt & reg.LVT_MASKED) === 0 && deliveryMode(lvt) === DeliveryMode.EXTINT;
  }

  /** The vector that can be delivered now: the highest in the IRR, if it is above the processor priority; else -1. */
  pendingVector(): number {
    return this.#vectors.pending();
  }

  /** INTA: puts the pending vector in service and returns it; where nothing is pending any more, the spurious vector. */
  acknowledge(): number {
    const vector = this.#vectors.acknowledge();
    return vector < 0 ? this.#state[reg.SVR] & reg.SVR_VECTOR : vector;
  }

  /** CR8 is the upper half of the TPR. */
  get cr8(): number {
    return this.#state[reg.TPR] >> 4;
  }

  set cr8(value: number) {
    this.#vectors.setTaskPriority(value << 4);
  }

  /** IA32_TSC_DEADLINE was written; `at` is that TSC value in ns of machine time. */
  setTscDeadline(low: number, high: number, at: number): void {
    this.expire(this.#clock.now());
    this.#timer.setTscDeadline(low, high, at);
  }

  /** IA32_TSC_DEADLINE as it reads back: 0 once it has fired. */
  get tscDeadlineLow(): number {
    return this.#state[reg.TSC_DEADLINE_LOW] >>> 0;
  }

  get tscDeadlineHigh(): number {
    return this.#state[reg.TSC_DEADLINE_HIGH] >>> 0;
  }

  deadline(): number {
    return this.#timer.expiry;
  }

  expire(now: number): void {
    if (!this.#timer.expire(now)) return;
    const lvt = this.#state[reg.LVT_TIMER];
    if ((lvt & reg.LVT_MASKED) === 0) this.accept(lvt & reg.LVT_VECTOR, false);
  }

  /** Bytes 4 to 15 of a stride are undefined; here they, and an access that reaches them, read 0. */
  read(offset: number, size: number): number {
    const first = offset & 0xf;
    if (first + size > 4) return 0;
    const value = this.#readRegister(offset >> 4) >>> (8 * first);
    return size === 4 ? value : value & ((1 << (8 * size)) - 1);
  }

  /** Only whole registers can be written; anything else is ignored, as KVM's LAPIC does. */
  write(offset: number, size: number, value: number): void {
    if (size !== 4 || (offset & 0xf) !== 0) return;
    const state = this.#state;
    const index = offset >> 4;
    switch (index) {
      case reg.ID:
      case reg.LDR:
        state[index] = value & 0xff00_0000;
        return;
      case reg.ICR_HIGH:
        state[index] = this.isX2apic ? value : value & 0xff00_0000;
        return;
      case reg.TPR:
        this.#vectors.setTaskPriority(value & 0xff);
        return;
      case reg.EOI:
        this.#endOfInterrupt();
        return;
      case reg.DFR:
        state[index] = value | reg.DFR_RESERVED;
        return;
      case reg.SVR:
        this.#writeSvr(value);
        return;
      case reg.ESR:
        state[reg.ESR] = this.#bits.exchange(state, reg.ERRORS, 0);
        return;
      case reg.ICR_LOW:
        this.#writeIcr(value & reg.ICR_LOW_WRITABLE);
        return;
      case reg.LVT_TIMER:
        this.expire(this.#clock.now());
        this.#timer.setLvt(this.#maskedUnlessEnabled(value & reg.LVT_TIMER_WRITABLE));
        return;
      case reg.LVT_THERMAL:
      case reg.LVT_PERFORMANCE:
        state[index] = this.#maskedUnlessEnabled(value & reg.LVT_MONITOR_WRITABLE);
        return;
      case reg.LVT_LINT0:
        this.#writeLint(0, value);
        return;
      case reg.LVT_LINT1:
        this.#writeLint(1, value);
        return;
      case reg.LVT_ERROR:
        state[index] = this.#maskedUnlessEnabled(value & reg.LVT_ERROR_WRITABLE);
        return;
      case reg.INITIAL_COUNT: {
        const now = this.#clock.now();
        this.expire(now);
        this.#timer.setInitialCount(value, now);
        return;
      }
      case reg.DIVIDE: {
        const now = this.#clock.now();
        this.expire(now);
        this.#timer.setDivide(value, now);
        return;
      }
      default:
        // What is left is read-only or no register.
        if (!reg.isRegister(index)) this.#error(reg.ESR_ILLEGAL_REGISTER_ADDRESS);
    }
  }

  #readRegister(index: number): number {
    const state = this.#state;
    if (!reg.isRegister(index)) {
      this.#error(reg.ESR_ILLEGAL_REGISTER_ADDRESS);
      return 0;
    }
    if (index === reg.CURRENT_COUNT) {
      const now = this.#clock.now();
      this.expire(now);
      return this.#timer.currentCount(now);
    }
    const value = state[index];
    if (index === reg.LVT_LINT0 && (state[reg.LINT] & reg.LINT0_REMOTE_IRR) !== 0) {
      return value | reg.LVT_REMOTE_IRR;
    }
    return value >>> 0;
  }

  #endOfInterrupt(): void {
    const vector = this.#vectors.end();
    if (vector < 0 || !this.#vectors.isLevelTriggered(vector)) return;
    if ((this.#state[reg.LVT_LINT0] & reg.LVT_VECTOR) === vector) this.#endLint0();
    if ((this.#state[reg.SVR] & reg.SVR_SUPPRESS_EOI_BROADCAST) === 0) this.#host.broadcastEoi(vector);
  }

  #endLint0(): void {
    const old = this.#bits.and(this.#state, reg.LINT, ~reg.LINT0_REMOTE_IRR);
    if ((old & reg.LINT0_REMOTE_IRR) !== 0) this.#deliverLint0IfLevel();
  }

  #writeSvr(value: number): void {
    // What is due came before the write, which may mask it.
    this.expire(this.#clock.now());
    this.#state[reg.SVR] = value & reg.SVR_WRITABLE;
    if ((value & reg.SVR_ENABLE) !== 0) return;
    for (let index = reg.LVT_TIMER; index <= reg.LVT_ERROR; index++) this.#state[index] |= reg.LVT_MASKED;
  }

  #writeIcr(low: number): void {
    this.#state[reg.ICR_LOW] = low;
    const mode = deliveryMode(low);
    const hasVector = mode === DeliveryMode.FIXED || mode === DeliveryMode.LOWEST_PRIORITY;
    const high = this.#state[reg.ICR_HIGH];
    if (hasVector && (low & 0xff) < FIRST_LEGAL_VECTOR) this.#error(reg.ESR_SEND_ILLEGAL_VECTOR);
    else this.#host.sendIpi(this.cpu, low, this.isX2apic ? high : high >>> 24);
  }

  /** The SELF IPI register of x2APIC mode: the same as the ICR with a shorthand, which stays as it is. */
  sendToSelf(vector: number): void {
    if (vector < FIRST_LEGAL_VECTOR) this.#error(reg.ESR_SEND_ILLEGAL_VECTOR);
    else this.#host.sendIpi(this.cpu, reg.ICR_SELF | reg.ICR_ASSERT | vector, 0);
  }

  #writeLint(pin: 0 | 1, value: number): void {
    const lvt = this.#maskedUnlessEnabled(value & reg.LVT_LINT_WRITABLE);
    // Against `lint`, which sets the input and then reads the LVT: one of the two sees both.
    this.#bits.exchange(this.#state, reg.LVT_LINT0 + pin, lvt);
    if (pin === 0) {
      if (!isLevel(lvt)) this.#bits.and(this.#state, reg.LINT, ~reg.LINT0_REMOTE_IRR);
      this.#deliverLint0IfLevel();
    }
  }

  /** A level-triggered LINT0 that is asserted is delivered when its LVT entry or an EOI lets it through. */
  #deliverLint0IfLevel(): void {
    if ((this.#bits.load(this.#state, reg.LINT) & 1) !== 0 && isLevel(this.#state[reg.LVT_LINT0])) this.#deliverLint(0);
  }

  #deliverLint(pin: 0 | 1): void {
    const state = this.#state;
    const lvt = this.#bits.load(state, reg.LVT_LINT0 + pin);
    if ((lvt & reg.LVT_MASKED) !== 0) return;
    switch (deliveryMode(lvt)) {
      case DeliveryMode.FIXED:
        // LINT1 does not support level triggering ("Local Vector Table").
        if (pin === 1 || !isLevel(lvt)) this.accept(lvt & reg.LVT_VECTOR, false);
        else if ((this.#bits.or(state, reg.LINT, reg.LINT0_REMOTE_IRR) & reg.LINT0_REMOTE_IRR) === 0) {
          this.accept(lvt & reg.LVT_VECTOR, true);
        }
        return;
      case DeliveryMode.SMI:
        this.latch(Latch.SMI);
        return;
      case DeliveryMode.NMI:
        this.latch(Latch.NMI);
        return;
      case DeliveryMode.INIT:
        this.#host.localInit(this.cpu);
        return;
      case DeliveryMode.EXTINT:
        // The 8259 holds INTR until its INTA cycle: nothing to remember, the owner asks `acceptsExtInt`.
        this.#host.kick(this.cpu);
    }
  }

  #maskedUnlessEnabled(lvt: number): number {
    return this.softwareEnabled ? lvt : lvt | reg.LVT_MASKED;
  }

  /** Any thread. The error interrupt comes with the first error after a write to the ESR, which arms it again. */
  #error(bit: number): void {
    if (this.#bits.or(this.#state, reg.ERRORS, bit) !== 0) return;
    const lvt = this.#state[reg.LVT_ERROR];
    if ((lvt & reg.LVT_MASKED) === 0) this.accept(lvt & reg.LVT_VECTOR, false);
  }

  /** "Local APIC State After Power-Up or Reset". The LINT inputs belong to whoever drives them. */
  #reset(): void {
    const state = this.#state;
    // Software-disabled before the IRR is cleared: see `accept`.
    this.#bits.exchange(state, reg.SVR, reg.SVR_VECTOR);
    this.#vectors.reset();
    state[reg.LDR] = this.isX2apic ? logicalX2apicId(state[reg.ID]) : 0;
    state[reg.DFR] = -1;
    state[reg.ESR] = 0;
    this.#bits.exchange(state, reg.ERRORS, 0);
    state[reg.ICR_LOW] = 0;
    state[reg.ICR_HIGH] = 0;
    for (let index = reg.LVT_THERMAL; index <= reg.LVT_ERROR; index++) state[index] = reg.LVT_MASKED;
    this.#bits.exchange(state, reg.LATCHED, 0);
    this.#bits.and(state, reg.LINT, ~reg.LINT0_REMOTE_IRR);
    this.#timer.reset();
  }
}

function deliveryMode(register: number): number {
  return (register >> 8) & 7;
}

/** The trigger mode counts for fixed delivery only; NMI, SMI and INIT are edges whatever it says. */
function isLevel(lvt: number): boolean {
  return (lvt & reg.LVT_LEVEL_TRIGGERED) !== 0 && deliveryMode(lvt) === DeliveryMode.FIXED;
}

/**
 * The bus between the local APICs: it finds out whom a message addresses and brings it there (SDM vol. 3A,
 * "Issuing Interprocessor Interrupts" and "Determining IPI Destination"). Devices and xAPICs have destinations of 8 bits.
 *
 * INIT and start-up IPIs end here: what they do is the start-up router's to decide.
 */
import { IpiMode, NO_CPU } from '../../preload/contract/events';
import type { BitOperations } from '../base/bits';
import type { Clock } from '../base/clock';
import type { CpuSet } from '../base/cpu-set';
import { BROADCAST, DeliveryMode, type InterruptMessageSink, XAPIC_BROADCAST } from './interrupt-message';
import { Lapic, LAPIC_WORDS, Latch, type LapicHost } from './lapic';
import { ICR_ASSERT, ICR_LEVEL_TRIGGERED, ICR_LOGICAL } from '../base/lapic-registers';

/**
 * Decides about INIT and start-up IPIs that somebody receives, and reports them. `source` is a CPU, or NO_CPU for a device or an input pin.
 * The set of targets is lent until the call returns.
 */
export interface StartUpSink {
  init(source: number, targets: CpuSet): void;
  startUp(source: number, targets: CpuSet, vector: number): void;
}

export interface IpiObserver {
  /** Every other IPI, before it arrives; a lowest-priority one with the CPU it goes to. */
  ipi(source: number, mode: IpiMode, vector: number, targets: CpuSet): void;
  /** An IPI of any mode that no CPU receives. `destination`: bits 63:56 of the ICR, of an x2APIC 63:32; -1 for a shorthand. */
  unreceived(source: number, mode: IpiMode, vector: number, destination: number, logical: boolean): void;
}

export interface ApicBusHost {
  /** For the local APICs' words that any thread may change. */
  readonly bits: BitOperations;
  readonly startUp: StartUpSink;
  readonly observer: IpiObserver;
  /** Of the local APICs' timers, in ns. */
  readonly shortestTimerPeriod: number;
  /** An EOI for the I/O APICs. It comes from the thread of a vcpu that does not hold the machine lock. */
  broadcastEoi(vector: number): void;
  /** Wakes or interrupts a vcpu. Any thread. */
  kick(cpu: number): void;
}

const RESERVED = -1;

const Shorthand = { NONE: 0, SELF: 1, ALL_INCLUDING_SELF: 2, ALL_EXCLUDING_SELF: 3 } as const;

export class ApicBus implements LapicHost, InterruptMessageSink {
  readonly lapics: readonly Lapic[];
  readonly shortestTimerPeriod: number;
  readonly bits: BitOperations;
  readonly #host: ApicBusHost;
  /** Of the message under way; every thread has a bus of its own. */
  readonly #targets: CpuSet;

  /** `state` is `cpus` times LAPIC_WORDS of shared memory, 8-byte aligned. */
  constructor(state: Int32Array, cpus: number, clock: Clock, host: ApicBusHost) {
    this.shortestTimerPeriod = host.shortestTimerPeriod;
    this.bits = host.bits;
    this.lapics = Array.from({ length: cpus }, (_, cpu) => {
      return new Lapic(state.subarray(cpu * LAPIC_WORDS, (cpu + 1) * LAPIC_WORDS), cpu, clock, this);
    });
    this.#host = host;
    this.#targets = new Int32Array((cpus + 31) >> 5);
  }

  sendIpi(source: number, icrLow: number, destination: number): void {
    const { observer, startUp } = this.#host;
    const targets = this.#targets;
    const mode = ipiMode(icrLow);
    const vector = icrLow & 0xff;
    if (mode === RESERVED) return;
    this.#addressIpi(source, icrLow, destination);
    if (mode === IpiMode.LOWEST_PRIORITY) this.#arbitrate();
    if (this.#next(0) < 0) {
      const addressed = ((icrLow >> 18) & 3) === Shorthand.NONE;
      observer.unreceived(source, mode, vector, addressed ? destination >>> 0 : -1, (icrLow & ICR_LOGICAL) !== 0);
    } else if (mode === IpiMode.INIT) {
      startUp.init(source, targets);
    } else if (mode === IpiMode.SIPI) {
      startUp.startUp(source, targets, vector);
    } else {
      observer.ipi(source, mode, vector, targets);
      // The de-assertion of INIT set arbitration ids on a bus that no longer exists.
      if (mode !== IpiMode.INIT_DEASSERT) this.#deliver(mode, vector, false);
    }
  }

  message(destination: number, logical: boolean, mode: number, vector: number, level: boolean): void {
    this.#address(widened(destination), logical);
    if (mode === DeliveryMode.INIT) {
      this.#host.startUp.init(NO_CPU, this.#targets);
      return;
    }
    if (mode === DeliveryMode.LOWEST_PRIORITY) this.#arbitrate();
    this.#deliver(mode, vector, level);
  }

  /** An edge-triggered message of nobody's to a CPU, whatever its APIC id. INIT is not for here. */
  messageTo(cpu: number, mode: number, vector: number): void {
    this.#clear();
    if (this.lapics[cpu].enabled) this.#add(cpu);
    this.#deliver(mode, vector, false);
  }

  localInit(cpu: number): void {
    this.#clear();
    this.#add(cpu);
    this.#host.startUp.init(NO_CPU, this.#targets);
  }

  broadcastEoi(vector: number): void {
    this.#host.broadcastEoi(vector);
  }

  kick(cpu: number): void {
    this.#host.kick(cpu);
  }

  /** Shorthands go with every delivery mode, as in KVM, though the SDM wants some combinations not to be used. */
  #addressIpi(source: number, icrLow: number, destination: number): void {
    const shorthand = (icrLow >> 18) & 3;
    if (shorthand === Shorthand.NONE) {
      const whole = this.lapics[source].isX2apic ? destination : widened(destination);
      this.#address(whole, (icrLow & ICR_LOGICAL) !== 0);
      return;
    }
    this.#clear();
    for (let cpu = 0; cpu < this.lapics.length; cpu++) {
      const wanted = cpu === source ? shorthand !== Shorthand.ALL_EXCLUDING_SELF : shorthand !== Shorthand.SELF;
      if (wanted && this.lapics[cpu].enabled) this.#add(cpu);
    }
  }

  #address(destination: number, logical: boolean): void {
    this.#clear();
    for (let cpu = 0; cpu < this.lapics.length; cpu++) {
      if (this.lapics[cpu].addressedBy(destination, logical)) this.#add(cpu);
    }
  }

  /** So few words that `fill` takes longer. */
  #clear(): void {
    const targets = this.#targets;
    for (let word = 0; word < targets.length; word++) targets[word] = 0;
  }

  #add(cpu: number): void {
    this.#targets[cpu >> 5] |= 1 << (cpu & 31);
  }

  /** Leaves of the targets the one with the lowest processor priority, of several the first; software-disabled ones are out. */
  #arbitrate(): void {
    let chosen = -1;
    let lowest = Infinity;
    for (let cpu = this.#next(0); cpu >= 0; cpu = this.#next(cpu + 1)) {
      const lapic = this.lapics[cpu];
      if (!lapic.softwareEnabled || lapic.priority >= lowest) continue;
      chosen = cpu;
      lowest = lapic.priority;
    }
    this.#clear();
    if (chosen >= 0) this.#add(chosen);
  }

  #deliver(mode: number, vector: number, level: boolean): void {
    for (let cpu = this.#next(0); cpu >= 0; cpu = this.#next(cpu + 1)) {
      const lapic = this.lapics[cpu];
      switch (mode) {
        case DeliveryMode.FIXED:
        case DeliveryMode.LOWEST_PRIORITY:
          lapic.accept(vector, level);
          break;
        case DeliveryMode.SMI:
          lapic.latch(Latch.SMI);
          break;
        case DeliveryMode.NMI:
          lapic.latch(Latch.NMI);
          break;
        case DeliveryMode.EXTINT:
          lapic.latch(Latch.EXTINT);
      }
    }
  }

  /** The first target from `cpu` on, or -1. */
  #next(cpu: number): number {
    for (let word = cpu >> 5; word < this.#targets.length; word++) {
      // Only the first word has targets before `cpu`.
      const bits = word === cpu >> 5 ? this.#targets[word] & (-1 << (cpu & 31)) : this.#targets[word];
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }
}

/** A destination of 8 bits as one of 32. */
function widened(destination: number): number {
  return destination === XAPIC_BROADCAST ? BROADCAST : destination;
}

/** Of a write to the ICR. Trigger mode and level tell INIT from its de-assertion and else mean nothing. */
function ipiMode(icrLow: number): IpiMode | typeof RESERVED {
  const mode = (icrLow >> 8) & 7;
  switch (mode) {
    case DeliveryMode.INIT:
      return (icrLow & (ICR_LEVEL_TRIGGERED | ICR_ASSERT)) === ICR_LEVEL_TRIGGERED
        ? IpiMode.INIT_DEASSERT
        : IpiMode.INIT;
    case DeliveryMode.FIXED:
    case DeliveryMode.LOWEST_PRIORITY:
    case DeliveryMode.SMI:
    case DeliveryMode.NMI:
    case DeliveryMode.START_UP:
      return mode;
    default:
      return RESERVED;
  }
}

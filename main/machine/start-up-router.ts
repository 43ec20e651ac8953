/**
 * Decides what an INIT or a start-up IPI does: the one place that changes MP states.
 *
 * The state machine (SDM vol. 3A, "MP Initialization Protocol Algorithm" and "Local APIC State After It Receives an
 * INIT-Deassert"; state names as KVM_GET_MP_STATE has them):
 *
 *     UNINITIALIZED --INIT--> INIT_RECEIVED --SIPI--> SIPI_RECEIVED --registers loaded--> RUNNABLE <--HLT, wake--> HALTED
 *
 * An INIT is taken in every state; on the BSP it leads to the reset vector, without a SIPI. A SIPI is taken in
 * INIT_RECEIVED only and ignored elsewhere, so the first of two wins. In system management mode an INIT waits for the mode's end.
 *
 * Two kinds of locks: the router's, one for the machine, makes an IPI to several CPUs one step among others; each CPU's own
 * keeps a change of its state and the event of it together. A CPU that starts, halts or wakes takes only its own, so
 * it does not wait for an IPI that is on its way to many others.
 *
 * Where a policy wants to decide over an INIT or SIPI, it goes into the policy queue instead, and whoever asks the policies
 * brings it on by `arrive`, or says with `withhold` that he keeps it.
 *
 * In the interrupt modes `kernel` and `split` KVM runs this machine; there the router is told what was observed, and
 * its events say that they are derived.
 */
import type { Clock } from '../base/clock';
import { type CpuSet, hasCpu } from '../base/cpu-set';
import type { Lock } from '../base/mutex';
import { Decision, EventKind, IPI_DERIVED, IPI_RELEASED, IpiMode, NO_CPU } from '../../preload/contract/events';
import { MpState } from '../../preload/contract/mp-state';
import type { EventWriter } from './event-ring';
import { AUTHOR_MACHINE, writeIpiEvents } from './ipi-events';
import { PauseCause, type PauseSwitch } from './pause-switch';
import { type PolicyQueue, Want } from './policy-queue';
import { MachineWord, VcpuWord } from './shared-memory';
import { Attention, type VcpuControl } from './vcpu-control';

/** Of the event of an MP state that no SIPI has brought about. */
export const NO_VECTOR = -1;

export class StartUpRouter {
  readonly #vcpus: readonly VcpuControl[];
  readonly #bsp: number;
  readonly #lock: Lock;
  /** Of each CPU's state; taken after #lock where both are. */
  readonly #stateLocks: readonly Lock[];
  readonly #events: EventWriter;
  readonly #clock: Clock;
  readonly #policies: PolicyQueue;
  readonly #pause: PauseSwitch;
  readonly #derives: boolean;
  readonly #inTurns: boolean;
  readonly #words: Int32Array;
  /** Targets of the IPI at hand by what became of it; used under the lock. */
  readonly #outcome: Int32Array[];

  constructor(options: {
    /** The machine's. */
    words: Int32Array;
    vcpus: readonly VcpuControl[];
    bsp: number;
    lock: Lock;
    /** Of each CPU's state. */
    stateLocks: readonly Lock[];
    events: EventWriter;
    clock: Clock;
    policies: PolicyQueue;
    pause: PauseSwitch;
    /** KVM keeps the MP states (`kernel`, `split`), and INITs and SIPIs are concluded from what it shows. */
    derives: boolean;
    /** One thread runs all CPUs (the emulator). */
    inTurns: boolean;
  }) {
    this.#words = options.words;
    this.#vcpus = options.vcpus;
    this.#bsp = options.bsp;
    this.#lock = options.lock;
    this.#stateLocks = options.stateLocks;
    this.#events = options.events;
    this.#clock = options.clock;
    this.#policies = options.policies;
    this.#pause = options.pause;
    this.#derives = options.derives;
    this.#inTurns = options.inTurns;
    const words = Math.ceil(options.vcpus.length / 64) * 2;
    this.#outcome = Object.values(Decision).map(() => new Int32Array(words));
  }

  /** Before any vcpu runs: the BSP is RUNNABLE, the others wait for INIT. */
  powerOn(): void {
    for (const vcpu of this.#vcpus) {
      vcpu.mpState = vcpu.cpu === this.#bsp ? MpState.RUNNABLE : MpState.UNINITIALIZED;
    }
  }

  /** The BSP executes its first instruction. */
  bspStarted(): void {
    this.#pause.at(this.#vcpus[this.#bsp], PauseCause.STATE_CHANGE);
    this.#report(this.#vcpus[this.#bsp], MpState.UNINITIALIZED, NO_VECTOR, false);
  }

  /** An INIT for each CPU of the set. */
  init(source: number, targets: CpuSet): void {
    this.#route(IpiMode.INIT, source, targets, 0);
  }

  /** A start-up IPI for each CPU of the set. */
  startUp(source: number, targets: CpuSet, vector: number): void {
    this.#route(IpiMode.SIPI, source, targets, vector);
  }

  /** How many CPUs have got their SIPI and not begun. */
  get starting(): number {
    return this.#words[MachineWord.STARTING];
  }

  /** The vcpu's thread has loaded the registers of the SIPI: the CPU begins. False where an INIT came in between. */
  started(cpu: number): boolean {
    const vcpu = this.#vcpus[cpu];
    const lock = this.#stateLocks[cpu];
    lock.acquire();
    const begins = vcpu.mpState === MpState.SIPI_RECEIVED;
    if (begins) {
      this.#pause.at(vcpu, PauseCause.FIRST_INSTRUCTION);
      this.#events.hushed = true;
      this.#change(vcpu, MpState.RUNNABLE, vcpu.words[VcpuWord.SIPI_VECTOR]);
      this.#events.hushed = false;
    }
    lock.release();
    return begins;
  }

  /** The vcpu's thread has reset the BSP after an INIT: it goes on at the reset vector. */
  restarted(cpu: number): void {
    this.#ownChange(cpu, MpState.INIT_RECEIVED, MpState.RUNNABLE);
  }

  /** The CPU executed HLT. */
  halted(cpu: number): void {
    this.#ownChange(cpu, MpState.RUNNABLE, MpState.HALTED);
  }

  /** An interrupt ends the HLT. */
  woken(cpu: number): void {
    this.#ownChange(cpu, MpState.HALTED, MpState.RUNNABLE);
  }

  /**
   * The CPU has entered system management mode or left it. An INIT that came in between was held, and is taken now (SDM vol. 3C,
   * "System Management Mode"); a SIPI finds the CPU not waiting for one, and is lost.
   */
  smmChanged(cpu: number, inside: boolean): void {
    const vcpu = this.#vcpus[cpu];
    const lock = this.#stateLocks[cpu];
    lock.acquire();
    Atomics.store(vcpu.words, VcpuWord.IN_SMM, inside ? 1 : 0);
    const latched = Atomics.exchange(vcpu.words, VcpuWord.INIT_LATCHED, 0) !== 0;
    lock.release();
    if (latched) this.#takeInit(vcpu, true);
  }

  /** KVM keeps the state (`kernel`, `split`) and this is what it was seen to be. */
  observed(cpu: number, state: MpState, vector = NO_VECTOR): void {
    const vcpu = this.#vcpus[cpu];
    const lock = this.#stateLocks[cpu];
    lock.acquire();
    if (vcpu.mpState !== state) {
      if (state === MpState.INIT_RECEIVED) this.#pause.at(vcpu, PauseCause.INIT);
      this.#change(vcpu, state, vector, true);
    }
    lock.release();
  }

  /**
   * A SIPI that KVM consumed before anybody could see it: what must have happened is written as derived events. False: a
   * policy is to decide, and the CPU waits for attention, SIPI to begin or INIT to be as if it had not come.
   */
  observedSipi(cpu: number, vector: number): boolean {
    const vcpu = this.#vcpus[cpu];
    this.#stateLocks[cpu].acquire();
    if (vcpu.mpState === MpState.UNINITIALIZED) {
      this.#pause.at(vcpu, PauseCause.INIT);
      this.#change(vcpu, MpState.INIT_RECEIVED, NO_VECTOR, true);
    }
    this.#stateLocks[cpu].release();
    this.#pause.at(vcpu, PauseCause.SIPI);
    this.#lock.acquire();
    this.#clearOutcome();
    const targets = this.#outcome[Decision.DELIVER];
    targets[cpu >> 5] = 1 << (cpu & 31);
    const begins = !(
      this.#policies.wants(Want.SIPI) &&
      this.#policies.startUp(IpiMode.SIPI, NO_CPU, targets, vector, this.#clock.now())
    );
    if (begins) this.#arriveDerived(targets, vector, IPI_DERIVED, AUTHOR_MACHINE, false);
    this.#lock.release();
    if (begins) this.passedGate(cpu);
    return begins;
  }

  /** The gate of a CPU whose SIPI a policy has let through (`kernel`, `split`): it begins. */
  passedGate(cpu: number): void {
    const vcpu = this.#vcpus[cpu];
    const lock = this.#stateLocks[cpu];
    lock.acquire();
    this.#change(vcpu, MpState.RUNNABLE, vcpu.words[VcpuWord.SIPI_VECTOR], true);
    lock.release();
  }

  /**
   * An INIT or SIPI that no policy keeps any more arrives at each CPU of the set. `author`: the policy that has sent it or let
   * it go, else AUTHOR_MACHINE; `released`: its sending was written before.
   */
  arrive(mode: IpiMode, source: number, targets: CpuSet, vector: number, author: number, released: boolean): void {
    // It runs on beside this thread, and may be in the way of those that it wakes.
    const sender = this.#inTurns || source === NO_CPU ? null : this.#vcpus[source];
    this.#lock.acquire();
    this.#deliver(mode, source, targets, vector, author, released ? IPI_RELEASED : 0, sender);
    this.#lock.release();
  }

  /** A policy keeps an INIT or SIPI from each CPU of the set, for now (DELAY, HOLD) or for ever. */
  withhold(mode: IpiMode, source: number, targets: CpuSet, vector: number, decision: Decision, author: number): void {
    const flags = source === NO_CPU && this.#derives ? IPI_DERIVED : 0;
    writeIpiEvents(this.#events, this.#clock.now(), source, mode, vector | flags, decision, targets, author);
    if (decision === Decision.DROP) this.lost(mode, targets);
  }

  /** An INIT or SIPI that a policy keeps from these CPUs never arrives. */
  lost(mode: IpiMode, targets: CpuSet): void {
    if (!this.#derives || mode !== IpiMode.SIPI) return;
    // KVM has let the CPU begin: it has to be brought back.
    for (const vcpu of this.#vcpus) if (hasCpu(targets, vcpu.cpu)) vcpu.alert(Attention.INIT);
  }

  /** Whether a CPU would take it as it is now. The BSP never waits for a SIPI, but in passing (see `restarted`). */
  takes(cpu: number, mode: IpiMode): boolean {
    return mode === IpiMode.INIT || (cpu !== this.#bsp && this.#vcpus[cpu].mpState === MpState.INIT_RECEIVED);
  }

  #route(mode: IpiMode, source: number, targets: CpuSet, vector: number): void {
    this.#lock.acquire();
    const { wanted } = this.#policies;
    if (wanted !== 0) {
      const now = this.#clock.now();
      if ((wanted & Want.ICR_WRITE) !== 0) this.#policies.icrWrite(mode, source, targets, vector, now);
      const want = mode === IpiMode.INIT ? Want.INIT : Want.SIPI;
      if ((wanted & want) !== 0 && this.#policies.startUp(mode, source, targets, vector, now)) {
        this.#lock.release();
        return;
      }
    }
    this.#deliver(mode, source, targets, vector, AUTHOR_MACHINE, 0, null);
    this.#lock.release();
  }

  /** `sender`: where the thread of the CPU that sent it is another than this one. */
  #deliver(
    mode: IpiMode,
    source: number,
    targets: CpuSet,
    vector: number,
    author: number,
    flags: number,
    sender: VcpuControl | null,
  ): void {
    if (this.#derives && mode === IpiMode.SIPI) {
      this.#arriveDerived(targets, vector, flags | IPI_DERIVED, author, true);
      return;
    }
    this.#clearOutcome();
    const delivered = this.#outcome[Decision.DELIVER];
    const ignored = this.#outcome[Decision.IGNORED];
    let takers = 0;
    for (let cpu = 0; cpu < this.#vcpus.length; cpu++) {
      if (!hasCpu(targets, cpu)) continue;
      const taken = this.takes(cpu, mode);
      if (taken) takers++;
      const group = taken ? delivered : ignored;
      group[cpu >> 5] |= 1 << (cpu & 31);
    }
    this.#events.hushed = true;
    // The IPI is written before what it does, so that a reader meets the cause first.
    const now = this.#clock.now();
    writeIpiEvents(this.#events, now, source, mode, vector | flags, Decision.DELIVER, delivered, author);
    writeIpiEvents(this.#events, now, source, mode, vector | flags, Decision.IGNORED, ignored, author);
    for (let cpu = 0; cpu < this.#vcpus.length; cpu++) {
      if (!hasCpu(delivered, cpu)) continue;
      if (mode === IpiMode.INIT) this.#takeInit(this.#vcpus[cpu], takers === 1);
      else this.#takeSipi(this.#vcpus[cpu], vector);
    }
    // Only now: one that wakes up may take this thread's processor before the next has its SIPI.
    if (mode === IpiMode.SIPI) {
      sender?.alert(Attention.GIVE_WAY);
      for (let cpu = 0; cpu < this.#vcpus.length; cpu++)
        if (hasCpu(delivered, cpu)) this.#vcpus[cpu].alert(Attention.SIPI);
    }
    this.#events.hushed = false;
  }

  /** A SIPI that KVM has acted upon: it waits at the gate of each CPU. */
  #arriveDerived(targets: CpuSet, vector: number, flags: number, author: number, alerts: boolean): void {
    writeIpiEvents(
      this.#events,
      this.#clock.now(),
      NO_CPU,
      IpiMode.SIPI,
      vector | flags,
      Decision.DELIVER,
      targets,
      author,
    );
    for (const vcpu of this.#vcpus) {
      if (!hasCpu(targets, vcpu.cpu)) continue;
      const lock = this.#stateLocks[vcpu.cpu];
      lock.acquire();
      const waits = vcpu.mpState === MpState.INIT_RECEIVED;
      if (waits) {
        this.#pause.at(vcpu, PauseCause.FIRST_INSTRUCTION);
        Atomics.store(vcpu.words, VcpuWord.SIPI_VECTOR, vector);
        this.#change(vcpu, MpState.SIPI_RECEIVED, vector, true);
      }
      lock.release();
      if (waits && alerts) vcpu.alert(Attention.SIPI);
    }
  }

  #clearOutcome(): void {
    for (const group of this.#outcome) group.fill(0);
  }

  /** A pause comes first: a CPU that is woken must find it. */
  #takeInit(vcpu: VcpuControl, alone: boolean): void {
    this.#pause.at(vcpu, PauseCause.INIT);
    const lock = this.#stateLocks[vcpu.cpu];
    lock.acquire();
    if (vcpu.inSmm) {
      Atomics.store(vcpu.words, VcpuWord.INIT_LATCHED, 1);
      lock.release();
      return;
    }
    const before = vcpu.mpState;
    if (before !== MpState.INIT_RECEIVED) this.#change(vcpu, MpState.INIT_RECEIVED, NO_VECTOR);
    lock.release();
    // A thread that sleeps does not have to wake up to wait on: its SIPI finds the INIT. It does for an INIT of its own, so that the
    // SIPI, which comes next, finds it awake: its way to the guest takes longest where nothing of it is in the processor's caches.
    const sleeps = before !== MpState.RUNNABLE && (before !== MpState.HALTED || !this.#inTurns);
    if (sleeps && !alone) vcpu.note(Attention.INIT);
    else vcpu.alert(Attention.INIT);
  }

  #takeSipi(vcpu: VcpuControl, vector: number): void {
    this.#pause.at(vcpu, PauseCause.SIPI);
    const lock = this.#stateLocks[vcpu.cpu];
    lock.acquire();
    Atomics.store(vcpu.words, VcpuWord.SIPI_VECTOR, vector);
    this.#change(vcpu, MpState.SIPI_RECEIVED, vector);
    lock.release();
  }

  #ownChange(cpu: number, from: MpState, to: MpState): void {
    const vcpu = this.#vcpus[cpu];
    const lock = this.#stateLocks[cpu];
    lock.acquire();
    if (vcpu.mpState === from) this.#change(vcpu, to, NO_VECTOR);
    lock.release();
  }

  #change(vcpu: VcpuControl, to: MpState, vector: number, derived = false): void {
    this.#pause.at(vcpu, PauseCause.STATE_CHANGE);
    const from = vcpu.mpState;
    vcpu.mpState = to;
    if (to === MpState.SIPI_RECEIVED) Atomics.add(this.#words, MachineWord.STARTING, 1);
    else if (from === MpState.SIPI_RECEIVED) Atomics.sub(this.#words, MachineWord.STARTING, 1);
    this.#report(vcpu, from, vector, derived);
  }

  /** The CPU is in a new state: its event, and the first time its start, are of one moment. */
  #report(vcpu: VcpuControl, from: MpState, vector: number, derived: boolean): void {
    const now = this.#clock.now();
    const to = vcpu.mpState;
    if (to === MpState.RUNNABLE) vcpu.markStarted(now);
    if (this.#policies.wants(Want.MP_STATE)) this.#policies.mpState(vcpu.cpu, from, to, now);
    this.#events.writeAt(now, EventKind.MP_STATE, vcpu.cpu, from, to, derived ? 1 : 0, vector);
  }
}

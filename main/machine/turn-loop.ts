/**
 * All CPUs of a machine on one thread, in turn: the emulator's deterministic mode.
 *
 * A turn is a stretch of machine time whose length a seeded generator varies, so that another seed is another interleaving.
 * An instruction takes a nanosecond, whichever CPU executes it, and an access to a device what it takes on a PC's buses;
 * when no CPU has anything to do, time skips to the next moment at which something is due. Nothing here depends on the
 * host: the same image, configuration, seed and input give the same run, to the instruction.
 */
import type { Position } from '../accelerator/types';
import type { Clock } from '../base/clock';
import { MpState } from '../../preload/contract/mp-state';
import type { ExitReporter } from './exit-reporter';
import { type ExactLoop, RAN, STOPPED } from './exact-loop';
import { type MachineMemory, MachineTime, MachineWord, VcpuTime } from './shared-memory';
import type { Standstill } from './standstill';
import type { TurnEventWriter } from './turn-events';
import type { TurnLock } from './turn-lock';
import { Attention, type OwnVcpuControl, publishPosition } from './vcpu-control';

/** Length of a turn in ns: this much, and up to as much again by the seed. */
const TURN = 1000;
const TURN_MASK = 1023;
/** Machine time between two reports of the counts of exits. */
const REPORT_INTERVAL = 100e6;
const NS_PER_MS = 1e6;
/** Events are shown to others after so many rounds, some tens of us, and before the machine sleeps or stands still. */
const ROUNDS_UNANNOUNCED = 16;

/** A CPU that takes its turns here. `vcpu.budget` is the rest of its turn in ns; running uses it up. */
export interface TurnCpu {
  loop: ExactLoop;
  vcpu: { budget: number; readonly lineWritten: boolean; position(): Position };
  control: OwnVcpuControl;
}

/** Machine time that can be moved on when nobody has anything to do; null where it follows the host's. */
export interface SkippingClock extends Clock {
  advanceTo(ns: number): void;
}

/** Policies are asked in the middle of a turn, before the CPU goes on after what they are to decide about. */
export interface TurnPolicies {
  readonly waiting: boolean;
  /** Machine time in ns at which something of theirs is due. */
  readonly deadline: number;
  /** Takes orders, and asks about what is waiting. */
  attend(): void;
  /** Does what is due by now. Between two rounds: when that is does not depend on what else policies want to know. */
  expire(): void;
}

export class TurnLoop {
  readonly #cpus: readonly TurnCpu[];
  readonly #words: Int32Array;
  readonly #clock: Clock;
  readonly #skip: SkippingClock | null;
  readonly #reporter: ExitReporter;
  readonly #times: Float64Array;
  readonly #lock: TurnLock;
  readonly #events: TurnEventWriter;
  readonly #standstill: Standstill;
  readonly #policies: TurnPolicies | null;
  /** The round: the CPU that began it, how many have had their turns (-1: no round is under way), and what came of those. */
  #first = 0;
  #turns = -1;
  #idle = true;
  #until = Infinity;
  #unannounced = 0;
  /** Machine time is not to skip over this. */
  #limit = Infinity;
  /** The turn: whether its CPU ran, and what its last look came to. */
  #ran = false;
  #left = 0;

  constructor(options: {
    cpus: readonly TurnCpu[];
    memory: MachineMemory;
    clock: Clock;
    skip: SkippingClock | null;
    reporter: ExitReporter;
    /** Held in every turn. */
    lock: TurnLock;
    events: TurnEventWriter;
    standstill: Standstill;
    policies: TurnPolicies | null;
  }) {
    this.#cpus = options.cpus;
    this.#words = options.memory.words;
    this.#clock = options.clock;
    this.#skip = options.skip;
    this.#reporter = options.reporter;
    this.#times = options.memory.times;
    this.#lock = options.lock;
    this.#events = options.events;
    this.#standstill = options.standstill;
    this.#policies = options.policies;
  }

  /** Before the first turn of a machine that was not restored from a snapshot. */
  powerOn(seed: number): void {
    // xorshift has no way out of 0.
    this.#words[MachineWord.TURN_RANDOM] = (Math.imul(seed, 0x9e3779b1) ^ 0x2545f491) | 1;
    this.#times[MachineTime.NEXT_REPORT] = REPORT_INTERVAL;
    for (const { loop } of this.#cpus) loop.rest();
  }

  /** Runs until the machine stops, or machine time has reached `until` (ns) at the end of a round; true: it goes on. */
  run(until = Infinity): boolean {
    this.#lock.acquire();
    let goesOn = false;
    try {
      goesOn = this.#run(until);
    } finally {
      if (!goesOn) this.#reporter.report();
      this.#lock.release();
    }
    return goesOn;
  }

  #run(until: number): boolean {
    const words = this.#words;
    if (!this.#continueRound()) return false;
    // The BSP's start may be what somebody waits for.
    this.#limit = until;
    if (words[MachineWord.PAUSE] !== 0) this.#hold();
    while (this.#clock.now() < until) {
      if (!this.#round()) return false;
      this.#lock.giveWay();
      if (words[MachineWord.PAUSE] !== 0) this.#hold();
    }
    return true;
  }

  /** Stands still after a crash. `step`: what comes of a wish to execute an instruction. */
  hold(step: (cpu: number) => boolean): void {
    this.#lock.acquire();
    this.#hold(step);
    this.#lock.release();
  }

  /** Stands still, with all of the machine's state in its memory, in the middle of a round or between two. */
  #hold(step = (cpu: number) => this.#step(cpu)): void {
    this.#saveRound();
    this.#announce();
    this.#lock.release();
    this.#standstill.hold(step);
    this.#lock.acquire();
    this.#times[MachineTime.ROUND] = 0;
  }

  #step(cpu: number): boolean {
    Atomics.store(this.#words, MachineWord.EXIT_REQUEST, 0);
    this.#lock.acquire();
    const done = this.#cpus[cpu].loop.step();
    this.#lock.release();
    return done;
  }

  #saveRound(): void {
    const budget = this.#turns < 0 ? 0 : this.#cpus[this.#current].vcpu.budget;
    const round = [this.#turns + 1, this.#first, +this.#idle, this.#until, +this.#ran, this.#left, budget];
    this.#times.set(round, MachineTime.ROUND);
  }

  /** The rest of the round in which a snapshot was taken. */
  #continueRound(): boolean {
    const [turns, first, idle, until, ran, left, budget] = this.#times.subarray(MachineTime.ROUND);
    if (turns === 0) return true;
    this.#times[MachineTime.ROUND] = 0;
    // As integers: V8 takes them for what they were last.
    this.#turns = (turns - 1) | 0;
    this.#first = first | 0;
    this.#idle = idle !== 0;
    this.#until = until;
    this.#ran = ran !== 0;
    this.#left = left;
    const cpu = this.#current;
    this.#cpus[cpu].vcpu.budget = budget;
    if (!this.#endTurn(cpu)) return false;
    this.#turns++;
    return true;
  }

  /** The CPU whose turn it is. A division would take longer than all else that is asked of a CPU that waits. */
  get #current(): number {
    const cpu = this.#first + this.#turns;
    return cpu < this.#cpus.length ? cpu : cpu - this.#cpus.length;
  }

  /** A turn for each CPU, from one that the seed picks; false: the machine stops. */
  #round(): boolean {
    const count = this.#cpus.length;
    if (this.#turns < 0) {
      this.#first = ((this.#random() >>> 0) % count) | 0;
      this.#turns = 0;
      this.#idle = true;
      this.#until = Infinity;
    }
    for (; this.#turns < count; this.#turns++) {
      const cpu = this.#current;
      const { control, vcpu } = this.#cpus[cpu];
      if (control.takeSample()) publishPosition(control, vcpu.position());
      if (this.#waits(cpu)) this.#until = Math.min(this.#until, this.#cpus[cpu].control.times[VcpuTime.IDLE_UNTIL]);
      else if (!this.#turn(cpu)) return false;
    }
    this.#turns = -1;
    if (this.#policies !== null) {
      this.#policies.attend();
      this.#policies.expire();
      this.#until = Math.min(this.#until, this.#policies.deadline);
    }
    if (this.#idle || ++this.#unannounced === ROUNDS_UNANNOUNCED) this.#announce();
    if (this.#idle) this.#passTime(Math.min(this.#until, this.#limit));
    if (this.#clock.now() >= this.#times[MachineTime.NEXT_REPORT]) {
      this.#reporter.report();
      this.#times[MachineTime.NEXT_REPORT] += REPORT_INTERVAL;
    }
    return true;
  }

  /** What has been written is news. It takes atomic operations, and as long as a turn. */
  #announce(): void {
    this.#unannounced = 0;
    this.#events.announce();
  }

  #waits(cpu: number): boolean {
    const { control, vcpu } = this.#cpus[cpu];
    if (control.wanted || this.#clock.now() >= control.times[VcpuTime.IDLE_UNTIL]) return false;
    return control.mpState !== MpState.HALTED || !vcpu.lineWritten;
  }

  /** One CPU's turn; false: the machine stops. */
  #turn(cpu: number): boolean {
    this.#events.makeRoom();
    const { vcpu, control } = this.#cpus[cpu];
    vcpu.budget = TURN + (this.#random() & TURN_MASK);
    control.times[VcpuTime.IDLE_UNTIL] = 0;
    this.#ran = false;
    this.#left = RAN;
    return this.#endTurn(cpu);
  }

  #endTurn(cpu: number): boolean {
    const { loop, vcpu, control } = this.#cpus[cpu];
    const words = this.#words;
    while (this.#left === RAN && vcpu.budget > 0) {
      // Before the attention word is looked at: whoever sets that sets this afterwards.
      if (words[MachineWord.EXIT_REQUEST] !== 0) Atomics.store(words, MachineWord.EXIT_REQUEST, 0);
      this.#left = loop.turn();
      if (this.#left === RAN) {
        this.#ran = true;
        if (loop.idleUntil > this.#clock.now()) this.#left = loop.idleUntil;
      }
      if (this.#policies?.waiting === true) this.#policies.attend();
      if ((words[MachineWord.PAUSE] & Attention.AT_ONCE) !== 0) this.#hold();
    }
    if (this.#left === STOPPED) return false;
    if (this.#left !== RAN) control.times[VcpuTime.IDLE_UNTIL] = this.#left;
    if (this.#ran) this.#idle = false;
    else this.#until = Math.min(this.#until, this.#left);
    return true;
  }

  /** Nobody has anything to do until then, unless a CPU has just been given something after its turn. */
  #passTime(until: number): void {
    for (let cpu = 0; cpu < this.#cpus.length; cpu++) if (!this.#waits(cpu)) return;
    const words = this.#words;
    if (this.#skip !== null && until !== Infinity) {
      this.#skip.advanceTo(until);
      return;
    }
    this.#lock.release();
    // Whoever asks for a pause looks at this afterwards.
    Atomics.store(words, MachineWord.TURNS_ASLEEP, 1);
    if (Atomics.exchange(words, MachineWord.EXIT_REQUEST, 0) === 0 && Atomics.load(words, MachineWord.PAUSE) === 0) {
      Atomics.wait(words, MachineWord.EXIT_REQUEST, 0, (until - this.#clock.now()) / NS_PER_MS);
    }
    Atomics.store(words, MachineWord.TURNS_ASLEEP, 0);
    this.#lock.acquire();
  }

  #random(): number {
    let x = this.#words[MachineWord.TURN_RANDOM];
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#words[MachineWord.TURN_RANDOM] = x;
    return x;
  }
}

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
import {
  EXIT_IN_TURN,
  NEXT_STEP,
  RAN,
  REST_OF_TURN,
  ROUND_BUDGET,
  ROUND_FIRST,
  ROUND_LEFT,
  ROUND_NS,
  ROUND_RAN,
  ROUND_RUNNERS,
  ROUND_SHARED,
  ROUND_SHOW_AT,
  ROUND_SLOTS,
  ROUND_TURNS,
  ROUND_UNTIL,
  SHOWN_WITHIN,
  TURN_MASK,
  TURN_NS,
} from '../base/turns';
import { MpState } from '../../preload/contract/mp-state';
import type { ExitReporter } from './exit-reporter';
import { type ExactLoop, STOPPED } from './exact-loop';
import type { ReplayedInput } from './run-input';
import { type MachineMemory, MachineTime, MachineWord, VcpuTime } from './shared-memory';
import type { Standstill } from './standstill';
import type { TurnEventWriter } from './turn-events';
import type { TurnLock } from './turn-lock';
import { Attention, type OwnVcpuControl, publishPosition } from './vcpu-control';

/** Machine time between two reports of the counts of exits. */
const REPORT_INTERVAL = 100e6;
const NS_PER_MS = 1e6;

/** A CPU that takes its turns here. `vcpu.budget` is the rest of its turn in ns; running uses it up, and so does PAUSE if it `givesWay`. */
export interface TurnCpu {
  loop: ExactLoop;
  vcpu: {
    budget: number;
    givesWay: boolean;
    readonly lineWritten: boolean;
    position(): Position;
    useAccessTime(): void;
  };
  control: OwnVcpuControl;
}

/**
 * Gives all turns that need nobody here, in this round and in those that follow, until machine time has reached `limit` at the end
 * of one; says what is left (NEXT_STEP and so on, base/turns.ts), at the state of the round that it leaves.
 */
export type PlainTurns = (limit: number) => number;

/** Machine time that can be moved on when nobody has anything to do; null where it follows the host's. */
export interface SkippingClock extends Clock {
  advanceTo(ns: number): void;
}

/** Policies are asked in the middle of a turn, before the CPU goes on after what they are to decide about. */
export interface TurnPolicies {
  readonly waiting: boolean;
  /** Machine time in ns at which something of theirs is due. */
  readonly deadline: number;
  /** Somebody has left an order. */
  readonly ordered: boolean;
  /** Does what somebody has ordered, or had in a recorded run at this time and position; true where there was something. Between two rounds. */
  takeOrders(): boolean;
  /** Asks about what is waiting. */
  attend(): void;
  /** Does what is due by now. Between two rounds: when that is does not depend on what else policies want to know. */
  expire(): void;
}

export class TurnLoop {
  readonly #cpus: readonly TurnCpu[];
  readonly #words: Int32Array;
  readonly #clock: Clock;
  readonly #skip: SkippingClock | null;
  readonly #pace: Clock | null;
  readonly #reporter: ExitReporter;
  readonly #times: Float64Array;
  readonly #lock: TurnLock;
  readonly #events: TurnEventWriter;
  readonly #standstill: Standstill;
  readonly #policies: TurnPolicies | null;
  readonly #plainTurns: PlainTurns | null;
  readonly #input: ReplayedInput | null;
  /** The round, and the turn in it (base/turns.ts). */
  readonly #round: Float64Array;
  /** Machine time is not to skip over this. */
  #limit = Infinity;

  constructor(options: {
    cpus: readonly TurnCpu[];
    memory: MachineMemory;
    clock: Clock;
    skip: SkippingClock | null;
    /** Of the host: where nobody has anything to do, machine time passes as this one does, in place of skipping. */
    pace: Clock | null;
    reporter: ExitReporter;
    /** Held in every turn. */
    lock: TurnLock;
    events: TurnEventWriter;
    standstill: Standstill;
    policies: TurnPolicies | null;
    /** Where nobody but the CPUs has a say in every turn. */
    plainTurns: PlainTurns | null;
    /** Of a recorded run; comes in the place of what others would give between two rounds. Without `plainTurns`. */
    input: ReplayedInput | null;
  }) {
    this.#cpus = options.cpus;
    this.#words = options.memory.words;
    this.#clock = options.clock;
    this.#skip = options.skip;
    this.#pace = options.pace;
    this.#reporter = options.reporter;
    this.#times = options.memory.times;
    this.#lock = options.lock;
    this.#events = options.events;
    this.#standstill = options.standstill;
    this.#policies = options.policies;
    this.#plainTurns = options.plainTurns;
    this.#input = options.input;
    this.#round = this.#times.subarray(MachineTime.ROUND, MachineTime.ROUND + ROUND_SLOTS);
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
    // A snapshot may have been taken in the middle of a turn.
    if (this.#round[ROUND_TURNS] !== 0) {
      if (!this.#endTurn(this.#current)) return false;
      this.#round[ROUND_TURNS]++;
    }
    // The BSP's start may be what somebody waits for.
    this.#limit = until;
    if (words[MachineWord.PAUSE] !== 0) this.#hold();
    while (this.#clock.now() < until) {
      this.#giveInput();
      this.#policies?.takeOrders();
      if (!this.#nextRound()) return false;
      this.#lock.giveWay();
      if (words[MachineWord.PAUSE] !== 0) this.#hold();
    }
    return true;
  }

  #giveInput(): boolean {
    return this.#input !== null && this.#input.give(this.#clock.now(), this.#words[MachineWord.TURN_RANDOM]);
  }

  /** Stands still after a crash. `step`: what comes of a wish to execute an instruction. */
  hold(step: (cpu: number) => boolean): void {
    this.#lock.acquire();
    this.#hold(step);
    this.#lock.release();
  }

  /** Stands still, with all of the machine's state in its memory, in the middle of a round or between two. */
  #hold(step = (cpu: number) => this.#step(cpu)): void {
    if (this.#round[ROUND_TURNS] !== 0) this.#round[ROUND_BUDGET] = this.#cpus[this.#current].vcpu.budget;
    this.#announce();
    this.#lock.release();
    this.#standstill.hold(step);
    this.#lock.acquire();
  }

  #step(cpu: number): boolean {
    Atomics.store(this.#words, MachineWord.EXIT_REQUEST, 0);
    this.#lock.acquire();
    const done = this.#cpus[cpu].loop.step();
    this.#lock.release();
    return done;
  }

  /** The CPU whose turn it is. A division would take longer than all else that is asked of a CPU that waits. */
  get #current(): number {
    const cpu = (this.#round[ROUND_FIRST] + this.#round[ROUND_TURNS] - 1) | 0;
    return cpu < this.#cpus.length ? cpu : cpu - this.#cpus.length;
  }

  /** A turn for each CPU, or what is left of that, from one that the seed picks; false: the machine stops. */
  #nextRound(): boolean {
    const round = this.#round;
    const count = this.#cpus.length;
    for (;;) {
      const rest = this.#plainTurns === null ? NEXT_STEP : this.#plainTurns(this.#limit);
      if (round[ROUND_TURNS] === 0) this.#begin();
      if (round[ROUND_TURNS] > count) break;
      const cpu = this.#current;
      let goesOn: boolean;
      if (rest === REST_OF_TURN) goesOn = this.#endTurn(cpu);
      else if (rest === EXIT_IN_TURN) goesOn = this.#endTurn(cpu, true);
      else goesOn = this.#giveTurn(cpu);
      if (!goesOn) return false;
      round[ROUND_TURNS]++;
    }
    round[ROUND_TURNS] = 0;
    const idle = round[ROUND_RUNNERS] === 0;
    if (!idle) this.#skip?.advanceTo(this.#clock.now() + ROUND_NS);
    if (this.#policies !== null) {
      this.#policies.attend();
      this.#policies.expire();
    }
    if (idle || this.#clock.now() >= round[ROUND_SHOW_AT]) this.#announce();
    if (idle) this.#passTime(Math.min(round[ROUND_UNTIL], this.#limit));
    if (this.#clock.now() >= this.#times[MachineTime.NEXT_REPORT]) {
      this.#reporter.report();
      this.#times[MachineTime.NEXT_REPORT] += REPORT_INTERVAL;
    }
    return true;
  }

  #begin(): void {
    const round = this.#round;
    round[ROUND_FIRST] = (this.#random() >>> 0) % this.#cpus.length;
    round[ROUND_TURNS] = 1;
    round[ROUND_SHARED] = round[ROUND_RUNNERS] > 1 ? 1 : 0;
    round[ROUND_RUNNERS] = 0;
    round[ROUND_UNTIL] = Infinity;
  }

  /** What has been written is news. It takes atomic operations, and as long as a turn. */
  #announce(): void {
    this.#round[ROUND_SHOW_AT] = this.#clock.now() + SHOWN_WITHIN;
    this.#events.announce();
  }

  #waits(cpu: number): boolean {
    const { control, vcpu } = this.#cpus[cpu];
    if (control.wanted || this.#clock.now() >= control.times[VcpuTime.IDLE_UNTIL]) return false;
    return control.mpState !== MpState.HALTED || !vcpu.lineWritten;
  }

  /** One CPU's turn, if it has something to do; false: the machine stops. */
  #giveTurn(cpu: number): boolean {
    const round = this.#round;
    const { control, vcpu } = this.#cpus[cpu];
    if (control.takeSample()) publishPosition(control, vcpu.position());
    if (this.#waits(cpu)) {
      round[ROUND_UNTIL] = Math.min(round[ROUND_UNTIL], control.times[VcpuTime.IDLE_UNTIL]);
      return true;
    }
    this.#events.makeRoom();
    control.times[VcpuTime.IDLE_UNTIL] = 0;
    vcpu.givesWay = round[ROUND_SHARED] !== 0;
    round[ROUND_BUDGET] = TURN_NS + (this.#random() & TURN_MASK);
    round[ROUND_RAN] = 0;
    round[ROUND_LEFT] = RAN;
    return this.#endTurn(cpu);
  }

  /** The rest of a turn. `exited`: its CPU has come to an exit that nobody has looked at. */
  #endTurn(cpu: number, exited = false): boolean {
    const { loop, vcpu, control } = this.#cpus[cpu];
    const round = this.#round;
    const words = this.#words;
    vcpu.budget = round[ROUND_BUDGET];
    if (exited) {
      vcpu.useAccessTime();
      loop.exited();
      this.#attend();
    }
    while (round[ROUND_LEFT] === RAN && vcpu.budget > 0) {
      // Before the attention word is looked at: whoever sets that sets this afterwards.
      if (words[MachineWord.EXIT_REQUEST] !== 0) Atomics.store(words, MachineWord.EXIT_REQUEST, 0);
      round[ROUND_LEFT] = loop.turn();
      if (round[ROUND_LEFT] === RAN) {
        round[ROUND_RAN] = 1;
        if (loop.idleUntil > this.#clock.now()) round[ROUND_LEFT] = loop.idleUntil;
      }
      this.#attend();
    }
    if (round[ROUND_LEFT] === STOPPED) return false;
    if (round[ROUND_LEFT] !== RAN) control.times[VcpuTime.IDLE_UNTIL] = round[ROUND_LEFT];
    if (round[ROUND_RAN] !== 0) round[ROUND_RUNNERS]++;
    else round[ROUND_UNTIL] = Math.min(round[ROUND_UNTIL], round[ROUND_LEFT]);
    return true;
  }

  /** To what has come up in the middle of a turn. */
  #attend(): void {
    if (this.#policies?.waiting === true) this.#policies.attend();
    if ((this.#words[MachineWord.PAUSE] & Attention.AT_ONCE) !== 0) this.#hold();
  }

  /**
   * No CPU has anything to do until then, unless it has just been given something after its turn. What others do meanwhile is done
   * without a round, which would take from the generator: the run does not depend on how often somebody only looked.
   */
  #passTime(until: number): void {
    while (until > this.#clock.now() && this.#allWait()) {
      if (this.#policies?.takeOrders() === true) {
        this.#announce();
        continue;
      }
      this.#passTimeTo(
        Math.min(until, this.#policies?.deadline ?? Infinity, this.#input?.due(this.#clock.now()) ?? Infinity),
      );
      if (this.#clock.now() >= until) return;
      this.#policies?.expire();
      this.#announce();
      this.#lock.giveWay();
      if (this.#words[MachineWord.PAUSE] !== 0) this.#hold();
      this.#giveInput();
    }
  }

  #passTimeTo(due: number): void {
    if (this.#skip !== null && this.#pace === null) {
      if (due !== Infinity) this.#skip.advanceTo(due);
      else if (this.#input?.giveNext() !== true) this.#sleep(Infinity);
      return;
    }
    const since = this.#pace?.now() ?? 0;
    this.#sleep(due);
    if (this.#pace !== null) this.#skip?.advanceTo(Math.min(due, this.#clock.now() + this.#pace.now() - since));
  }

  #allWait(): boolean {
    for (let cpu = 0; cpu < this.#cpus.length; cpu++) if (!this.#waits(cpu)) return false;
    return true;
  }

  #sleep(until: number): void {
    const words = this.#words;
    this.#lock.release();
    // Whoever asks for a pause, or leaves an order, looks at this afterwards.
    Atomics.store(words, MachineWord.TURNS_ASLEEP, 1);
    const asked = Atomics.load(words, MachineWord.PAUSE) !== 0 || this.#policies?.ordered === true;
    if (Atomics.exchange(words, MachineWord.EXIT_REQUEST, 0) === 0 && !asked) {
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

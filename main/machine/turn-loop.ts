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
import type { Doorbell } from './doorbell';
import type { ExitReporter } from './exit-reporter';
import { type ExactLoop, RAN, STOPPED } from './exact-loop';
import { type MachineMemory, MachineTime, MachineWord, PauseState, VcpuTime } from './shared-memory';
import { type OwnVcpuControl, publishPosition } from './vcpu-control';

/** Length of a turn in ns: this much, and up to as much again by the seed. */
const TURN = 1000;
const TURN_MASK = 1023;
/** Machine time between two reports of the counts of exits. */
const REPORT_INTERVAL = 100e6;
const NS_PER_MS = 1e6;

/** A CPU that takes its turns here. `vcpu.budget` is the rest of its turn in ns; running uses it up. */
export interface TurnCpu {
  loop: ExactLoop;
  vcpu: { budget: number; position(): Position };
  control: OwnVcpuControl;
}

/** Machine time that can be moved on when nobody has anything to do; null where it follows the host's. */
export interface SkippingClock extends Clock {
  advanceTo(ns: number): void;
}

export class TurnLoop {
  readonly #cpus: readonly TurnCpu[];
  readonly #words: Int32Array;
  readonly #clock: Clock;
  readonly #skip: SkippingClock | null;
  readonly #reporter: ExitReporter;
  readonly #times: Float64Array;
  readonly #doorbell: Doorbell;
  /** Head of the event ring when the doorbell was rung last. */
  #rung = 0;

  constructor(options: {
    cpus: readonly TurnCpu[];
    memory: MachineMemory;
    clock: Clock;
    skip: SkippingClock | null;
    reporter: ExitReporter;
    doorbell: Doorbell;
  }) {
    this.#cpus = options.cpus;
    this.#words = options.memory.words;
    this.#clock = options.clock;
    this.#skip = options.skip;
    this.#reporter = options.reporter;
    this.#times = options.memory.times;
    this.#doorbell = options.doorbell;
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
    while (this.#clock.now() < until) {
      if (!this.#round()) return false;
      if (Atomics.load(this.#words, MachineWord.PAUSE) !== PauseState.RUNNING) this.#pause();
    }
    return true;
  }

  /** Between two rounds all of the machine's state is in its memory. */
  #pause(): void {
    const words = this.#words;
    Atomics.store(words, MachineWord.PAUSE, PauseState.PAUSED);
    Atomics.notify(words, MachineWord.PAUSE);
    Atomics.wait(words, MachineWord.PAUSE, PauseState.PAUSED);
  }

  /** A turn for each CPU, from one that the seed picks; false: the machine stops. */
  #round(): boolean {
    let idle = true;
    let until = Infinity;
    const count = this.#cpus.length;
    const first = (this.#random() >>> 0) % count;
    for (let turn = 0; turn < count; turn++) {
      const cpu = (first + turn) % count;
      const { control, vcpu } = this.#cpus[cpu];
      if (control.takeSample()) publishPosition(control, vcpu.position());
      if (this.#waits(cpu)) {
        until = Math.min(until, this.#cpus[cpu].control.times[VcpuTime.IDLE_UNTIL]);
        continue;
      }
      const left = this.#turn(cpu);
      if (left === STOPPED) return false;
      if (left === RAN) idle = false;
      else until = Math.min(until, left);
    }
    this.#ring();
    if (idle) this.#passTime(until);
    if (this.#clock.now() >= this.#times[MachineTime.NEXT_REPORT]) {
      this.#reporter.report();
      this.#times[MachineTime.NEXT_REPORT] += REPORT_INTERVAL;
    }
    return true;
  }

  #waits(cpu: number): boolean {
    const { control } = this.#cpus[cpu];
    return !control.wanted && this.#clock.now() < control.times[VcpuTime.IDLE_UNTIL];
  }

  /** What a round has written into the event ring is news. */
  #ring(): void {
    const head = this.#words[MachineWord.EVENT_HEAD];
    if (head === this.#rung) return;
    this.#rung = head;
    this.#doorbell.ring();
  }

  /** One CPU's turn; what its last look came to. */
  #turn(cpu: number): number {
    const { loop, vcpu, control } = this.#cpus[cpu];
    vcpu.budget = TURN + (this.#random() & TURN_MASK);
    control.times[VcpuTime.IDLE_UNTIL] = 0;
    let left: number;
    let ran = false;
    do {
      // Before the attention word is looked at: whoever sets that sets this afterwards.
      if (this.#words[MachineWord.EXIT_REQUEST] !== 0) Atomics.store(this.#words, MachineWord.EXIT_REQUEST, 0);
      left = loop.turn();
      if (left === RAN) ran = true;
    } while (left === RAN && vcpu.budget > 0);
    if (left === STOPPED || left === RAN) return left;
    control.times[VcpuTime.IDLE_UNTIL] = left;
    return ran ? RAN : left;
  }

  /** Nobody has anything to do until then, unless a CPU has just been given something after its turn. */
  #passTime(until: number): void {
    for (let cpu = 0; cpu < this.#cpus.length; cpu++) if (!this.#waits(cpu)) return;
    if (this.#skip !== null && until !== Infinity) this.#skip.advanceTo(until);
    else if (Atomics.exchange(this.#words, MachineWord.EXIT_REQUEST, 0) === 0) {
      Atomics.wait(this.#words, MachineWord.EXIT_REQUEST, 0, (until - this.#clock.now()) / NS_PER_MS);
    }
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

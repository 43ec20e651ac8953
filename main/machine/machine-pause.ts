/** Pausing a machine, as the machine thread does it: it waits until all threads stand still, and stops machine time. */
import { holdTimeBack, type VmHandles } from '../accelerator/index';
import { EventKind, MachineChange, NO_CPU } from '../../preload/contract/events';
import type { PausePoint, PauseReason } from '../../preload/contract/inspection';
import { type MachineConfig, runsInTurns } from '../../preload/contract/machine';
import type { Board } from './board';
import type { PausableClock } from './pausable-clock';
import { PauseCause } from './pause-switch';
import { Held, type MachineMemory, MachineWord, StepResult, VcpuWord } from './shared-memory';
import { Attention } from './vcpu-control';

const POINT_CAUSES: Record<PausePoint['on'], PauseCause> = {
  init: PauseCause.INIT,
  sipi: PauseCause.SIPI,
  'first-instruction': PauseCause.FIRST_INSTRUCTION,
  'triple-fault': PauseCause.TRIPLE_FAULT,
  'state-change': PauseCause.STATE_CHANGE,
};

export class MachinePause {
  readonly #memory: MachineMemory;
  readonly #config: MachineConfig;
  readonly #board: Board;
  readonly #handles: VmHandles;
  /** Null where time is virtual: it stands by itself. */
  readonly #clock: PausableClock | null;
  #points: readonly PausePoint[] = [];
  #paused = false;

  constructor(options: {
    memory: MachineMemory;
    config: MachineConfig;
    board: Board;
    handles: VmHandles;
    clock: PausableClock | null;
  }) {
    this.#memory = options.memory;
    this.#config = options.config;
    this.#board = options.board;
    this.#handles = options.handles;
    this.#clock = options.clock;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Where the machine is to pause by itself, from now on. */
  set points(points: readonly PausePoint[]) {
    this.#points = points;
    for (const { cpu, words } of this.#board.vcpus) {
      const wanted = points.filter((point) => point.cpu === null || point.cpu === cpu);
      words[VcpuWord.PAUSE_POINTS] = wanted.reduce((bits, { on }) => bits | POINT_CAUSES[on], 0);
    }
  }

  get points(): readonly PausePoint[] {
    return this.#points;
  }

  ask(): void {
    this.#board.pause.ask();
  }

  /**
   * To be called whenever a thread may have come to stand still: where all do that are to, the machine is paused, and the
   * reason is given; else null.
   */
  settle(): PauseReason | null {
    const cause = this.#board.pause.cause;
    if (this.#paused || cause === null || !this.#allStand()) return null;
    this.#paused = true;
    this.#clock?.stop();
    this.#board.events.write(EventKind.MACHINE, cause.cpu < 0 ? NO_CPU : cause.cpu, MachineChange.PAUSED);
    return this.#reason(cause);
  }

  /** Lets a paused machine go on. */
  resume(): void {
    this.#board.events.write(EventKind.MACHINE, NO_CPU, MachineChange.RESUMED);
    this.#letTimeGo();
    this.#paused = false;
    this.#board.pause.release();
  }

  /** Has a CPU of the paused machine execute one instruction; `stepped` says when it has. */
  step(cpu: number): void {
    const { words } = this.#memory;
    this.#board.pause.forgetCause();
    this.#letTimeGo();
    Atomics.store(words, MachineWord.STEP_CPU, cpu);
    Atomics.store(words, MachineWord.STEP_RESULT, StepResult.NONE);
    const attention = runsInTurns(this.#config) ? words : this.#board.vcpus[cpu].words;
    const index = runsInTurns(this.#config) ? MachineWord.PAUSE : VcpuWord.ATTENTION;
    Atomics.or(attention, index, Attention.STEP);
    Atomics.notify(attention, index);
  }

  /**
   * Null while the step is under way. Then why the machine stands still now: for the step, or because that met a pause
   * point; `done` is false where the instruction did not come to its end.
   */
  stepped(cpu: number): { done: boolean; reason: PauseReason } | null {
    const result = Atomics.load(this.#memory.words, MachineWord.STEP_RESULT);
    if (result === StepResult.NONE) return null;
    this.#clock?.stop();
    const { cause } = this.#board.pause;
    return {
      done: result === StepResult.DONE,
      reason: cause === null ? { why: 'step', cpu } : this.#reason(cause),
    };
  }

  /** How far the thread that runs this CPU stands still (Held). */
  held(cpu: number): number {
    const { words } = this.#memory;
    if (runsInTurns(this.#config)) return Atomics.load(words, MachineWord.TURNS_HELD);
    return Atomics.load(this.#board.vcpus[cpu].words, VcpuWord.HELD);
  }

  /** A vcpu without a thread executes nothing: its thread will stand still before it does. But the BSP begins first. */
  #allStand(): boolean {
    const { bsp } = this.#config;
    if (runsInTurns(this.#config)) {
      // One that waits in an access has not finished its round: it must not, when it goes on.
      if (this.held(bsp) === Held.IN_ACCESS) Atomics.or(this.#memory.words, MachineWord.PAUSE, Attention.AT_ONCE);
      return this.held(bsp) !== Held.NO;
    }
    return this.#board.vcpus.every(
      ({ cpu, words }) => this.held(cpu) !== Held.NO || (cpu !== bsp && Atomics.load(words, VcpuWord.THREAD) === 0),
    );
  }

  #letTimeGo(): void {
    if (this.#clock !== null) holdTimeBack(this.#handles, this.#clock.goOn());
  }

  #reason({ cause, cpu }: { cause: PauseCause; cpu: number }): PauseReason {
    const point = this.#points.find(({ on, cpu: of }) => POINT_CAUSES[on] === cause && (of === null || of === cpu));
    if (cause === PauseCause.DEBUGGER) return { why: 'debugger', cpu };
    return point === undefined ? { why: 'asked' } : { why: 'point', point, cpu };
  }
}

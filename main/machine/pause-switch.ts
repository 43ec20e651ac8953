/**
 * Makes the machine stand still, from any thread: all CPUs, each before its next instruction. Why lies in shared memory
 * (the first cause stands) until the machine goes on; the machine thread learns of it when threads say that they stand.
 */
import { DebugStop, type MachineMemory, MachineWord, VcpuWord } from './shared-memory';
import { Attention, type VcpuControl } from './vcpu-control';

/** Bits of VcpuWord.PAUSE_POINTS; and what is no event of the guest's: ASKED, and a debugger's point or step. */
export const PauseCause = {
  INIT: 1,
  SIPI: 2,
  FIRST_INSTRUCTION: 4,
  TRIPLE_FAULT: 8,
  STATE_CHANGE: 16,
  ASKED: 32,
  DEBUGGER: 64,
} as const;
export type PauseCause = (typeof PauseCause)[keyof typeof PauseCause];

const CPU_SHIFT = 8;
const CAUSE_MASK = (1 << CPU_SHIFT) - 1;

export class PauseSwitch {
  readonly #words: Int32Array;
  readonly #vcpus: readonly VcpuControl[];
  readonly #inTurns: boolean;

  constructor(memory: MachineMemory, inTurns: boolean, vcpus: readonly VcpuControl[]) {
    this.#words = memory.words;
    this.#vcpus = vcpus;
    this.#inTurns = inTurns;
  }

  /** An event of a CPU: pauses where somebody wants that, and says whether it did. */
  at(vcpu: VcpuControl, event: PauseCause): boolean {
    if ((vcpu.words[VcpuWord.PAUSE_POINTS] & event) === 0) return false;
    this.#pauseAt(vcpu, event);
    return true;
  }

  /** For a debugger; the first reason of a CPU stands until it is told. On that CPU's thread. */
  forDebugger(vcpu: VcpuControl, stop: number): void {
    Atomics.compareExchange(vcpu.words, VcpuWord.DEBUG_STOP, DebugStop.NONE, stop);
    this.#pauseAt(vcpu, PauseCause.DEBUGGER);
  }

  #pauseAt(vcpu: VcpuControl, cause: PauseCause): void {
    this.#claim(cause, vcpu.cpu);
    if (this.#inTurns) {
      // On the thread that runs all CPUs: it enters none before it has looked.
      Atomics.or(this.#words, MachineWord.PAUSE, Attention.PAUSE | Attention.AT_ONCE);
      Atomics.store(this.#words, MachineWord.EXIT_REQUEST, 1);
    } else this.#alertAll();
  }

  /** Somebody asks for it. The emulator finishes its round, so that the run is the same with a pause and without. */
  ask(): void {
    this.#claim(PauseCause.ASKED, -1);
    if (!this.#inTurns) {
      this.#alertAll();
      return;
    }
    Atomics.or(this.#words, MachineWord.PAUSE, Attention.PAUSE);
    this.wakeTurns();
  }

  /**
   * Has the thread that runs all CPUs look, if it sleeps. One that is about to has said so before it looks at what was asked of it:
   * one of the two sees the other. Who runs looks after its round, and is not kicked, which would show in how the run goes on.
   */
  wakeTurns(): void {
    if (Atomics.load(this.#words, MachineWord.TURNS_ASLEEP) === 0) return;
    Atomics.store(this.#words, MachineWord.EXIT_REQUEST, 1);
    Atomics.notify(this.#words, MachineWord.EXIT_REQUEST);
  }

  /** Why the machine stands still, or is about to; null: it does not. CPU -1: none. */
  get cause(): { cause: PauseCause; cpu: number } | null {
    const word = Atomics.load(this.#words, MachineWord.PAUSE_CAUSE);
    if (word === 0) return null;
    return { cause: (word & CAUSE_MASK) as PauseCause, cpu: (word >> CPU_SHIFT) - 1 };
  }

  /** Forgets why: the next cause stands. While all CPUs stand still. */
  forgetCause(): void {
    Atomics.store(this.#words, MachineWord.PAUSE_CAUSE, 0);
  }

  /** Lets all CPUs go on. */
  release(): void {
    this.forgetCause();
    if (this.#inTurns) {
      Atomics.and(this.#words, MachineWord.PAUSE, ~(Attention.PAUSE | Attention.AT_ONCE));
      Atomics.notify(this.#words, MachineWord.PAUSE);
      return;
    }
    for (const { words } of this.#vcpus) {
      Atomics.and(words, VcpuWord.ATTENTION, ~Attention.PAUSE);
      Atomics.notify(words, VcpuWord.ATTENTION);
    }
    // One that went on may have met its next point already, and asked those to stand still that were let go after it.
    if (this.cause !== null) this.#alertAll();
  }

  #claim(cause: PauseCause, cpu: number): void {
    Atomics.compareExchange(this.#words, MachineWord.PAUSE_CAUSE, 0, cause | ((cpu + 1) << CPU_SHIFT));
  }

  /** Also by one who was not the first: its own CPU must not run on until the first one has come to it. */
  #alertAll(): void {
    for (const vcpu of this.#vcpus) vcpu.alert(Attention.PAUSE);
  }
}

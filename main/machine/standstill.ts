/**
 * How a thread that runs vcpus stands still while the machine is paused: it sleeps on its attention word, of which the
 * bit PAUSE stays set, and executes one instruction when it is asked to.
 *
 * Whoever pauses the machine sets PAUSE, then looks at the thread's word `held`; the thread, before it goes on, clears
 * `held` and looks at PAUSE once more. So one that reads as held executes nothing until PAUSE is cleared, also when a
 * pause follows so closely on another that the thread has not noticed their difference.
 */
import { Held, type MachineMemory, MachineWord, StepResult, VcpuWord } from './shared-memory';
import { Attention } from './vcpu-control';

/** A word of shared memory. */
export interface Word {
  words: Int32Array;
  index: number;
}

/** Where it says how far a thread stands still: that of one vcpu, or null for the emulator's, which runs all. */
export function heldWord(memory: MachineMemory, cpu: number | null): Word {
  if (cpu === null) return { words: memory.words, index: MachineWord.TURNS_HELD };
  return { words: memory.vcpu(cpu), index: VcpuWord.HELD };
}

export class Standstill {
  readonly #machine: Int32Array;
  readonly #attention: Word;
  readonly #held: Word;
  readonly #tell: () => void;
  #stepping = false;

  /** `tell`: has the machine thread look at what this thread has written. */
  constructor(memory: MachineMemory, cpu: number | null, tell: () => void) {
    this.#machine = memory.words;
    this.#attention =
      cpu === null
        ? { words: memory.words, index: MachineWord.PAUSE }
        : { words: memory.vcpu(cpu), index: VcpuWord.ATTENTION };
    this.#held = heldWord(memory, cpu);
    this.#tell = tell;
  }

  /** Stands still for as long as PAUSE is set and the machine does not end. `step` executes an instruction of a CPU. */
  hold(step: (cpu: number) => boolean): void {
    const held = this.#held;
    const { words, index } = this.#attention;
    // An instruction that did not come back here has crashed its guest.
    if (this.#stepping) this.#endStep(StepResult.NOT_DONE);
    while (standsStill(Atomics.load(words, index))) {
      Atomics.store(held.words, held.index, Held.YES);
      this.#tell();
      this.#serve(step);
      Atomics.store(held.words, held.index, Held.NO);
    }
  }

  #serve(step: (cpu: number) => boolean): void {
    const { words, index } = this.#attention;
    for (;;) {
      const seen = Atomics.load(words, index);
      if (!standsStill(seen)) return;
      if ((seen & Attention.STEP) === 0) {
        Atomics.wait(words, index, seen);
        continue;
      }
      Atomics.and(words, index, ~Attention.STEP);
      this.#stepping = true;
      const done = step(Atomics.load(this.#machine, MachineWord.STEP_CPU));
      this.#endStep(done ? StepResult.DONE : StepResult.NOT_DONE);
    }
  }

  #endStep(result: number): void {
    this.#stepping = false;
    Atomics.store(this.#machine, MachineWord.STEP_RESULT, result);
    this.#tell();
  }
}

function standsStill(attention: number): boolean {
  return (attention & (Attention.PAUSE | Attention.STOP)) === Attention.PAUSE;
}

/** Gives a machine whose time follows the host's the input of a recorded run, at about the times that it had there. */
import type { RecordedInput, RunInput } from '../../preload/contract/recording';
import type { Machine } from '../machine/machine';

const NS_PER_MS = 1e6;

export class InputReplay {
  readonly #inputs: readonly RecordedInput[];
  readonly #machine: Machine;
  readonly #give: (input: RunInput) => void;
  #next = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(inputs: readonly RecordedInput[], machine: Machine, give: (input: RunInput) => void) {
    this.#inputs = inputs;
    this.#machine = machine;
    this.#give = give;
  }

  /** Gives what is due, and waits for the rest. */
  start(): void {
    for (; this.#next < this.#inputs.length; this.#next++) {
      const input = this.#inputs[this.#next];
      const wait = (input.t - this.#machine.now) / NS_PER_MS;
      if (wait > 0) {
        this.#timer = setTimeout(() => this.start(), Math.max(1, wait));
        return;
      }
      this.#give(input);
    }
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

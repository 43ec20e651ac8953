import { MachineWord } from './shared-memory';

/**
 * Tells the machine thread that a ring has something for it. Rung once for any number of records until `silence`; to wake
 * a thread costs who rings more than an event does.
 */
export class Doorbell {
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** A look costs less than an exchange; who takes the ring back looks for records only afterwards. */
  ring(): void {
    if (Atomics.load(this.#words, MachineWord.DOORBELL) !== 0) return;
    if (Atomics.exchange(this.#words, MachineWord.DOORBELL, 1) === 0) Atomics.notify(this.#words, MachineWord.DOORBELL);
  }

  /** Resolves with true when it has been rung, at once if that was before; with false after so many ms. */
  async wait(ms: number): Promise<boolean> {
    const waiting = Atomics.waitAsync(this.#words, MachineWord.DOORBELL, 0, ms);
    return !waiting.async || (await waiting.value) === 'ok';
  }

  /** From now on it can be rung anew. Whoever calls this looks at the rings once more afterwards. */
  silence(): void {
    Atomics.store(this.#words, MachineWord.DOORBELL, 0);
  }
}

/** What a thread holds while it changes what others see. Not recursive. */
export interface Lock {
  acquire(): void;
  release(): void;
}

/** Where there is nobody else: a thread that has all to itself pays for no atomic operation. */
export const NO_LOCK: Lock = { acquire() {}, release() {} };

/**
 * A lock between threads over one word of shared memory: 0 free, 1 held, 2 held with somebody waiting
 * (the three-state futex mutex of Drepper, "Futexes Are Tricky").
 */
export class Mutex implements Lock {
  readonly #words: Int32Array;
  readonly #index: number;

  constructor(words: Int32Array, index: number) {
    this.#words = words;
    this.#index = index;
  }

  acquire(): void {
    if (Atomics.compareExchange(this.#words, this.#index, 0, 1) === 0) return;
    while (Atomics.exchange(this.#words, this.#index, 2) !== 0) Atomics.wait(this.#words, this.#index, 2);
  }

  release(): void {
    if (Atomics.exchange(this.#words, this.#index, 0) === 2) Atomics.notify(this.#words, this.#index, 1);
  }
}

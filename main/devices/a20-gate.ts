/**
 * Address line 20 of the processors, in one word: port 0x92 and the keyboard controller's output port are two handles of the
 * same gate (IBM PS/2 Hardware Interface Technical Reference, "System Control Port A"). Who translates addresses looks at the
 * word; KVM does not, its line is always open.
 */

/** What the word holds; 0 at power-on, when the line is open. */
const OPEN = 0;
const CLOSED = 1;
export const A20_GATE_WORDS = 1;

export class A20Gate {
  readonly #word: Int32Array;
  readonly #changed: () => void;

  /** `changed`: the processors have to look at the word. */
  constructor(word: Int32Array, changed: () => void) {
    this.#word = word;
    this.#changed = changed;
  }

  get open(): boolean {
    return this.#word[0] === OPEN;
  }

  set open(open: boolean) {
    if (open === this.open) return;
    this.#word[0] = open ? OPEN : CLOSED;
    this.#changed();
  }
}

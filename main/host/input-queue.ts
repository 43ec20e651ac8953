/** Keys, and presses of the power button, on their way to the machine, which takes them when it comes to where it can. */
import type { RunInput } from '../../preload/contract/recording';
import type { Board } from '../machine/board';

/** What is typed at a machine that takes none, as one that stands in the middle of a round, is lost beyond this, as a keyboard loses it. */
const MOST_WAITING = 256;

export class InputQueue {
  readonly #board: Pick<Board, 'give'>;
  readonly #waiting: RunInput[] = [];

  constructor(board: Pick<Board, 'give'>) {
    this.#board = board;
  }

  add(input: RunInput): void {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(input);
    this.pump();
  }

  /** To be called again as long as the machine goes on. */
  pump(): void {
    while (this.#waiting.length > 0 && this.#board.give(this.#waiting[0]) > 0) this.#waiting.shift();
  }
}

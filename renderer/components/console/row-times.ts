/**
 * When the rows of a terminal came, for the column beside it. Rows are counted from the terminal's beginning; a marker at
 * the cursor tells where the buffer, which forgets its oldest rows, is now.
 */
import type { IMarker, Terminal } from '@xterm/xterm';

/** More rows than a buffer has, a power of two. */
const ROWS = 2 ** 14;

export class RowTimes {
  readonly #terminal: Terminal;
  readonly #times = new Float64Array(ROWS).fill(Number.NaN);
  #marker: IMarker | null = null;
  /** The row of the marker. */
  #anchor = 0;
  /** The last row that has its time. */
  #last = -1;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Something that came at `time` has just been put into the buffer. */
  note(time: number): void {
    const buffer = this.#terminal.buffer.active;
    // A full-screen program draws where it likes.
    if (buffer.type === 'alternate') return;
    const cursor = this.#first() + buffer.baseY + buffer.cursorY;
    const written = buffer.cursorX === 0 ? cursor - 1 : cursor;
    for (let row = Math.max(this.#last + 1, written - ROWS + 1); row <= written; row++) this.#times[row % ROWS] = time;
    this.#last = Math.max(this.#last, written);
    this.#drop(cursor);
  }

  /** The time of a row of the buffer; NaN: not known. */
  at(y: number): number {
    if (this.#marker === null || this.#marker.isDisposed) return Number.NaN;
    const row = this.#first() + y;
    return row < 0 || row > this.#last ? Number.NaN : this.#times[row % ROWS];
  }

  /** Around something that leaves the cursor's row alone of the buffer. */
  clear(change: () => void): void {
    const { baseY, cursorY } = this.#terminal.buffer.active;
    const cursor = this.#first() + baseY + cursorY;
    change();
    this.#drop(cursor);
  }

  /** Around a change of the width, by which long lines are wrapped anew: each line keeps its time. */
  rewrap(change: () => void): void {
    const lines = [...this.#lines()].map(({ time }) => time);
    change();
    const { baseY, cursorY } = this.#terminal.buffer.active;
    this.#drop(baseY + cursorY);
    this.#last = -1;
    this.#times.fill(Number.NaN);
    for (const { from, to } of this.#lines()) {
      const time = lines.shift();
      if (time === undefined) break;
      this.#times.fill(time, from, to + 1);
      // The cursor's own row may still be empty.
      if (!Number.isNaN(time)) this.#last = Math.max(this.#last, to);
    }
  }

  /** Lines with the rows they are wrapped to, from the cursor's up. */
  *#lines(): Generator<{ from: number; to: number; time: number }> {
    const buffer = this.#terminal.buffer.active;
    for (let to = buffer.baseY + buffer.cursorY, from = to; from >= 0; from--) {
      if (buffer.getLine(from)?.isWrapped === true) continue;
      yield { from, to, time: this.at(from) };
      to = from - 1;
    }
  }

  /** The row that the buffer begins with. */
  #first(): number {
    if (this.#marker === null) return 0;
    // Pushed out of the buffer: all that is in it is new.
    return this.#marker.isDisposed ? this.#last + 1 : this.#anchor - this.#marker.line;
  }

  #drop(cursor: number): void {
    this.#marker?.dispose();
    this.#marker = this.#terminal.registerMarker(0);
    this.#anchor = cursor;
  }
}

/**
 * Which line a row of a terminal belongs to, by the position of the line's end in what the port has said; by that its time is
 * known. Rows are counted from the terminal's beginning; a marker at the cursor tells where the buffer, which forgets its
 * oldest rows, is now.
 */
import type { IMarker, Terminal } from '@xterm/xterm';

/** More rows than a buffer has, a power of two. */
const ROWS = 2 ** 14;

export class RowLines {
  readonly #terminal: Terminal;
  readonly #ends = new Float64Array(ROWS).fill(Number.NaN);
  #marker: IMarker | null = null;
  /** The row of the marker. */
  #anchor = 0;
  /** The last row that was written. */
  #last = -1;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Something has just been put into the buffer in which lines end, at these positions. */
  note(ends: readonly number[]): void {
    const buffer = this.#terminal.buffer.active;
    // A full-screen program draws where it likes.
    if (buffer.type === 'alternate') return;
    const first = this.#first();
    const cursor = first + buffer.baseY + buffer.cursorY;
    for (let row = Math.max(this.#last + 1, cursor - ROWS + 1); row <= cursor; row++) {
      this.#ends[row % ROWS] = Number.NaN;
    }
    this.#last = Math.max(this.#last, cursor);
    // Upwards from the line that has not ended.
    let start = this.#lineStart(first, cursor);
    for (let n = ends.length - 1; n >= 0 && start > first; n--) {
      const end = start - 1;
      start = this.#lineStart(first, end);
      for (let row = start; row <= end; row++) this.#ends[row % ROWS] = ends[n];
    }
    this.#drop(cursor);
  }

  /** Where the line of a row of the buffer ends; NaN: not known. */
  at(y: number): number {
    if (this.#marker === null || this.#marker.isDisposed) return Number.NaN;
    const row = this.#first() + y;
    return row < 0 || row > this.#last ? Number.NaN : this.#ends[row % ROWS];
  }

  /** Around something that leaves the cursor's row alone of the buffer. */
  clear(change: () => void): void {
    const { baseY, cursorY } = this.#terminal.buffer.active;
    const cursor = this.#first() + baseY + cursorY;
    change();
    this.#drop(cursor);
  }

  /** Around a change of the width, by which long lines are wrapped anew: each keeps its end. */
  rewrap(change: () => void): void {
    const lines = [...this.#lines()].map(({ end }) => end);
    change();
    const { baseY, cursorY } = this.#terminal.buffer.active;
    this.#drop(baseY + cursorY);
    this.#last = baseY + cursorY;
    this.#ends.fill(Number.NaN);
    for (const { from, to } of this.#lines()) {
      const end = lines.shift();
      if (end === undefined) break;
      this.#ends.fill(end, from, to + 1);
    }
  }

  /** Lines with the rows they are wrapped to, from the cursor's up. */
  *#lines(): Generator<{ from: number; to: number; end: number }> {
    const buffer = this.#terminal.buffer.active;
    for (let to = buffer.baseY + buffer.cursorY, from = to; from >= 0; from--) {
      if (buffer.getLine(from)?.isWrapped === true) continue;
      yield { from, to, end: this.at(from) };
      to = from - 1;
    }
  }

  /** The first row of the line that `row` is in; `first`: the buffer's. */
  #lineStart(first: number, row: number): number {
    const buffer = this.#terminal.buffer.active;
    let start = row;
    while (start > first && buffer.getLine(start - first)?.isWrapped === true) start--;
    return start;
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

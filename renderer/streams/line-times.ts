/** When a serial port's lines ended, by their positions in what it has said (events.ts, SERIAL_LINE); the oldest are forgotten. */

/** More than a console has rows, a power of two. */
const MOST = 16_384;

export class LineTimes {
  /** Position behind the end of each line, ascending, and its machine time. */
  readonly #ends = new Float64Array(MOST);
  readonly #times = new Float64Array(MOST);
  #count = 0;

  add(end: number, time: number): void {
    const at = this.#count++ % MOST;
    this.#ends[at] = end;
    this.#times[at] = time;
  }

  /** The time of the line that ends before position `end`; NaN: not known (any more). */
  at(end: number): number {
    let low = Math.max(0, this.#count - MOST);
    let high = this.#count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle % MOST] < end) low = middle + 1;
      else high = middle;
    }
    return this.#count > 0 && this.#ends[low % MOST] === end ? this.#times[low % MOST] : Number.NaN;
  }
}

/** When which bytes of a stream came, by position; the oldest are forgotten. */

/** Power of two. */
const MOST = 8192;

export class ArrivalTimes {
  /** Begin of each arrival and its time, ascending. */
  readonly #offsets = new Float64Array(MOST);
  readonly #times = new Float64Array(MOST);
  #count = 0;

  /** Bytes from `offset` on have come at `time`. */
  add(offset: number, time: number): void {
    const last = (this.#count - 1) % MOST;
    // Nothing to tell apart: a flood does not push out what was before it.
    if (this.#count > 0 && this.#times[last] === time) return;
    const at = this.#count++ % MOST;
    this.#offsets[at] = offset;
    this.#times[at] = time;
  }

  /** When the byte at `offset` came (NaN: not known), and where a later arrival begins. */
  at(offset: number): { time: number; until: number } {
    const first = Math.max(0, this.#count - MOST);
    let low = first - 1;
    let high = this.#count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#offsets[middle % MOST] <= offset) low = middle;
      else high = middle - 1;
    }
    return {
      time: low < first ? Number.NaN : this.#times[low % MOST],
      until: low + 1 < this.#count ? this.#offsets[(low + 1) % MOST] : Infinity,
    };
  }
}

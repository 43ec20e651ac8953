/** Records that are drawn as a mark, in the order of their times. */
import { float64List, lowerBound } from './number-list';

export class MarkIndex {
  readonly #times = float64List();
  readonly #records = float64List();
  /** Those before it are of records that the log has forgotten. */
  #stale = 0;

  get length(): number {
    return this.#times.length;
  }

  time(mark: number): number {
    return this.#times.values[mark];
  }

  record(mark: number): number {
    return this.#records.values[mark];
  }

  /** The first mark at `time` or later that the log still has, looked for from `from` on. */
  firstFrom(time: number, from = 0): number {
    return lowerBound(this.#times.values, this.length, time, Math.max(from, this.#stale));
  }

  push(time: number, record: number): void {
    const last = this.length - 1;
    this.#times.push(last >= 0 ? Math.max(time, this.time(last)) : time);
    this.#records.push(record);
  }

  /** Leaves out what the log has forgotten, and gives back its room when that is at least half of all; whether it did. */
  dropBefore(record: number): boolean {
    this.#stale = lowerBound(this.#records.values, this.length, record);
    if (this.#stale === 0 || this.#stale < this.length / 2) return false;
    this.#times.dropFirst(this.#stale);
    this.#records.dropFirst(this.#stale);
    this.#stale = 0;
    return true;
  }
}

/** Records that are drawn as a mark, in the order of their times. */
import { float64List, lowerBound } from './number-list';

export class MarkIndex {
  readonly #times = float64List();
  readonly #records = float64List();

  get length(): number {
    return this.#times.length;
  }

  time(mark: number): number {
    return this.#times.values[mark];
  }

  record(mark: number): number {
    return this.#records.values[mark];
  }

  /** The first mark at `time` or later, looked for from `from` on. */
  firstFrom(time: number, from = 0): number {
    return lowerBound(this.#times.values, this.length, time, from);
  }

  push(time: number, record: number): void {
    const last = this.length - 1;
    this.#times.push(last >= 0 ? Math.max(time, this.time(last)) : time);
    this.#records.push(record);
  }

  /** Forgets what the log has forgotten, when that is at least half of all; whether it did. */
  dropBefore(record: number): boolean {
    const stale = lowerBound(this.#records.values, this.length, record);
    if (stale === 0 || stale < this.length / 2) return false;
    this.#times.dropFirst(stale);
    this.#records.dropFirst(stale);
    return true;
  }
}

/** Records that are drawn as a mark, in the order of their times. Marks keep their numbers when older ones are forgotten. */
import { float64List } from './number-list';

export class MarkIndex {
  readonly #times = float64List();
  readonly #records = float64List();
  #first = 0;

  /** The oldest mark whose record the log still has. */
  get first(): number {
    return this.#first;
  }

  /** Number of the mark that comes next. */
  get length(): number {
    return this.#times.length;
  }

  time(mark: number): number {
    return this.#times.at(mark);
  }

  record(mark: number): number {
    return this.#records.at(mark);
  }

  /** The first mark at `time` or later that the log still has, looked for from `from` on. */
  firstFrom(time: number, from = 0): number {
    return this.#times.lowerBound(time, Math.max(from, this.#first));
  }

  push(time: number, record: number): void {
    const { length } = this;
    this.#times.push(length > this.#first ? Math.max(time, this.time(length - 1)) : time);
    this.#records.push(record);
  }

  /** Leaves out what the log has forgotten. */
  dropBefore(record: number): void {
    this.#first = this.#records.lowerBound(record, this.#first);
    this.#times.dropBefore(this.#first);
    this.#records.dropBefore(this.#first);
  }
}

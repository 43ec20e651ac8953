/** The records that pass a test, found in steps, so that a search through a million does not hold up a frame. */
import type { EventLog } from './event-log';
import type { RecordTest } from './event-query';
import { float64List } from './number-list';

const STEP = 1024;

export class MatchList {
  readonly #log: EventLog;
  readonly #test: RecordTest | null;
  readonly #found = float64List();
  /** The oldest one found that the log still has. */
  #first = 0;
  #seen = 0;

  /** `test` null: every record passes, and nothing has to be kept. */
  constructor(log: EventLog, test: RecordTest | null) {
    this.#log = log;
    this.#test = test;
  }

  get length(): number {
    return this.#test === null ? this.#log.length - this.#log.first : this.#found.length - this.#first;
  }

  /** Number of the record at a place of the list. */
  record(place: number): number {
    return this.#test === null ? this.#log.first + place : this.#found.at(this.#first + place);
  }

  /** The first place whose record is not before `record`. */
  placeOf(record: number): number {
    if (this.#test === null) return Math.min(Math.max(0, record - this.#log.first), this.length);
    return this.#found.lowerBound(record, this.#first) - this.#first;
  }

  /** Looks at new records until `deadline` (performance.now()); true when it has seen all. */
  update(deadline: number): boolean {
    if (this.#test === null) return true;
    const { first, length } = this.#log;
    this.#first += this.placeOf(first);
    this.#found.dropBefore(this.#first);
    this.#seen = Math.max(this.#seen, first);
    while (this.#seen < length) {
      const end = Math.min(this.#seen + STEP, length);
      for (; this.#seen < end; this.#seen++) if (this.#test(this.#seen)) this.#found.push(this.#seen);
      if (performance.now() >= deadline) break;
    }
    return this.#seen === length;
  }
}

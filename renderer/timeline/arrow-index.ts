/**
 * Inter-processor interrupts of one class in the order of their times, with an aggregation pyramid over their targets:
 * level n has, for each group of 32^n records, the set of CPUs that any of them went to. Where more of them fall into a
 * pixel than can be drawn, this still tells which CPUs they reached.
 */
import type { EventLog } from './event-log';
import { MarkIndex } from './mark-index';
import { type NumberList, uint32List } from './number-list';

const FAN = 32;

export class ArrowIndex extends MarkIndex {
  readonly #words: number;
  readonly #log: EventLog;
  /** Groups of FAN^(n+1) records at index n; each group is a set of CPUs, a bit each. */
  readonly #levels = [uint32List()];

  constructor(log: EventLog) {
    super();
    this.#log = log;
    this.#words = targetWords(log.cpus);
  }

  override push(time: number, record: number): void {
    super.push(time, record);
    this.#raise(this.length - 1);
  }

  override dropBefore(record: number): void {
    super.dropBefore(record);
    let group = this.first;
    for (const level of this.#levels) {
      group = Math.floor(group / FAN);
      level.dropBefore(group * this.#words);
    }
  }

  /** Adds the targets of arrows `from` to `to` (exclusive) to a set of CPUs, a bit each. */
  targets(from: number, to: number, into: Uint32Array): void {
    let low = from;
    let high = to;
    for (let n = -1; low < high; n++) {
      const inner = Math.ceil(low / FAN);
      const innerEnd = Math.floor(high / FAN);
      if (inner >= innerEnd) {
        this.#addAll(n, low, high, into);
        return;
      }
      this.#addAll(n, low, inner * FAN, into);
      this.#addAll(n, innerEnd * FAN, high, into);
      low = inner;
      high = innerEnd;
    }
  }

  #addAll(level: number, from: number, to: number, into: Uint32Array): void {
    if (level < 0) {
      for (let arrow = from; arrow < to; arrow++) {
        const record = this.record(arrow);
        const word = this.#word(record);
        into[word] |= this.#log.payload(record, 3);
        into[word + 1] |= this.#log.payload(record, 4);
      }
      return;
    }
    const groups = this.#levels[level];
    const words = this.#words;
    for (let at = from * words; at < to * words;) for (let w = 0; w < words; w++) into[w] |= groups.at(at++);
  }

  /** Every level is kept up to the one that has a single group. */
  #raise(arrow: number): void {
    const words = this.#words;
    const record = this.record(arrow);
    const word = this.#word(record);
    const low = this.#log.payload(record, 3);
    const high = this.#log.payload(record, 4);
    let group = arrow;
    for (let n = 0; ; n++) {
      group = Math.floor(group / FAN);
      if (n === this.#levels.length) {
        if (group === 0) return;
        this.#levels.push(this.#levelAbove(n - 1));
      }
      const level = this.#levels[n];
      if (group * words === level.length) for (let w = 0; w < words; w++) level.push(0);
      level.or(group * words + word, low);
      level.or(group * words + word + 1, high);
    }
  }

  /** Begins with what came before, which is one whole group of the level below. */
  #levelAbove(level: number): NumberList<Uint32Array<ArrayBuffer>> {
    const before = new Uint32Array(this.#words);
    this.#addAll(level, 0, FAN, before);
    const above = uint32List();
    for (const word of before) above.push(word);
    return above;
  }

  /** Where in a set the CPUs of a record are: it names 64 from payload word 2 on. */
  #word(record: number): number {
    return (this.#log.payload(record, 2) >>> 6) * 2;
  }
}

/** Words in a set of that many CPUs; an IPI record covers 64 at once. */
export function targetWords(cpus: number): number {
  return Math.ceil(cpus / 64) * 2;
}

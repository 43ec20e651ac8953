/**
 * Inter-processor interrupts of one class in the order of their times, with an aggregation pyramid over their targets:
 * level n has, for each group of 32^n records, the set of CPUs that any of them went to. Where more of them fall into a
 * pixel than can be drawn, this still tells which CPUs they reached.
 */
import type { EventLog } from './event-log';
import { MarkIndex } from './mark-index';
import { uint32List } from './number-list';

const FAN = 32;

export class ArrowIndex extends MarkIndex {
  readonly #words: number;
  readonly #log: EventLog;
  /** Groups of FAN^(n+1) records at index n; each group is a set of CPUs, a bit each. */
  #levels = [uint32List()];

  constructor(log: EventLog) {
    super();
    this.#log = log;
    this.#words = targetWords(log.cpus);
  }

  override push(time: number, record: number): void {
    super.push(time, record);
    this.#raise(this.length - 1);
  }

  override dropBefore(record: number): boolean {
    if (!super.dropBefore(record)) return false;
    this.#levels = [uint32List()];
    for (let arrow = 0; arrow < this.length; arrow++) this.#raise(arrow);
    return true;
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
      for (let arrow = from; arrow < to; arrow++) addTargets(this.#log, this.record(arrow), into, 0);
      return;
    }
    const { values } = this.#levels[level];
    const words = this.#words;
    for (let at = from * words; at < to * words;) for (let w = 0; w < words; w++) into[w] |= values[at++];
  }

  /** Every level is kept up to the one that has a single group. */
  #raise(arrow: number): void {
    const words = this.#words;
    let group = arrow;
    for (let n = 0; ; n++) {
      group = Math.floor(group / FAN);
      if (n === this.#levels.length) {
        if (group === 0) return;
        this.#levels.push(uint32List());
        // What came before is one whole group of the level below.
        for (let w = 0; w < words; w++) this.#levels[n].push(0);
        this.#addAll(n - 1, 0, FAN, this.#levels[n].values);
      }
      const level = this.#levels[n];
      if (group * words === level.length) for (let w = 0; w < words; w++) level.push(0);
      addTargets(this.#log, this.record(arrow), level.values, group * words);
    }
  }
}

/** Words in a set of that many CPUs; an IPI record covers 64 at once. */
export function targetWords(cpus: number): number {
  return Math.ceil(cpus / 64) * 2;
}

function addTargets(log: EventLog, record: number, into: Uint32Array, at: number): void {
  const word = at + (log.payload(record, 2) >>> 6) * 2;
  into[word] |= log.payload(record, 3);
  into[word + 1] |= log.payload(record, 4);
}

/**
 * The MP states of one CPU as slices that follow one another, with an aggregation pyramid over them: level n has, for
 * each group of 16^n slices, the set of their states. So every state within a pixel is known, however short it was and
 * however many slices the pixel covers, at the price of a few loads.
 */
import { MpState } from '../../preload/contract/mp-state';
import { float64List, type NumberList, uint16List } from './number-list';

const FAN = 16;
const NEAR = 8;

/** Columns of machine time, on a grid that begins at time 0. */
export interface TimeScale {
  /** Number of the first column; column n is from n to n + 1 times nsPerPixel. */
  column: number;
  nsPerPixel: number;
}

/** What each column of a lane shows; made once, filled for lane after lane. */
export interface LaneColumns {
  /** Set of states, bit n for MP state n; 0 where there is no CPU yet, or no more. */
  masks: Uint16Array;
  /** Share of RUNNABLE, 0 to 1, in columns with several states. */
  shares: Float32Array;
  /** Whether shares are wanted: not where a lane is too low to show them. */
  withShares: boolean;
}

export class StateLane {
  readonly #starts = float64List();
  /** Number of the record that began the slice; -1: the power-on state. */
  readonly #records = float64List();
  /** Time spent RUNNABLE before this slice. */
  readonly #runBefore = float64List();
  /** Level 0 has one state a slice. */
  readonly #levels: NumberList<Uint16Array<ArrayBuffer>>[] = [uint16List()];
  #first = 0;

  constructor() {
    this.#push(0, MpState.UNINITIALIZED, -1);
  }

  /** The oldest slice that is kept; slices keep their numbers when older ones are forgotten. */
  get first(): number {
    return this.#first;
  }

  /** Number of the slice that comes next. */
  get length(): number {
    return this.#starts.length;
  }

  start(slice: number): number {
    return this.#starts.at(slice);
  }

  /** `now`: where the last slice ends. */
  end(slice: number, now: number): number {
    return slice + 1 < this.length ? this.start(slice + 1) : Math.max(now, this.start(slice));
  }

  state(slice: number): number {
    return 31 - Math.clz32(this.#levels[0].at(slice));
  }

  record(slice: number): number {
    return this.#records.at(slice);
  }

  /** The slice at a time, the last of those that begin there; below `first`: none. */
  at(time: number): number {
    let slice = this.firstFrom(time);
    while (slice < this.length && this.start(slice) === time) slice++;
    return slice - 1;
  }

  /** The first slice that begins at `time` or later. */
  firstFrom(time: number): number {
    return this.#starts.lowerBound(time, this.#first);
  }

  /** A change that comes out of order counts as of the last one's time: slices never go back. */
  enter(time: number, state: number, record: number): void {
    const last = this.length - 1;
    if (this.state(last) === state) return;
    this.#push(Math.max(time, this.start(last)), state, record);
  }

  /** Forgets slices before the one that `time` begins in. */
  dropBefore(time: number): void {
    this.#first = Math.max(this.#first, this.firstFrom(time) - 1);
    for (const list of [this.#starts, this.#records, this.#runBefore]) list.dropBefore(this.#first);
    let group = this.#first;
    for (const level of this.#levels) {
      level.dropBefore(group);
      group = Math.floor(group / FAN);
    }
  }

  /** What each of `width` columns shows; `now`: where the last slice ends. */
  columns(
    { column, nsPerPixel }: TimeScale,
    width: number,
    now: number,
    { masks, shares, withShares }: LaneColumns,
  ): void {
    const starts = this.#starts;
    const states = this.#levels[0];
    const { first, length } = this;
    const end = Math.min(width, Math.max(0, Math.ceil(now / nsPerPixel) - column));
    masks.fill(0, end, width);
    let next = starts.lowerBound(column * nsPerPixel, first);
    for (let x = 0; x < end;) {
      const left = (column + x) * nsPerPixel;
      const right = (column + x + 1) * nsPerPixel;
      // Mostly few begin in a column: looked for one by one, which is faster than by halves.
      let after = next;
      const near = Math.min(length, next + NEAR);
      while (after < near && starts.at(after) < right) after++;
      if (after === near) after = starts.lowerBound(right, near);
      if (after === next) {
        // No change in this column, so none until the next slice begins.
        const until =
          next < length ? untilColumn(starts.at(next), nsPerPixel, column + x + 1, column + end) - column : end;
        masks.fill(next === first ? 0 : states.at(next - 1), x, until);
        x = until;
        continue;
      }
      const from = starts.at(next) === left || next === first ? next : next - 1;
      let mask = 0;
      if (after - from > FAN) mask = this.#statesOf(from, after);
      else for (let slice = from; slice < after; slice++) mask |= states.at(slice);
      masks[x] = mask;
      if (withShares && mask & (mask - 1)) shares[x] = this.#ran(next, after, left, Math.min(right, now)) / nsPerPixel;
      next = after;
      x++;
    }
  }

  /** Time spent RUNNABLE from `left` to `right`; slices `next` to `after` (exclusive) are those that begin in between. */
  #ran(next: number, after: number, left: number, right: number): number {
    const states = this.#levels[0];
    const before = this.#runBefore;
    const starts = this.#starts;
    const running = 1 << MpState.RUNNABLE;
    let time = before.at(after - 1) - before.at(next);
    if (next > this.#first && states.at(next - 1) === running) time += starts.at(next) - left;
    if (states.at(after - 1) === running) time += Math.max(0, right - starts.at(after - 1));
    return time;
  }

  #statesOf(first: number, after: number): number {
    let mask = 0;
    let low = first;
    let high = after;
    for (const level of this.#levels) {
      const inner = Math.ceil(low / FAN);
      const innerEnd = Math.floor(high / FAN);
      if (inner >= innerEnd) {
        for (let i = low; i < high; i++) mask |= level.at(i);
        return mask;
      }
      for (let i = low; i < inner * FAN; i++) mask |= level.at(i);
      for (let i = innerEnd * FAN; i < high; i++) mask |= level.at(i);
      low = inner;
      high = innerEnd;
    }
    return mask;
  }

  #push(time: number, state: number, record: number): void {
    const last = this.length - 1;
    const ran = last >= 0 && this.state(last) === MpState.RUNNABLE ? time - this.start(last) : 0;
    this.#runBefore.push(last < 0 ? 0 : this.#runBefore.at(last) + ran);
    this.#starts.push(time);
    this.#records.push(record);
    this.#levels[0].push(1 << state);
    this.#raise(this.length - 1, 1 << state);
  }

  /** Puts a slice's state into the groups above it. */
  #raise(slice: number, mask: number): void {
    let group = slice;
    for (let n = 1; ; n++) {
      group = Math.floor(group / FAN);
      // A level is there when the one below it has more than one group; it begins with all that came before.
      if (n === this.#levels.length) {
        if (group === 0) return;
        this.#levels.push(this.#levelAbove(n - 1));
      }
      const level = this.#levels[n];
      if (group === level.length) level.push(mask);
      else level.or(group, mask);
    }
  }

  #levelAbove(n: number): NumberList<Uint16Array<ArrayBuffer>> {
    const below = this.#levels[n];
    const level = uint16List();
    for (let from = 0; from < below.length; from += FAN) {
      let mask = 0;
      for (let i = from; i < Math.min(from + FAN, below.length); i++) mask |= below.at(i);
      level.push(mask);
    }
    return level;
  }
}

/** The column in which `time` lies, within `low` to `high`. */
function untilColumn(time: number, nsPerPixel: number, low: number, high: number): number {
  let column = Math.min(high, Math.max(low, Math.floor(time / nsPerPixel)));
  // The same arithmetic as the columns' edges: rounding must not carry a slice's start into a column before it.
  while (column > low && column * nsPerPixel > time) column--;
  return column;
}

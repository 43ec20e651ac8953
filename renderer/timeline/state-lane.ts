/**
 * The MP states of one CPU as slices that follow one another, with an aggregation pyramid over them: level n has, for
 * each group of 16^n slices, the set of their states. So every state within a pixel is known, however short it was and
 * however many slices the pixel covers, at the price of a few loads.
 */
import { MpState } from '../../preload/contract/mp-state';
import { float64List, lowerBound, type NumberList, uint16List } from './number-list';

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
  #levels: NumberList<Uint16Array<ArrayBuffer>>[] = [uint16List()];

  constructor() {
    this.#push(0, MpState.UNINITIALIZED, -1);
  }

  /** How many slices it has. */
  get length(): number {
    return this.#starts.length;
  }

  start(slice: number): number {
    return this.#starts.values[slice];
  }

  /** `now`: where the last slice ends. */
  end(slice: number, now: number): number {
    return slice + 1 < this.#starts.length ? this.#starts.values[slice + 1] : Math.max(now, this.start(slice));
  }

  state(slice: number): number {
    return 31 - Math.clz32(this.#levels[0].values[slice]);
  }

  record(slice: number): number {
    return this.#records.values[slice];
  }

  /** The slice at a time, the last of those that begin there; -1: before the first. */
  at(time: number): number {
    let slice = this.firstFrom(time);
    while (slice < this.length && this.start(slice) === time) slice++;
    return slice - 1;
  }

  /** The first slice that begins at `time` or later. */
  firstFrom(time: number): number {
    return lowerBound(this.#starts.values, this.length, time);
  }

  /** A change that comes out of order counts as of the last one's time: slices never go back. */
  enter(time: number, state: number, record: number): void {
    const last = this.length - 1;
    if (this.state(last) === state) return;
    this.#push(Math.max(time, this.start(last)), state, record);
  }

  /** Forgets slices that ended before `time`, when they are at least half of all. */
  dropBefore(time: number): void {
    const stale = this.at(time);
    if (stale < this.length / 2 || stale < FAN) return;
    for (const list of [this.#starts, this.#records, this.#runBefore]) list.dropFirst(stale);
    const [states] = this.#levels;
    states.dropFirst(stale);
    this.#levels = [states];
    for (let slice = 0; slice < states.length; slice++) this.#raise(slice, states.values[slice]);
  }

  /** What each of `width` columns shows; `now`: where the last slice ends. */
  columns(
    { column, nsPerPixel }: TimeScale,
    width: number,
    now: number,
    { masks, shares, withShares }: LaneColumns,
  ): void {
    const starts = this.#starts.values;
    const states = this.#levels[0].values;
    const { length } = this;
    const end = Math.min(width, Math.max(0, Math.ceil(now / nsPerPixel) - column));
    masks.fill(0, end, width);
    let next = lowerBound(starts, length, column * nsPerPixel);
    for (let x = 0; x < end;) {
      const left = (column + x) * nsPerPixel;
      const right = (column + x + 1) * nsPerPixel;
      // Mostly few begin in a column: looked for one by one, which is faster than by halves.
      let after = next;
      const near = Math.min(length, next + NEAR);
      while (after < near && starts[after] < right) after++;
      if (after === near) after = lowerBound(starts, length, right, near);
      if (after === next) {
        // No change in this column, so none until the next slice begins.
        const until =
          next < length ? untilColumn(starts[next], nsPerPixel, column + x + 1, column + end) - column : end;
        masks.fill(next === 0 ? 0 : states[next - 1], x, until);
        x = until;
        continue;
      }
      const first = starts[next] === left || next === 0 ? next : next - 1;
      let mask = 0;
      if (after - first > FAN) mask = this.#statesOf(first, after);
      else for (let slice = first; slice < after; slice++) mask |= states[slice];
      masks[x] = mask;
      if (withShares && mask & (mask - 1)) shares[x] = this.#ran(next, after, left, Math.min(right, now)) / nsPerPixel;
      next = after;
      x++;
    }
  }

  /** Time spent RUNNABLE from `left` to `right`; slices `next` to `after` (exclusive) are those that begin in between. */
  #ran(next: number, after: number, left: number, right: number): number {
    const states = this.#levels[0].values;
    const before = this.#runBefore.values;
    const starts = this.#starts.values;
    const running = 1 << MpState.RUNNABLE;
    let time = before[after - 1] - before[next];
    if (next > 0 && states[next - 1] === running) time += starts[next] - left;
    if (states[after - 1] === running) time += Math.max(0, right - starts[after - 1]);
    return time;
  }

  #statesOf(first: number, after: number): number {
    let mask = 0;
    let low = first;
    let high = after;
    for (const level of this.#levels) {
      const { values } = level;
      const inner = Math.ceil(low / FAN);
      const innerEnd = Math.floor(high / FAN);
      if (inner >= innerEnd) {
        for (let i = low; i < high; i++) mask |= values[i];
        return mask;
      }
      for (let i = low; i < inner * FAN; i++) mask |= values[i];
      for (let i = innerEnd * FAN; i < high; i++) mask |= values[i];
      low = inner;
      high = innerEnd;
    }
    return mask;
  }

  #push(time: number, state: number, record: number): void {
    const last = this.length - 1;
    const ran = last >= 0 && this.state(last) === MpState.RUNNABLE ? time - this.start(last) : 0;
    this.#runBefore.push(last < 0 ? 0 : this.#runBefore.values[last] + ran);
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
      else level.values[group] |= mask;
    }
  }

  #levelAbove(n: number): NumberList<Uint16Array<ArrayBuffer>> {
    const below = this.#levels[n];
    const level = uint16List();
    for (let from = 0; from < below.length; from += FAN) {
      let mask = 0;
      for (let i = from; i < Math.min(from + FAN, below.length); i++) mask |= below.values[i];
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

import type { Clock } from '../base/clock';

/** Looks at the two clocks, of which the tightest counts: a thread may be held up between the two, by milliseconds. */
const LOOKS = 16;

/**
 * Machine time that follows the host's: nanoseconds of CLOCK_MONOTONIC since `epoch`. Threads measure from time
 * origins of their own, so each finds the distance once; from then on a look at the clock allocates nothing.
 */
export class HostClock implements Clock {
  readonly #offset: number;

  /** `epoch`: CLOCK_MONOTONIC in ns at machine time 0. */
  constructor(epoch: number) {
    let distance = 0;
    let tightest = Infinity;
    for (let look = 0; look < LOOKS; look++) {
      const before = monotonicNow();
      const own = performance.now() * 1e6;
      const gap = monotonicNow() - before;
      if (gap >= tightest) continue;
      tightest = gap;
      distance = before + gap / 2 - own;
    }
    this.#offset = distance - epoch;
  }

  now(): number {
    return Math.floor(performance.now() * 1e6 + this.#offset);
  }
}

/** CLOCK_MONOTONIC in ns; exact for the first 104 days of the host's uptime, to 2 ns for years after. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint());
}

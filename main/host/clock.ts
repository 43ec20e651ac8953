import type { Clock } from '../base/clock';

/**
 * Machine time that follows the host's: nanoseconds of CLOCK_MONOTONIC since `epoch`. Threads measure from time
 * origins of their own, so each finds the distance once; from then on a look at the clock allocates nothing.
 */
export class HostClock implements Clock {
  readonly #offset: number;

  /** `epoch`: CLOCK_MONOTONIC in ns at machine time 0. */
  constructor(epoch: number) {
    this.#offset = monotonicNow() - performance.now() * 1e6 - epoch;
  }

  now(): number {
    return Math.floor(performance.now() * 1e6 + this.#offset);
  }
}

/** CLOCK_MONOTONIC in ns; exact for the first 104 days of the host's uptime, to 2 ns for years after. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint());
}

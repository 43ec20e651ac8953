/**
 * How long a call into a sandbox may take, counted in what it executes: QuickJS calls its interrupt handler once in 10,000 calls,
 * rounds of a loop and steps of a RegExp. So the same call is stopped at the same place on any host.
 */

/** Calls of the handler: some 50 ms of a busy plugin on a host of today. */
const FUEL = 100;
/** And so many more for the exception to come out; who catches it and goes on is cut off. */
const FUEL_TO_LEAVE = 10;
/** For steps that take long each, and a host that is slow. */
const WALL_LIMIT_MS = 2000;

/** It unwinds the engine from outside, so that nothing in it can catch it. */
class Overdue extends Error {}

export class Deadline {
  #fuel = Infinity;
  #wallEnd = Infinity;

  begin(): void {
    this.#fuel = FUEL;
    this.#wallEnd = performance.now() + WALL_LIMIT_MS;
  }

  get passed(): boolean {
    return this.#fuel < 0;
  }

  /** Where a plugin has caught the interrupt, its time is up nevertheless. */
  check(): void {
    if (this.passed) throw new Overdue();
  }

  /** QuickJS's interrupt handler: true throws an exception at the place where the plugin is. */
  readonly interrupt = (): boolean => {
    this.#fuel--;
    if (performance.now() > this.#wallEnd) this.#fuel = Math.min(this.#fuel, -1);
    if (this.#fuel < -FUEL_TO_LEAVE) throw new Overdue();
    return this.passed;
  };
}

/**
 * How long a call into a sandbox may take, counted in what it executes: QuickJS calls its interrupt handler once in 10,000 calls,
 * rounds of a loop and steps of a RegExp, and our metered QuickJS (meter.ts) whatever it does, a built-in function that runs long
 * included. So the same call is stopped at the same place on any host.
 */

/** Calls of the handler: some 50 ms of a busy plugin on a host of today. */
const FUEL = 100;
/** And so many more for the exception to come out; who catches it and goes on is cut off. */
const FUEL_TO_LEAVE = 10;

/** It unwinds the engine from outside, so that nothing in it can catch it. */
class Overdue extends Error {}

export class Deadline {
  #fuel = Infinity;

  begin(): void {
    this.#fuel = FUEL;
  }

  get passed(): boolean {
    return this.#fuel < 0;
  }

  /** Where a plugin has caught the interrupt, its time is up nevertheless. */
  check(): void {
    if (this.passed) throw new Overdue();
  }

  /** The interrupt handler: true throws an exception at the place where the plugin is, where QuickJS itself has asked. */
  readonly interrupt = (): boolean => {
    this.#fuel--;
    if (this.#fuel < -FUEL_TO_LEAVE) throw new Overdue();
    return this.passed;
  };
}

import type { Clock } from '../base/clock';
import { hasVirtualTime, type MachineConfig } from '../../preload/contract/machine';
import { type MachineMemory, MachineTime } from './shared-memory';

/** Machine time that passes with what the guest does, not with the host's: it lies in shared memory, and all threads see it. */
export class VirtualClock implements Clock {
  readonly #times: Float64Array;

  constructor(memory: MachineMemory) {
    this.#times = memory.times;
  }

  now(): number {
    return this.#times[MachineTime.VIRTUAL];
  }

  advance(ns: number): void {
    this.#times[MachineTime.VIRTUAL] += ns;
  }

  advanceTo(ns: number): void {
    if (ns > this.#times[MachineTime.VIRTUAL]) this.#times[MachineTime.VIRTUAL] = ns;
  }
}

/** In ns. Host time: KVM's own limit, its module parameter min_timer_period_us, for the same reason: it costs the host. */
const SHORTEST_HOST_PERIOD = 200_000;
/** Virtual time: what a CPU's turn takes at least. */
const SHORTEST_VIRTUAL_PERIOD = 1000;

/** How often the timer of a local APIC of ours may expire at most, as the time between two expiries in ns. */
export function shortestTimerPeriod(config: MachineConfig): number {
  return hasVirtualTime(config) ? SHORTEST_VIRTUAL_PERIOD : SHORTEST_HOST_PERIOD;
}

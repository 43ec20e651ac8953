import type { Clock } from '../base/clock';
import type { MachineConfig } from '../../preload/contract/machine';
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

/** Whether a machine's time passes with its guest's instructions. */
export function hasVirtualTime(config: MachineConfig): boolean {
  return config.accelerator === 'wasm' && !config.realtime;
}

import type { Clock } from '../base/clock';
import { type MachineMemory, MachineTime } from './shared-memory';

/**
 * Machine time that follows the host's, but stands still while the machine does: what is due in a second is due in a
 * second after a pause, however long that was. The distance lies in shared memory, where all threads see it; the machine
 * thread changes it, and only while no vcpu runs.
 */
export class PausableClock implements Clock {
  readonly #host: Clock;
  readonly #times: Float64Array;

  constructor(host: Clock, memory: MachineMemory) {
    this.#host = host;
    this.#times = memory.times;
  }

  now(): number {
    const standsAt = this.#times[MachineTime.STANDS_AT];
    return standsAt === 0 ? this.#host.now() - this.#times[MachineTime.LAG] : standsAt;
  }

  stop(): void {
    // 0 would mean that it goes.
    this.#times[MachineTime.STANDS_AT] = Math.max(1, this.now());
  }

  /** Goes on from where it stands; gives the nanoseconds of the host's time for which it stood. */
  goOn(): number {
    const before = this.#times[MachineTime.LAG];
    this.goOnAt(this.now());
    return this.#times[MachineTime.LAG] - before;
  }

  goOnAt(time: number): void {
    this.#times[MachineTime.LAG] = this.#host.now() - time;
    this.#times[MachineTime.STANDS_AT] = 0;
  }
}

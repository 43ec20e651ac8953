/** Accesses to addresses that no device claims: the first to each is an event. Those met before stand in a hash table. */
import { EventKind } from '../../preload/contract/events';
import type { EventWriter } from './event-ring';
import { type MachineMemory, UNCLAIMED_SLOTS } from './shared-memory';

/** How far an address may stand from its slot; where all are taken, it is not reported. */
const PROBES = 16;

export const Space = { PORT: 0, MEMORY: 1, MSR: 2 } as const;
export type Space = (typeof Space)[keyof typeof Space];

export class UnclaimedReporter {
  readonly #slots: Float64Array;
  readonly #events: EventWriter;
  readonly #cpu: number;

  constructor(memory: MachineMemory, events: EventWriter, cpu: number) {
    this.#slots = memory.unclaimed();
    this.#events = events;
    this.#cpu = cpu;
  }

  /** Under the machine lock. */
  report(space: Space, address: number, isWrite: boolean): void {
    const key = 1 + space * 2 ** 52 + address;
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = (key + probe) % UNCLAIMED_SLOTS;
      if (this.#slots[slot] === key) return;
      if (this.#slots[slot] !== 0) continue;
      this.#slots[slot] = key;
      this.#events.write(EventKind.UNCLAIMED, this.#cpu, space, address, address / 2 ** 32, isWrite ? 1 : 0);
      return;
    }
  }
}

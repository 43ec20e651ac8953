/** The last events that concern one CPU, newest first, kept up with a log that grows. */
import { EventKind } from '../../../preload/contract/events';
import type { MachineEvent } from '../../../preload/contract/machine-events';
import { eventAt } from '../../timeline/event-at';
import type { EventLog } from '../../timeline/event-log';

/** How many are kept, and how many records are looked through for them when a CPU is chosen. */
const MOST = 300;
const LOOK_BACK = 1_000_000;

export interface ListedEvent {
  /** Its record's number, which names it. */
  record: number;
  event: MachineEvent;
}

export class CpuEvents {
  readonly cpu: number;
  readonly #log: EventLog;
  #next: number;
  #events: ListedEvent[] = [];

  constructor(log: EventLog, cpu: number) {
    this.#log = log;
    this.cpu = cpu;
    this.#next = Math.max(log.first, log.length - LOOK_BACK);
  }

  /** Looks at what has come since; gives the list, a new one where it has changed. */
  update(): readonly ListedEvent[] {
    const log = this.#log;
    const found: ListedEvent[] = [];
    // From the newest back, so that no more are decoded than are kept.
    for (let record = log.length - 1; record >= Math.max(this.#next, log.first) && found.length < MOST; record--) {
      if (!concerns(log, record, this.cpu)) continue;
      const event = eventAt(log, record);
      if (event !== null) found.push({ record, event });
    }
    this.#next = log.length;
    if (found.length > 0) this.#events = [...found, ...this.#events].slice(0, MOST);
    return this.#events;
  }
}

/** Exits are no event of the list: they are counted, and would leave no room for anything else. */
function concerns(log: EventLog, record: number, cpu: number): boolean {
  const kind = log.kind(record);
  if (kind === EventKind.EXIT) return false;
  if (log.cpu(record) === cpu) return kind !== EventKind.MACHINE;
  if (kind !== EventKind.IPI) return false;
  const bit = cpu - log.payload(record, 2);
  return bit >= 0 && bit < 64 && ((log.payload(record, 3 + (bit >> 5)) >>> (bit & 31)) & 1) === 1;
}

/** What somebody did about an IPI, for its colour. */
export function isIntervention(event: MachineEvent): boolean {
  if (event.kind === 'decision' || event.kind === 'policy') return true;
  return event.kind === 'ipi' && event.decision !== 'deliver' && event.decision !== 'ignored';
}

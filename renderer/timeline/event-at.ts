/** A record of a log as an event of its own. */
import { EVENT_WORDS } from '../../preload/contract/events';
import { type MachineEvent, MachineEventDecoder } from '../../preload/contract/machine-events';
import type { EventLog } from './event-log';

/** Null: it is none, or of a kind that this version does not know. */
export function eventAt(log: EventLog, record: number): MachineEvent | null {
  const words = new Uint32Array(EVENT_WORDS);
  const time = log.time(record);
  words[0] = time % 2 ** 32;
  words[1] = Math.floor(time / 2 ** 32);
  words[2] = log.kind(record) | (log.cpu(record) << 16);
  for (let i = 0; i < 5; i++) words[3 + i] = log.payload(record, i);
  // One group of 64 CPUs: a record is an event of its own.
  return [...new MachineEventDecoder(0, log.policies.texts).decode(words.buffer)][0] ?? null;
}

/** Logs of event records, for tests. */
import { type RawRecord, batch } from '../../../main/app/testing/event-batch';
import { Decision, EventKind, NO_CPU } from '../../../preload/contract/events';
import { EventLog } from '../event-log';

export { batch, type RawRecord };

export function logOf(cpus: number, ...records: RawRecord[]): EventLog {
  const log = new EventLog(cpus);
  log.append(batch(...records), 0);
  return log;
}

export function mpState(time: number, cpu: number, from: number, to: number): RawRecord {
  return { time, kind: EventKind.MP_STATE, cpu, payload: [from, to, 0, 0xffffffff] };
}

/** All targets are of one group of 64. */
export function ipi(
  time: number,
  source: number | null,
  targets: number[],
  mode: number,
  vector = 0,
  decision: number = Decision.DELIVER,
): RawRecord {
  const words = [0, 0];
  for (const cpu of targets) words[(cpu >> 5) & 1] = (words[(cpu >> 5) & 1] | (1 << (cpu & 31))) >>> 0;
  const group = (targets[0] >> 6) * 64;
  return {
    time,
    kind: EventKind.IPI,
    cpu: source ?? NO_CPU,
    payload: [vector | (mode << 8), decision, group, ...words],
  };
}

/** Logs of event records, for tests. */
import { type RawRecord, batch } from '../../../main/app/testing/event-batch';
import { Decision, EventKind, IpiMode, NO_CPU } from '../../../preload/contract/events';
import { textPayloads } from '../../../preload/contract/text-records';
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

let texts = 0;

/** The records of a text, and what they make of it with its id. */
function withText(time: number, text: string, record: (id: number) => RawRecord): RawRecord[] {
  if (text === '') return [record(0)];
  const id = ++texts;
  const pieces = textPayloads(id, text).map((payload) => ({ time, kind: EventKind.TEXT, cpu: NO_CPU, payload }));
  return [...pieces, record(id)];
}

/** What policy number 1 did, with the records of its text. */
export function policy(time: number, act: number, text = '', cpu = NO_CPU, words: number[] = []): RawRecord[] {
  return withText(time, text, (id) => ({ time, kind: EventKind.POLICY, cpu, payload: [1 | (act << 8), id, ...words] }));
}

/** What policy number 1 decided about a SIPI 0x08 of CPU 0, with the records of its reason. */
export function decided(time: number, cpu: number, what: number, reason: string, words: number[] = []): RawRecord[] {
  const head = 1 | (what << 8) | (IpiMode.SIPI << 16);
  return withText(time, reason, (id) => ({
    time,
    kind: EventKind.DECISION,
    cpu,
    payload: [head, 8 << 16, id, ...words],
  }));
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

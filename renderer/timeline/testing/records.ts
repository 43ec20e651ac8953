/** Event records as a machine writes them, for tests. */
import { Decision, EVENT_BYTES, EventKind, NO_CPU } from '../../../preload/contract/events';
import { EventLog } from '../event-log';

export interface RawRecord {
  time: number;
  kind: number;
  cpu: number;
  payload: number[];
}

export function batch(...records: RawRecord[]): ArrayBuffer {
  const buffer = new ArrayBuffer(records.length * EVENT_BYTES);
  const view = new DataView(buffer);
  records.forEach(({ time, kind, cpu, payload }, i) => {
    const at = i * EVENT_BYTES;
    view.setBigUint64(at, BigInt(time), true);
    view.setUint16(at + 8, kind, true);
    view.setUint16(at + 10, cpu, true);
    payload.forEach((word, n) => view.setUint32(at + 12 + 4 * n, word, true));
  });
  return buffer;
}

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

/** Event records as a machine writes them, for tests. */
import { EVENT_BYTES, EventKind, NO_CPU } from '../../../preload/contract/events';

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
    payload.forEach((word, n) => view.setInt32(at + 12 + 4 * n, word, true));
  });
  return buffer;
}

export function mpState(time: number, cpu: number, from: number, to: number): RawRecord {
  return { time, kind: EventKind.MP_STATE, cpu, payload: [from, to, 0, -1] };
}

/** One record for each group of 64 CPUs that has a target. */
export function ipi(
  time: number,
  source: number | null,
  targets: number[],
  mode: number,
  vector: number,
  decision = 0,
): RawRecord[] {
  const groups = [...new Set(targets.map((cpu) => cpu >> 6))].sort((a, b) => a - b);
  return groups.map((group) => {
    const words = [0, 0];
    for (const cpu of targets) if (cpu >> 6 === group) words[(cpu >> 5) & 1] |= 1 << (cpu & 31);
    return {
      time,
      kind: EventKind.IPI,
      cpu: source ?? NO_CPU,
      payload: [vector | (mode << 8), decision, group * 64, ...words],
    };
  });
}

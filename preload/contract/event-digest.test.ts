import { describe, expect, test } from 'vitest';
import { decodeEvents, EventKind, IpiMode } from './events';
import { MpState } from './mp-state';
import { batch, ipi, mpState } from '../../main/app/testing/event-batch';
import { EventDigest, Quota, SHOWN_PER_SECOND } from './event-digest';

const { RUNNABLE, HALTED, UNINITIALIZED, INIT_RECEIVED } = MpState;
const SECOND = 1e9;

const halts = (count: number, from: number) =>
  Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? mpState(from + i, 1, RUNNABLE, HALTED) : mpState(from + i, 1, HALTED, RUNNABLE),
  );

function shown(digest: EventDigest, ...records: Parameters<typeof batch>) {
  return [...decodeEvents(digest.digest(batch(...records)))];
}

describe('halts and wake-ups', () => {
  test('are all kept up to the quota of their second, over batches', () => {
    const digest = new EventDigest();
    expect(shown(digest, ...halts(SHOWN_PER_SECOND - 1, 5))).toHaveLength(SHOWN_PER_SECOND - 1);
    const rest = shown(digest, ...halts(3, SECOND - 3), ...halts(2, SECOND));
    expect(rest.map(({ time }) => time)).toEqual([SECOND - 3, SECOND, SECOND + 1]);
    expect(digest.records).toBe(SHOWN_PER_SECOND + 4);
    expect(digest.time).toBe(SECOND + 1);
  });

  test('a quota says when it is used up', () => {
    const quota = new Quota();
    for (let i = 1; i < SHOWN_PER_SECOND; i++) expect([quota.take(i), quota.exhausted]).toEqual([true, false]);
    expect([quota.take(SECOND - 1), quota.exhausted]).toEqual([true, true]);
    expect(quota.take(SECOND - 1)).toBe(false);
    expect([quota.take(3.5 * SECOND), quota.exhausted]).toEqual([true, false]);
  });

  test('other changes of state are kept beyond it', () => {
    const digest = new EventDigest();
    shown(digest, ...halts(SHOWN_PER_SECOND + 1, 0));
    const rest = shown(digest, ...halts(4, 10_000), mpState(20_000, 1, UNINITIALIZED, INIT_RECEIVED));
    expect(rest.map(({ time }) => time)).toEqual([20_000]);
  });
});

test('interrupts have a quota of their own; INIT, SIPI and NMI are always kept', () => {
  const digest = new EventDigest();
  const fixed = (count: number) => Array.from({ length: count }, (_, i) => ipi(i, 0, [1], IpiMode.FIXED, 0x40)).flat();
  expect(shown(digest, ...fixed(SHOWN_PER_SECOND - 1))).toHaveLength(SHOWN_PER_SECOND - 1);
  const rest = shown(
    digest,
    ...ipi(5001, 0, [1], IpiMode.LOWEST_PRIORITY, 0x41),
    ...ipi(5002, 0, [1], IpiMode.INIT, 0),
    ...ipi(5003, 0, [1], IpiMode.FIXED, 0x42),
    ...ipi(5004, 0, [1], IpiMode.SIPI, 8),
    ...ipi(5005, 0, [1], IpiMode.NMI, 0),
    ...halts(2, 6000),
  );
  expect(rest.map(({ time }) => time)).toEqual([5001, 5002, 5004, 5005, 6000, 6001]);
});

test('counts are left out, what was lost is not', () => {
  const record = (time: number, kind: number) => ({ time, kind, cpu: 0, payload: [1, 1, 1, 1, 1] });
  const digest = new EventDigest();
  const rest = shown(
    digest,
    record(1, EventKind.EXIT),
    record(2, EventKind.POST),
    record(3, EventKind.UNCLAIMED),
    record(4, EventKind.LOST),
    record(5, EventKind.SERIAL_LOST),
    record(6, EventKind.MACHINE),
  );
  expect(rest.map(({ time }) => time)).toEqual([4, 5, 6]);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EVENT_BYTES } from '../../preload/contract/events';
import { EventLog } from './event-log';
import { type RawRecord, batch } from './testing/records';

const record: fc.Arbitrary<RawRecord> = fc.record({
  time: fc.integer({ min: 0, max: 2 ** 50 }),
  kind: fc.integer({ min: 1, max: 8 }),
  cpu: fc.oneof(fc.nat(254), fc.constant(0xffff)),
  payload: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 5, maxLength: 5 }),
});

function contents(log: EventLog): RawRecord[] {
  const found: RawRecord[] = [];
  for (let n = log.first; n < log.length; n++) {
    const payload = [0, 1, 2, 3, 4].map((word) => log.payload(n, word));
    found.push({ time: log.time(n), kind: log.kind(n), cpu: log.cpu(n), payload });
  }
  return found;
}

test('records come back as they were, however they were split into batches', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 60 }), fc.array(fc.nat(10), { maxLength: 20 }), (records, splits) => {
      const log = new EventLog(255);
      const rest = [...records];
      for (const count of splits) {
        const { length } = log;
        log.append(batch(...rest.splice(0, count)), length);
      }
      log.append(batch(...rest), log.length);
      expect(contents(log)).toEqual(records);
      expect(log.endTime).toBe(Math.max(0, ...records.map(({ time }) => time)));
    }),
  );
});

test('where the records between are gone, the log begins anew', () => {
  const log = new EventLog(1);
  log.append(batch({ time: 1, kind: 7, cpu: 0, payload: [1] }), 0);
  log.append(batch({ time: 9, kind: 7, cpu: 0, payload: [2] }), 100);
  expect([log.first, log.length, log.time(100)]).toEqual([100, 101, 9]);
});

test('a batch that the log has already is refused', () => {
  const log = new EventLog(1);
  log.append(batch({ time: 1, kind: 7, cpu: 0, payload: [1] }), 0);
  expect(() => log.append(new ArrayBuffer(EVENT_BYTES), 0)).toThrow('begins at record 0, but the log has all before 1');
  expect(() => log.append(new ArrayBuffer(33), 1)).toThrow('33 bytes');
  expect(log.length).toBe(1);
});

test('beyond its limit it forgets the oldest, and the others keep their numbers', () => {
  const limit = 100_000;
  const log = new EventLog(1, limit);
  const each = 50_000;
  for (let first = 0; first < 400_000; first += each) {
    log.append(
      batch(...Array.from({ length: each }, (_, n) => ({ time: first + n, kind: 7, cpu: 0, payload: [n] }))),
      first,
    );
  }
  expect(log.length).toBe(400_000);
  expect(log.length - log.first).toBeGreaterThanOrEqual(limit);
  expect(log.length - log.first).toBeLessThan(2 * limit);
  for (const n of [log.first, log.first + 70_000, log.length - 1]) expect(log.time(n)).toBe(n);
});

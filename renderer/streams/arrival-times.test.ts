import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArrivalTimes } from './arrival-times';

test('what came before the first arrival has no time', () => {
  const arrivals = new ArrivalTimes();
  expect(arrivals.at(0)).toEqual({ time: Number.NaN, until: Infinity });
  arrivals.add(100, 7);
  expect(arrivals.at(99)).toEqual({ time: Number.NaN, until: 100 });
  expect(arrivals.at(100)).toEqual({ time: 7, until: Infinity });
});

test('every byte has the time of the arrival that it belongs to, as far back as is kept', () => {
  const pieces = fc.array(fc.record({ length: fc.integer({ min: 1, max: 9 }), time: fc.nat(3) }), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(pieces, (sizes) => {
      const arrivals = new ArrivalTimes();
      const times: number[] = [];
      for (const { length, time } of sizes) {
        arrivals.add(times.length, time);
        times.push(...Array.from({ length }, () => time));
      }
      times.forEach((time, offset) => {
        const found = arrivals.at(offset);
        expect(found.time).toBe(time);
        expect(times.slice(offset, found.until).every((other) => other === time)).toBe(true);
      });
    }),
  );
});

test('the oldest arrivals are forgotten', () => {
  const arrivals = new ArrivalTimes();
  for (let i = 0; i < 10_000; i++) arrivals.add(i, i);
  expect(arrivals.at(0).time).toBeNaN();
  expect(arrivals.at(9000)).toEqual({ time: 9000, until: 9001 });
});

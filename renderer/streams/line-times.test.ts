import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineTimes } from './line-times';

test('a line has the time that was told of its end, and nothing else has one', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 });
  fc.assert(
    fc.property(lengths, (lines) => {
      const times = new LineTimes();
      const ends = new Map<number, number>();
      let end = 0;
      lines.forEach((length, n) => {
        end += length;
        ends.set(end, n);
        times.add(end, n);
      });
      for (let at = 0; at <= end + 1; at++) expect(times.at(at)).toBe(ends.get(at) ?? Number.NaN);
    }),
  );
});

test('the oldest lines are forgotten', () => {
  const times = new LineTimes();
  for (let line = 1; line <= 20_000; line++) times.add(line * 2, line);
  expect(times.at(2)).toBeNaN();
  expect(times.at(10_000)).toBe(5000);
  expect(times.at(40_000)).toBe(20_000);
});

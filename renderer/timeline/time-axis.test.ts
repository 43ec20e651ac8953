import fc from 'fast-check';
import { expect, test } from 'vitest';
import { timeAxis } from './time-axis';
import { durationText, timeText } from './time-text';

test.each([
  [80e6, ['0 ms', '10 ms', '20 ms']],
  [5e9, ['0.0 s', '0.5 s', '1.0 s']],
  [2000, ['0.0 us', '0.2 us', '0.4 us']],
])('the first %d ns', (span, expected) => {
  const labels = timeAxis(0, span, 10).ticks.map(({ label }) => label);
  expect(labels.slice(0, 3)).toEqual(expected);
});

test('far from the beginning, ticks count nanoseconds from a base', () => {
  const { base, ticks } = timeAxis(10_143_205, 100, 10);
  expect(base).toBe('10.140\u2009000 ms');
  expect(ticks[0]).toEqual({ time: 10_143_210, label: '+3210 ns' });
});

test('whatever is shown: ticks in view, none too many, no two with the same label', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -1e9, max: 1e15, noNaN: true }),
      fc.double({ min: 20, max: 1e14, noNaN: true }),
      fc.integer({ min: 1, max: 30 }),
      (start, span, maxTicks) => {
        const { ticks, step } = timeAxis(start, span, maxTicks);
        expect(ticks.length).toBeLessThanOrEqual(maxTicks + 1);
        expect(new Set(ticks.map(({ label }) => label)).size).toBe(ticks.length);
        for (const { time } of ticks) {
          expect(time).toBeGreaterThanOrEqual(start - step * 1e-6);
          expect(time).toBeLessThanOrEqual(start + span + step * 1e-6);
        }
      },
    ),
  );
});

test('times are told to the nanosecond, lengths in the digits that matter', () => {
  expect(timeText(10_144_210)).toBe('10.144\u2009210 ms');
  expect(timeText(2e9 + 1)).toBe('2.000\u2009000\u2009001 s');
  expect([0, 7, 2010, 80e6, 33_140_000].map(durationText)).toEqual([
    '0 ns',
    '7 ns',
    '2.010 us',
    '80.00 ms',
    '33.14 ms',
  ]);
});

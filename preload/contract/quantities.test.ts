import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTime, parseCpuList, parseTime } from './quantities';

test.each([
  ['0ns', 0],
  ['200us', 200_000],
  ['1.5s', 1_500_000_000],
  ['2m', 120_000_000_000],
  ['0.0000000001s', null],
  ['9007199254740992ns', null],
  ['5', null],
  ['5 ms', null],
  ['-5ms', null],
  ['5MS', null],
  ['ms', null],
  ['', null],
])('the time %j is %j ns', (text, ns) => expect(parseTime(text)).toBe(ns));

test('a time that is written is read again', () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(1, 1e3, 1e6, 1e9), (n, unit) => {
      const ns = n * unit;
      fc.pre(Number.isSafeInteger(ns));
      expect(parseTime(formatTime(ns))).toBe(ns);
    }),
  );
  expect([0, 1, 1500, 5e6, 3e9].map(formatTime)).toEqual(['0ns', '1ns', '1500ns', '5ms', '3s']);
});

test('CPUs are those that the list names', () => {
  const range = fc.tuple(fc.nat(12), fc.nat(12));
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 12 }), (ranges, cpus) => {
      const text = ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
      const found = parseCpuList(text, { cpus, bsp: 0 });
      const fits = ranges.every(([first, last]) => first <= last && last < cpus);
      const named = new Set(
        ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, n) => first + n)),
      );
      expect(found).toEqual(fits ? [...named].sort((a, b) => a - b) : null);
    }),
  );
});

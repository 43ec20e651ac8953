import fc from 'fast-check';
import { expect, test } from 'vitest';
import { float64List, uint16List } from './number-list';

test('entries keep their numbers when those before them are forgotten, and are found by their values', () => {
  fc.assert(
    fc.property(fc.nat(40_000), fc.nat(40_000), fc.nat(50_000), (length, dropped, value) => {
      const list = float64List();
      for (let n = 0; n < length; n++) list.push(n * 2);
      const first = Math.min(dropped, length);
      list.dropBefore(first);
      expect(list.length).toBe(length);
      for (let n = first; n < length; n += 97) expect(list.at(n)).toBe(n * 2);
      const found = list.lowerBound(value, first);
      expect(found).toBe(Math.min(length, Math.max(first, Math.ceil(value / 2))));
      list.push(length * 2);
      expect(list.at(length)).toBe(length * 2);
    }),
    { numRuns: 50 },
  );
});

test('bits are added to an entry that is there', () => {
  const list = uint16List();
  for (let n = 0; n < 20_000; n++) list.push(1);
  list.dropBefore(10_000);
  list.or(15_000, 6);
  expect([list.at(14_999), list.at(15_000), list.at(15_001)]).toEqual([1, 7, 1]);
});

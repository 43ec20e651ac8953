import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { alignUp, array, struct, u16, u32, u64, u8 } from './struct';

test('each field lies at a multiple of its alignment, and the size is one of the largest', () => {
  const layout = struct('sample', { a: u8, b: u64, c: u16, d: u8, e: u32, f: u8 });
  expect(layout).toEqual({ name: 'sample', at: { a: 0, b: 8, c: 16, d: 18, e: 20, f: 24 }, align: 8, size: 32 });
});

test('arrays and structs are fields of their own alignment', () => {
  const inner = struct('inner', { a: u32, b: u16 });
  expect(inner).toMatchObject({ size: 8, align: 4 });
  const outer = struct('outer', { head: u8, items: array(inner, 3), bytes: array(u8, 5), tail: u16 });
  expect(outer).toMatchObject({ at: { head: 0, items: 4, bytes: 28, tail: 34 }, align: 4, size: 36 });
});

test('an empty struct has no size', () => expect(struct('none', {})).toMatchObject({ size: 0, align: 1 }));

test('alignUp gives the least multiple that is not below', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.nat(20), (value, shift) => {
      const align = 2 ** shift;
      const up = alignUp(value, align);
      expect(up % align).toBe(0);
      expect(up).toBeGreaterThanOrEqual(value);
      expect(up - value).toBeLessThan(align);
    }),
  );
});

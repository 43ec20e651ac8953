import { expect, test } from 'vitest';
import { duration, hex, perSecond } from './format';

test.each([
  [0, '0 ns'],
  [850, '850 ns'],
  [11_300_000, '11.3 ms'],
  [999_499_999, '999 ms'],
  [999_600_000, '1.00 s'],
  [99_949_999_999, '99.9 s'],
  [200e9, '3 min 20 s'],
  [7320e9, '2 h 2 min'],
])('%d ns is %s', (ns, text) => expect(duration(ns)).toBe(text));

test.each([
  [0, '0/s'],
  [0.5, '0.5/s'],
  [999.4, '999/s'],
  [999.6, '1.00 k/s'],
  [18_200, '18.2 k/s'],
  [2_500_000, '2.50 M/s'],
])('%d a second is %s', (count, text) => expect(perSecond(count)).toBe(text));

test('hexadecimal with as many digits as asked for', () => {
  expect([hex(8), hex(0x1234, 2), hex(1, 8)]).toEqual(['0x08', '0x1234', '0x00000001']);
});

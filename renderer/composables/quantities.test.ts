import { expect, test } from 'vitest';
import { formatClock, formatDuration, formatSize, parseIds, parseSize, roughSize } from './quantities';

test('a size is a number with or without a unit', () => {
  expect(['4096', '64K', '128M', '128 MiB', '2g', '1GB'].map(parseSize)).toEqual([
    4096,
    65536,
    2 ** 27,
    2 ** 27,
    2 ** 31,
    2 ** 30,
  ]);
  for (const text of ['', 'M', '1.5G', '-1', '0x10', '128T', '99999999999G']) expect(parseSize(text), text).toBeNull();
});

test('a size is written without loss', () => {
  for (const bytes of [0, 1, 4095, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 30]) expect(parseSize(formatSize(bytes))).toBe(bytes);
  expect([2 ** 27, 3 * 2 ** 30, 1536, 10].map(formatSize)).toEqual(['128M', '3G', '1536', '10']);
  expect([10, 1536, 2 ** 30].map(roughSize)).toEqual(['10 bytes', '1.5 KiB', '1 GiB']);
});

test('times', () => {
  expect([31.66, 12_340, 245_000].map(formatDuration)).toEqual(['31.7 ms', '12.3 s', '4 min 05 s']);
  expect([-5, 12_999, 291_000, 3_891_000].map(formatClock)).toEqual(['00:00', '00:12', '04:51', '1:04:51']);
});

test('APIC ids are decimal or hexadecimal, with commas or spaces', () => {
  expect(parseIds('0, 2,0x10  17')).toEqual([0, 2, 16, 17]);
  expect(parseIds('')).toEqual([]);
  expect(parseIds('1, two, 3.5, 0xg')).toEqual([1, NaN, NaN, NaN]);
});

import { expect, test } from 'vitest';
import { device, eisaId, integer, name, pack, resources, scope, string } from './aml';

const bytes = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

test('integers take as many bytes as they need', () => {
  expect([0, 1, 2, 0xff].map((value) => [...integer(value)])).toEqual([[0], [1], [0x0a, 2], [0x0a, 0xff]]);
  expect([...integer(0x1234)]).toEqual([0x0b, 0x34, 0x12]);
  expect([...integer(0xfedcba98)]).toEqual([0x0c, 0x98, 0xba, 0xdc, 0xfe]);
});

test('an EISA id is compressed as the specification shows for PNP0C0A', () => {
  expect([...eisaId('PNP0C0A')]).toEqual([0x0c, 0x41, 0xd0, 0x0c, 0x0a]);
});

test('names are padded to four characters', () => {
  expect([...name('_S5', integer(0))]).toEqual([0x08, ...bytes('_S5_'), 0]);
  expect([...device('RTC', name('_UID', integer(1)))]).toEqual([
    0x5b,
    0x82,
    11,
    ...bytes('RTC_'),
    0x08,
    ...bytes('_UID'),
    1,
  ]);
});

test('a package length counts itself, whether it takes one byte, two, or three', () => {
  const lengths = (size: number) => [...scope('_SB', new Uint8Array(size)).subarray(1, 4)];
  expect(lengths(58)[0]).toBe(63);
  // The body has 4 + 59 bytes, and the length two more: 65 is 0x041, low four bits first.
  expect(lengths(59).slice(0, 2)).toEqual([0x41, 0x04]);
  expect(lengths(4089).slice(0, 2)).toEqual([0x4f, 0xff]);
  expect(lengths(4090)).toEqual([0x81, 0x00, 0x01]);
});

test('a resource template ends with an end tag and says its size', () => {
  expect([...resources(Uint8Array.of(0x22, 0x10, 0x00))]).toEqual([0x11, 8, 0x0a, 5, 0x22, 0x10, 0x00, 0x79, 0x00]);
  expect([...pack(string('A'), integer(7))]).toEqual([0x12, 7, 2, 0x0d, 0x41, 0, 0x0a, 7]);
});

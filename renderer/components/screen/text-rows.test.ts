import { expect, test } from 'vitest';
import { type ScreenPage, screenText } from '../../../preload/contract/screen';
import { textRows } from './text-rows';

const page = (columns: number, cells: number[], blinks = true): ScreenPage => ({
  version: 1,
  shows: 'text',
  columns,
  rows: cells.length / 2 / columns,
  blinks,
  cursor: null,
  bytes: Uint8Array.from(cells),
});

test('a row is in pieces of one attribute, which is two colours and whether it blinks', () => {
  const cells = [0x41, 0x07, 0x42, 0x07, 0x43, 0x9e];
  expect(textRows(page(3, cells))[0].pieces).toEqual([
    { text: 'AB', fore: 7, back: 0, blinks: false },
    { text: 'C', fore: 14, back: 1, blinks: true },
  ]);
  expect(textRows(page(3, cells, false))[0].pieces[1]).toEqual({ text: 'C', fore: 14, back: 9, blinks: false });
});

test('a row has another key where anything of it is another', () => {
  const keys = (cells: number[], blinks = true) => textRows(page(1, cells, blinks)).map(({ key }) => key);
  const [first, second, third] = keys([0x41, 7, 0x41, 7, 0x41, 8]);
  expect([first === second, second === third, first === keys([0x41, 7], false)[0]]).toEqual([true, false, false]);
});

test('every character of code page 437 is one, and none is invisible', () => {
  const cells = Array.from({ length: 256 }, (_, character) => [character, 0x07]).flat();
  const [row] = textRows(page(256, cells));
  expect([...row.pieces[0].text]).toHaveLength(256);
  expect(new Set(row.pieces[0].text).size).toBe(255); // two blanks: 0x00 and 0x20
  expect(screenText(page(4, [0xc9, 7, 0xcd, 7, 0xbb, 7, 0x20, 7, 0x01, 7, 0xdb, 7, 0xe1, 7, 0x7f, 7]))).toEqual([
    '╔═╗',
    '☺█ß⌂',
  ]);
});

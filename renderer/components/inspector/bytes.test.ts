import { expect, test } from 'vitest';
import { memoryRows, moveAddress, parseAddress } from './bytes';

test('rows of bytes with what of them is text; the last one may be short', () => {
  const bytes = Uint8Array.from([0x48, 0x69, 0x00, 0x7f, 0xff]);
  expect(memoryRows(bytes, 0x7c00n, 4)).toEqual([
    { address: '00007c00', hex: '48 69 00 7f', text: 'Hi..' },
    { address: '00007c04', hex: 'ff', text: '.' },
  ]);
});

test.each([
  ['7c00', 0x7c00n],
  [' 0xFFFF_FFFF_8000_0000 ', 0xffffffff80000000n],
  ['ffffffff`81000000', 0xffffffff81000000n],
  ['', null],
  ['0x', null],
  ['12g4', null],
  ['1ffffffffffffffff', null],
])("'%s' as an address", (text, address) => expect(parseAddress(text)).toBe(address));

test('a page further stays within the addresses there are', () => {
  expect(moveAddress(0x10n, -256)).toBe(0n);
  expect(moveAddress(2n ** 64n - 16n, 256)).toBe(2n ** 64n - 16n);
  expect(moveAddress(0x100n, 256)).toBe(0x200n);
});

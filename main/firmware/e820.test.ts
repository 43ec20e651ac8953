import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { E820Type, e820Map } from './e820';
import { MAX_RAM, MIB, MIN_RAM } from './memory-map';

const usable = (ram: number): number[][] =>
  e820Map(ram)
    .filter((entry) => entry.type === E820Type.RAM)
    .map((entry) => [entry.address, entry.address + entry.length]);

describe('e820 map', () => {
  test('RAM is conventional memory below the EBDA, and all from 1 MiB on', () => {
    expect(usable(128 * MIB)).toEqual([
      [0, 0x9fc00],
      [0x100000, 0x8000000],
    ]);
  });

  test('a machine of 1 MiB has conventional memory only', () => {
    expect(usable(MIN_RAM)).toEqual([[0, 0x9fc00]]);
  });

  test('the tables and the APICs are reserved', () => {
    const reserved = e820Map(MAX_RAM).filter((entry) => entry.type === E820Type.RESERVED);
    expect(reserved.map((entry) => entry.address)).toEqual([0x9fc00, 0xe0000, 0xfec00000, 0xfee00000]);
  });

  test('entries are in order and do not overlap, for any size of memory', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_RAM / MIB }), (mib) => {
        let end = 0;
        for (const { address, length } of e820Map(mib * MIB)) {
          expect(address).toBeGreaterThanOrEqual(end);
          expect(length).toBeGreaterThan(0);
          end = address + length;
        }
      }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { mpTables } from './mp-table';
import { listed } from './testing/listed';

const ADDRESS = 0xf0000;
const IDENTITY = { signature: 0x000306a9, features: 0x178bfbff };
const ENTRY_SIZES = [20, 8, 8, 8, 8];

function tables(apicIds: number[], bsp: number) {
  const bytes = mpTables(ADDRESS, listed(apicIds, bsp), IDENTITY);
  if (bytes === null) throw new Error('no MP table');
  const view = new DataView(bytes.buffer);
  const table = view.getUint32(4, true) - ADDRESS;
  const length = view.getUint16(table + 4, true);
  const entries: number[][] = [];
  for (let at = table + 44; at < table + length; at += ENTRY_SIZES[bytes[at]]) {
    entries.push([...bytes.subarray(at, at + ENTRY_SIZES[bytes[at]])]);
  }
  return {
    bytes,
    view,
    table,
    length,
    entries,
    ofType: (type: number) => entries.filter((entry) => entry[0] === type),
  };
}

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

describe('MP tables', () => {
  test('the pointer leads to a table; signatures, lengths and checksums are right', () => {
    const { bytes, view, table, length, entries } = tables([0, 1, 2, 3], 0);
    expect(String.fromCharCode(...bytes.subarray(0, 4))).toBe('_MP_');
    expect(bytes[8] * 16).toBe(table);
    expect(bytes[9]).toBe(4);
    expect([...bytes.subarray(11, 16)]).toEqual([0, 0, 0, 0, 0]);
    expect(sum(bytes.subarray(0, 16))).toBe(0);
    expect(String.fromCharCode(...bytes.subarray(table, table + 4))).toBe('PCMP');
    expect(String.fromCharCode(...bytes.subarray(table + 8, table + 28))).toBe('REVEILLEREVEILLE    ');
    expect(table + length).toBe(bytes.length);
    expect(sum(bytes.subarray(table))).toBe(0);
    expect(view.getUint16(table + 34, true)).toBe(entries.length);
    expect(view.getUint32(table + 36, true)).toBe(0xfee00000);
  });

  test('processors: the BSP is marked, signature and features are those given', () => {
    const { ofType } = tables([0, 2], 1);
    const identity = [0xa9, 0x06, 0x03, 0x00, 0xff, 0xfb, 0x8b, 0x17, 0, 0, 0, 0, 0, 0, 0, 0];
    expect(ofType(0)).toEqual([
      [0, 2, 0x14, 3, ...identity],
      [0, 0, 0x14, 1, ...identity],
    ]);
  });

  test('a PCI and an ISA bus, and one I/O APIC', () => {
    const { ofType } = tables([0], 0);
    expect(ofType(1)).toEqual([
      [1, 0, ...Buffer.from('PCI   ')],
      [1, 1, ...Buffer.from('ISA   ')],
    ]);
    expect(ofType(2)).toEqual([[2, 0, 0x11, 1, 0x00, 0x00, 0xc0, 0xfe]]);
  });

  test('ISA interrupts go to the input of their number, the timer to input 2, and 9 is level-triggered', () => {
    const wiring = tables([0], 0)
      .ofType(3)
      .filter(([, , , , bus]) => bus === 1)
      .map(([, type, flags, , , irq, apic, pin]) => ({ type, flags, irq, apic, pin }));
    expect(wiring.map(({ irq, pin }) => [irq, pin])).toEqual([
      [0, 2],
      [1, 1],
      ...Array.from({ length: 13 }, (_, i) => [i + 3, i + 3]),
    ]);
    for (const { type, flags, irq, apic } of wiring) {
      expect([type, flags, apic]).toEqual([0, irq === 9 ? 0x0d : 0, 0]);
    }
  });

  test('INTA of each PCI device goes to an input of its own, as the bus has it', () => {
    const wiring = tables([0], 0)
      .ofType(3)
      .filter(([, , , , bus]) => bus === 0);
    expect(wiring).toEqual(Array.from({ length: 8 }, (_, slot) => [3, 0, 0, 0, 0, (slot + 1) << 2, 0, 16 + slot]));
  });

  test('ExtINT at LINT0 of the BSP, NMI at LINT1 of all', () => {
    expect(tables([3, 8], 1).ofType(4)).toEqual([
      [4, 3, 0, 0, 1, 0, 8, 0],
      [4, 1, 0, 0, 1, 0, 0xff, 1],
    ]);
  });

  test('CPUs with ids of more than eight bits are left out', () => {
    const { ofType } = tables([253, 254, 255, 256], 0);
    expect(ofType(0).map(([, id]) => id)).toEqual([253, 254]);
  });

  test('without a BSP that it could list there is no table', () => {
    expect(mpTables(ADDRESS, listed([254, 255], 1), IDENTITY)).toBeNull();
  });

  test('the largest table fits below 1 MiB', () => {
    const { bytes, ofType } = tables(
      Array.from({ length: 255 }, (_, i) => i),
      0,
    );
    expect(ofType(0)).toHaveLength(255);
    expect(ADDRESS + bytes.length).toBeLessThanOrEqual(0x100000);
  });
});

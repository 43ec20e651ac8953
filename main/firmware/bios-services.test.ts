import { expect, test } from 'vitest';
import { writeBiosServices } from './bios-services';
import { ACPI_TABLES, BDA, HIGH_MEMORY } from './memory-map';

test('every service leads to one routine in the BIOS area, and no other vector leads anywhere', () => {
  const memory = new Uint8Array(HIGH_MEMORY);
  writeBiosServices(memory);
  const view = new DataView(memory.buffer);
  const places = new Set<number>();
  for (let vector = 0; vector < 256; vector++) {
    const address = view.getUint16(vector * 4 + 2, true) * 16 + view.getUint16(vector * 4, true);
    if ([0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x1a].includes(vector)) places.add(address);
    else expect(address).toBe(0);
  }
  const [routine, ...others] = places;
  expect(others).toEqual([]);
  expect(routine).toBeGreaterThan(ACPI_TABLES);
  // It ends with IRET, and nothing else is written.
  const end = memory.indexOf(0xcf, routine) + 1;
  expect(memory.subarray(BDA, routine).every((byte) => byte === 0)).toBe(true);
  expect(memory.subarray(end).every((byte) => byte === 0)).toBe(true);
});

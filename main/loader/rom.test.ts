import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LoaderError } from './index';
import { loadRom, romSizeOf } from './rom';

/** A ROM with a jump at its reset vector; each KiB says which one it is. */
function romImage(kib: number, jump = 0xea): Uint8Array {
  const bytes = Uint8Array.from({ length: kib << 10 }, (_, at) => at >> 10);
  bytes[bytes.length - 16] = jump;
  return bytes;
}

test('an image is a ROM by its size and by the jump at its reset vector', () => {
  for (const kib of [64, 128, 192, 256]) expect(romSizeOf(romImage(kib))).toBe(kib << 10);
  expect(romSizeOf(romImage(128, 0xe9))).toBe(128 << 10);
  expect([romImage(320), romImage(96), romImage(64, 0x90), new Uint8Array(0)].map(romSizeOf)).toEqual([0, 0, 0, 0]);
});

test.each([
  [64, 0xf0000],
  [256, 0xe0000],
])('of %i KiB the last 128 show below 1 MiB', (kib, shadow) => {
  const image = romImage(kib);
  const rom = new Uint8Array(image.length);
  const memory = new Uint8Array(1 << 20);
  loadRom({ name: 'bios.bin', bytes: image }, rom, memory, null);
  expect(Buffer.compare(rom, image)).toBe(0);
  expect(Buffer.compare(memory.subarray(shadow), image.subarray(shadow - 0x100000))).toBe(0);
  expect(memory.subarray(0, shadow).every((byte) => byte === 0)).toBe(true);
});

test('it takes no initial RAM disk', () => {
  const bytes = romImage(64);
  const load = () => loadRom({ name: 'bios.bin', bytes }, bytes, bytes, { name: 'initrd.img', bytes });
  expect(load).toThrow(
    new LoaderError('bios.bin is a firmware ROM, which takes no initial RAM disk: leave initrd.img out'),
  );
});

test('whatever its bytes are, it stays within the ROM and the copy of its end', () => {
  const image = fc.record({
    blocks: fc.integer({ min: 1, max: 4 }),
    jump: fc.constantFrom(0xea, 0xe9, 0xeb),
    changes: fc.array(fc.record({ at: fc.nat(0x3ffff), value: fc.nat(0xff) })),
  });
  fc.assert(
    fc.property(image, ({ blocks, jump, changes }) => {
      const bytes = romImage(64 * blocks, jump);
      for (const { at, value } of changes) if (at !== bytes.length - 16) bytes[at % (bytes.length - 16)] = value;
      expect(romSizeOf(bytes)).toBe(bytes.length);
      const memory = Buffer.alloc(1 << 20, 0xa5);
      const rom = new Uint8Array(bytes.length);
      loadRom({ name: 'bios.bin', bytes }, rom, memory, null);
      const shadow = Math.min(bytes.length, 0x20000);
      expect(Buffer.compare(rom, bytes)).toBe(0);
      expect(memory.subarray(-shadow).equals(bytes.subarray(-shadow))).toBe(true);
      expect(memory.subarray(0, -shadow).every((byte) => byte === 0xa5)).toBe(true);
    }),
    { numRuns: 20 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadOptionRom, optionRomSize } from './option-rom';
import { LoaderError } from './loader-error';

const MAX = 65536;
const rom = (blocks: number, length = 512 * blocks): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0x90);
  bytes.set([0x55, 0xaa, blocks]);
  return bytes;
};

test('an option ROM is loaded up to the length that it says', () => {
  const to = new Uint8Array(MAX);
  loadOptionRom({ name: 'vgabios.bin', bytes: rom(2, 4096) }, to);
  expect([optionRomSize(to), to[1023], to[1024]]).toEqual([1024, 0x90, 0]);
  expect(optionRomSize(new Uint8Array(MAX))).toBe(0);
});

test.for([
  ['nothing', new Uint8Array()],
  ['no signature', new Uint8Array(512)],
  ['no length', rom(0, 512)],
  ['a length beyond its end', rom(4, 2047)],
  ['more than there is room for', rom(129)],
] as const)('one with %s is refused, and nothing of it loaded', ([, bytes]) => {
  const to = new Uint8Array(MAX);
  expect(() => loadOptionRom({ name: 'vgabios.bin', bytes }, to)).toThrow(LoaderError);
  expect(to.every((byte) => byte === 0)).toBe(true);
});

test('any bytes are loaded up to the length that they say, or refused with a LoaderError', () => {
  const bytes = fc.tuple(fc.constantFrom(0x55, 0), fc.constantFrom(0xaa, 0), fc.nat(0xff), fc.nat(4096));
  fc.assert(
    fc.property(bytes, ([first, second, blocks, rest]) => {
      const image = new Uint8Array(3 + rest).fill(0x90);
      image.set([first, second, blocks]);
      const to = new Uint8Array(1024);
      try {
        loadOptionRom({ name: 'vgabios.bin', bytes: image }, to);
        expect([first, second, to.lastIndexOf(0x90)]).toEqual([0x55, 0xaa, 512 * blocks - 1]);
      } catch (error) {
        if (!(error instanceof LoaderError)) throw error;
        expect([error.message.includes('vgabios.bin'), to.every((byte) => byte === 0)]).toEqual([true, true]);
      }
    }),
  );
});

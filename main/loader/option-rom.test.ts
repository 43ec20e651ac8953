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

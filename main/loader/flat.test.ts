import { expect, test } from 'vitest';
import { cpuMode } from '../base/cpu-state';
import { loadGuest, LoaderError } from './index';
import { sampleMemory } from './sample-images';

const ROOM = 0x9fc00 - 0x7c00;

test('an image without header is loaded and entered as a boot sector is', () => {
  const memory = sampleMemory(1);
  const { kind, entry, end } = loadGuest(Uint8Array.of(0xfa, 0xf4), 'boot.bin', memory, '');
  expect([kind, end, cpuMode(entry)]).toEqual(['flat', 0x7c02, 'real']);
  expect(entry).toMatchObject({ rip: 0x7c00n, rsp: 0x7c00n, rdx: 0x80n });
  expect([...memory.subarray(0x7bff, 0x7c03)]).toEqual([0xa5, 0xfa, 0xf4, 0xa5]);
});

test('it may fill conventional memory up to the EBDA', () => {
  const memory = sampleMemory(1);
  expect(loadGuest(new Uint8Array(ROOM).fill(0x90), 'boot.bin', memory, '').end).toBe(0x9fc00);
  expect([memory[0x9fbff], memory[0x9fc00]]).toEqual([0x90, 0xa5]);
});

test('a larger one is refused', () => {
  expect(() => loadGuest(new Uint8Array(ROOM + 1), 'disk.img', sampleMemory(1), '')).toThrow(
    new LoaderError(
      'disk.img is neither ELF nor Multiboot, and as a flat image at 0x7c00 it may have 622592 bytes, but it has 622593: ' +
        'give it as an ELF or Multiboot image',
    ),
  );
});

/** A disk of 4 MiB with these bytes at this place. */
function disk(at: number, ...bytes: number[]): Uint8Array {
  const image = new Uint8Array(4 << 20);
  image.set(bytes, at);
  return image;
}

test.each([
  ['an option ROM', Uint8Array.from({ length: 512 }, (_, at) => [0x55, 0xaa, 1][at] ?? 0), 'which firmware calls'],
  ['a QCOW2 disk image', Uint8Array.of(0x51, 0x46, 0x49, 0xfb), '"qemu-img convert -O raw"'],
  ['a disk image', disk(510, 0x55, 0xaa), 'give it as a disk'],
  ['a disk image', disk(512, ...Buffer.from('EFI PART')), 'give it as a disk'],
  ['a disk image', disk(1080, 0x53, 0xef), 'give it as a disk'],
])('%s is called what it is', (what, image, way) => {
  const load = () => loadGuest(image, 'wrong.img', sampleMemory(1), '');
  expect(load).toThrow(`wrong.img is ${what}`);
  expect(load).toThrow(way);
});

test('an empty image is refused', () => {
  expect(() => loadGuest(new Uint8Array(), 'empty', sampleMemory(1), '')).toThrow(
    new LoaderError('empty is empty: it has no guest to load'),
  );
});

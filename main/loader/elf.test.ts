import { describe, expect, test } from 'vitest';
import { cpuMode } from '../base/cpu-state';
import { loadGuest, LoaderError } from './index';
import { isUntouched, sampleElf, sampleMemory } from './sample-images';

const CODE = Uint8Array.of(0xfa, 0xf4, 0xeb, 0xfd);
const BITS = [32, 64] as const;

const load = (image: Uint8Array, mib = 4) => {
  const memory = sampleMemory(mib);
  return { memory, ...loadGuest(image, 'kernel.elf', memory, '') };
};
const elf = (address: number, more: object = {}, entry = address): Uint8Array =>
  sampleElf({ bits: 64, entry, segments: [{ address, data: CODE, ...more }] });

/** A valid image with bytes replaced. */
const patched = (at: number, ...bytes: number[]): Uint8Array => {
  const image = elf(0x100000);
  image.set(bytes, at);
  return image;
};

describe.each(BITS)('ELF%i', (bits) => {
  test('segments are loaded to their physical addresses, the rest of each is zero, all else is untouched', () => {
    const { memory, kind, entry, end } = load(
      sampleElf({
        bits,
        entry: 0x200001,
        segments: [
          { address: 0x100000, data: CODE },
          { address: 0x200000, data: CODE, size: 0x1000 },
        ],
      }),
    );
    expect(kind).toBe(`elf${bits}`);
    expect(cpuMode(entry)).toBe(bits === 32 ? 'protected' : 'long');
    expect(entry.rip).toBe(0x200001n);
    expect(end).toBe(0x201000);
    expect([...memory.subarray(0x0fffff, 0x100005)]).toEqual([0xa5, ...CODE, 0xa5]);
    expect([...memory.subarray(0x200000, 0x200004)]).toEqual([...CODE]);
    expect(memory.subarray(0x200004, 0x201000).every((byte) => byte === 0)).toBe(true);
    expect(memory[0x201000]).toBe(0xa5);
  });

  test('a virtual entry point is translated by its segment', () => {
    const segments = [{ address: 0x100000, virtual: 0x80100000, data: CODE }];
    expect(load(sampleElf({ bits, entry: 0x80100002, segments })).entry.rip).toBe(0x100002n);
  });

  test('an entry point that is in no virtual range may be physical', () => {
    const segments = [{ address: 0x100000, virtual: 0x80100000, data: CODE }];
    expect(load(sampleElf({ bits, entry: 0x100003, segments })).entry.rip).toBe(0x100003n);
  });

  test('an image cut short at any byte is an error', () => {
    const image = sampleElf({ bits, entry: 0x100000, segments: [{ address: 0x100000, data: CODE }] });
    const memory = sampleMemory(2);
    for (let length = 4; length < image.length; length++) {
      expect(() => loadGuest(image.subarray(0, length), 'kernel.elf', memory, '')).toThrow(
        /^kernel\.elf is (truncated|an ELF file, but it is truncated)/,
      );
    }
  });
});

test('a file that ends before it says its class is a truncated ELF file, no flat image', () => {
  expect(() => load(elf(0x100000).subarray(0, 4))).toThrow(
    'kernel.elf is an ELF file, but it is truncated: its header takes 52 bytes or more, and the file has 4',
  );
});

test('an image is read at its place within a larger buffer', () => {
  const image = elf(0x100000);
  const buffer = new Uint8Array(image.length + 13);
  buffer.set(image, 13);
  const { memory } = load(buffer.subarray(13));
  expect([...memory.subarray(0x100000, 0x100004)]).toEqual([...CODE]);
});

test('a segment in low memory is loaded where the firmware has nothing', () => {
  const { entry, end } = load(elf(0x8000));
  expect([entry.rip, end]).toEqual([0x8000n, 0x8004]);
});

test('upper-half addresses of 64 bits are exact', () => {
  const image = elf(0x100000);
  const view = new DataView(image.buffer);
  view.setBigUint64(24, 0xffffffff80100001n, true);
  view.setBigUint64(64 + 56 + 16, 0xffffffff80100000n, true);
  expect(load(image).entry.rip).toBe(0x100001n);
});

describe('what is wrong with an image is said', () => {
  test.each<[string, Uint8Array, string]>([
    [
      'AArch64',
      patched(18, 183, 0),
      'kernel.elf is an ELF file, but for AArch64, not for x86: build the guest for i386 or x86-64',
    ],
    [
      'RISC-V',
      patched(18, 243, 0),
      'kernel.elf is an ELF file, but for RISC-V, not for x86: build the guest for i386 or x86-64',
    ],
    [
      'S/390',
      patched(5, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 22),
      'kernel.elf is an ELF file, but for S/390 (big-endian), not for x86: build the guest for i386 or x86-64',
    ],
    [
      'unknown machine',
      patched(18, 1, 2),
      'kernel.elf is an ELF file, but for machine type 513, not for x86: build the guest for i386 or x86-64',
    ],
    [
      'i386 in ELF64',
      patched(18, 3, 0),
      'kernel.elf is an ELF file, but of 64-bit class for i386, which does not go together: convert it with objcopy -O elf32-i386 or -O elf64-x86-64',
    ],
    [
      'class',
      patched(4, 7),
      'kernel.elf is an ELF file, but its class is 7, not 1 (32-bit) or 2 (64-bit): it is damaged',
    ],
    [
      'relocatable',
      patched(16, 1, 0),
      'kernel.elf is an ELF file, but it is not an executable: it is a relocatable object (ET_REL), which has yet to be linked',
    ],
    [
      'PIE',
      patched(16, 3, 0),
      'kernel.elf is an ELF file, but it is not an executable: it is position-independent (ET_DYN): link it with -no-pie -static',
    ],
    [
      'unknown type',
      patched(16, 9, 0),
      'kernel.elf is an ELF file, but it is not an executable: it is of type 9, not 2 (ET_EXEC)',
    ],
    ['program header size', patched(54, 8, 0), 'kernel.elf is damaged: its program headers are of 8 bytes, not 56'],
    [
      'no segment',
      patched(56, 1, 0),
      'kernel.elf has nothing to load: none of its 1 program headers is a PT_LOAD segment',
    ],
    [
      'entry',
      elf(0x100000, {}, 0x100004),
      'kernel.elf: its entry point 0x100004 is in none of the segments that are loaded',
    ],
    [
      'memory',
      elf(0x100000, { size: 0x500001 }),
      'kernel.elf: its segment 1 needs memory up to 0x600001, but the machine has 4 MiB: give it 7M or more',
    ],
    [
      'too high for any machine',
      elf(0xc0000000),
      'kernel.elf: its segment 1 needs memory up to 0xc0000004, but RAM ends at 0xc0000000 at the latest: link the image to lower physical addresses',
    ],
    [
      'wrap-around',
      patched(64 + 56 + 24, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
      'kernel.elf: its segment 1 needs memory up to 0x10000000000000003, but RAM ends at 0xc0000000 at the latest: link the image to lower physical addresses',
    ],
    [
      'file size',
      patched(64 + 56 + 40, 3),
      'kernel.elf is damaged: its segment 1 has 4 bytes in the file, but only 3 in memory',
    ],
    [
      'truncated data',
      patched(64 + 56 + 32, 0, 1),
      'kernel.elf is truncated: its segment 1 ends at byte 432, but the file has 180',
    ],
    [
      'tables',
      elf(0xffffe),
      'kernel.elf: its segment 1 at 0xffffe to 0x100001 would overwrite the ACPI and MP tables at 0xe0000 to 0xfffff: link the image to addresses from 1 MiB on',
    ],
    [
      'BIOS data area',
      elf(0x4ff),
      'kernel.elf: its segment 1 at 0x4ff to 0x502 would overwrite the real-mode interrupt vectors and the BIOS data area at 0x0 to 0x4ff: link the image to addresses from 1 MiB on',
    ],
    [
      'boot structures',
      elf(0x8fffd),
      'kernel.elf: its segment 1 at 0x8fffd to 0x90000 would overwrite the boot structures (GDT, page tables, boot information, stack) at 0x90000 to 0x9efff: link the image to addresses from 1 MiB on',
    ],
  ])('%s', (_, image, message) => {
    const memory = sampleMemory(4);
    expect(() => loadGuest(image, 'kernel.elf', memory, '')).toThrow(new LoaderError(message));
    expect(isUntouched(memory)).toBe(true);
  });
});

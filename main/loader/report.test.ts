import { expect, test } from 'vitest';
import { imageLines } from '../../preload/contract/image-report';
import { ByteWriter } from '../firmware/byte-writer';
import { inspectGuest, loadGuest } from './index';
import { romReport } from './rom';
import { multiboot2Header, multibootHeader, sampleElf, sampleLinux, sampleMemory, sampleNote } from './sample-images';

const LOAD = 0x100000;
const code = new Uint8Array(64).fill(0x90);

function lines(image: Uint8Array): string[] {
  return imageLines(inspectGuest(image, 'guest'));
}

test('a Linux kernel tells its version and protocol, and what of its header is ignored', () => {
  const image = sampleLinux({ address: 0x1000000, initSize: 0x200000 });
  new DataView(image.buffer).setUint16(0x20e, 0x100, true);
  image.set(new TextEncoder().encode('6.1.0-test (somebody@somewhere)\0'), 0x300);
  expect(lines(image)).toEqual([
    'Linux kernel (bzImage), 6.1.0-test, Linux boot protocol 2.15: entry 0x1000200 in long mode',
    'loads kernel: 2 MiB at 0x1000000',
    'needs 18 MiB of RAM to be loaded',
    'takes a file beside it as initial RAM disk',
    'takes a command line of at most 2047 bytes',
    'asks for loading at 0x1000000 (pref_address): given, with the memory that it unpacks into (init_size)',
    'asks for its 64-bit entry (XLF_KERNEL_64): given, the only one that is used',
    'asks for being loaded elsewhere (relocatable_kernel): ignored, it is loaded where it prefers to be',
    'asks for being loaded above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G): ignored, RAM ends below',
    'asks for an entry from EFI (XLF_EFI_HANDOVER): ignored, the machine has no EFI',
  ]);
});

test('a version string out of the image, or without an end, is none or cut', () => {
  const image = sampleLinux();
  const view = new DataView(image.buffer);
  view.setUint16(0x20e, 0xffff, true);
  expect(inspectGuest(image, 'guest').description).toBeNull();
  view.setUint16(0x20e, 0x100, true);
  image.fill(0x41, 0x300, 0x600);
  expect(inspectGuest(image, 'guest').description).toBe('A'.repeat(64));
});

test('a Multiboot kernel asks by the flags of its header', () => {
  const image = new ByteWriter()
    .bytes(multibootHeader(0x30003, [LOAD, LOAD, 0, LOAD + 0x1000, LOAD + 32]))
    .bytes(code)
    .finish();
  expect(lines(image)).toEqual([
    'Multiboot kernel, Multiboot 0.6.96: entry 0x100020 in protected mode',
    'loads data by the Multiboot header: 4 KiB at 0x100000',
    'needs 1 MiB of RAM to be loaded',
    'takes a file beside it as module',
    'takes a command line of at most 4095 bytes',
    'asks for modules at page boundaries: given, where every module is',
    'asks for the sizes and the map of memory: given, as every kernel',
    'asks for loading by the addresses of its header: given, in the place of ELF',
    'asks for what bits 0x20000 of its flags mean: ignored, as they need not be understood',
  ]);
});

test('a Multiboot 2 kernel asks by its tags', () => {
  const image = multiboot2Header([
    { type: 1, flags: 1, words: [6, 8, 13] },
    { type: 2, words: [LOAD, LOAD, 0, 0] },
    { type: 3, words: [LOAD] },
    { type: 5, flags: 1, words: [1024, 768, 32] },
    { type: 6 },
    { type: 77, flags: 1 },
  ]);
  const { asks } = inspectGuest(image, 'guest');
  expect(asks.map(({ what, answer }) => `${what}: ${answer}`)).toEqual([
    'boot information of type 6: given',
    'boot information of type 8: given',
    'boot information of type 13: ignored',
    'loading by the addresses of its header: given',
    'an entry point of its own: given',
    'a video mode of 1024 x 768 x 32: ignored',
    'modules at page boundaries: given',
    'what a tag of type 77 means: ignored',
  ]);
});

test('an ELF image has the segments that it loads, at most 64 of them', () => {
  const segments = Array.from({ length: 70 }, (_, n) => ({ address: LOAD + n * 0x1000, data: code }));
  const report = inspectGuest(sampleElf({ bits: 64, entry: LOAD, segments }), 'guest');
  expect(report).toMatchObject({ kind: 'elf64', mode: 'long', entry: LOAD, beside: null, cmdline: 0, moreSegments: 6 });
  expect(report.segments).toHaveLength(64);
  expect(report.segments[1]).toEqual({ what: 'segment 2', address: LOAD + 0x1000, size: 64 });
  expect(report.memory).toBe(LOAD + 69 * 0x1000 + 64);
});

test('a machine tells what was put beside the image, and where', () => {
  const note = sampleNote('Xen', 18, Uint8Array.of(0, 0, 0x10, 0, 0, 0, 0, 0));
  const image = sampleElf({ bits: 64, entry: LOAD, segments: [{ address: LOAD, data: code }], note });
  const { report } = loadGuest(image, 'guest', sampleMemory(2), 'quiet', {
    name: 'initrd',
    bytes: new Uint8Array(5000),
  });
  expect(report.kind).toBe('pvh');
  expect(report.given).toEqual([
    { what: 'module', address: 0x1fe000, size: 5000 },
    { what: 'boot information with a command line of 5 bytes', address: 0x97000, size: 0x4000 },
  ]);
});

test('a firmware ROM begins at its end, and a copy of it is below 1 MiB', () => {
  const { segments, entry } = romReport(256 << 10);
  expect([entry, ...segments.map(({ address, size }) => [address, size])]).toEqual([
    0xfffffff0,
    [0xfffc0000, 0x40000],
    [0xe0000, 0x20000],
  ]);
});

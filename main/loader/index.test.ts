import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ImageReport } from '../../preload/contract/image-report';
import { ByteWriter } from '../firmware/byte-writer';
import { BOOT_INFORMATION } from '../firmware/memory-map';
import { type BootMachine, inspectGuest, loadGuest, LoaderError } from './index';
import {
  multiboot2Header,
  multibootHeader,
  sampleElf,
  type SampleLinux,
  sampleLinux,
  sampleNote,
} from './sample-images';

const LOAD = 0x100000;
const RAM = 2 << 20;
const GUARD = 4096;

/** RAM between two guards that nothing may write to. */
const pristine = Buffer.alloc(GUARD + RAM + GUARD, 0xa5);
const shared = Buffer.from(new SharedArrayBuffer(pristine.length));
const memory = shared.subarray(GUARD, GUARD + RAM);
const machine: BootMachine = { screen: true, rsdp: () => new Uint8Array(36) };

/** Whatever an image claims, its report is small, and plain text that can be shown. */
function isBounded(report: ImageReport): void {
  const text = JSON.stringify(report);
  expect(text.length).toBeLessThan(20_000);
  expect(text).toMatch(/^[\x20-\x7e]*$/);
  expect(report.memory).toBeLessThanOrEqual(RAM);
  expect(Math.max(...report.segments.map(({ address, size }) => address + size))).toBeLessThanOrEqual(RAM);
}

/** True if the image was loaded, false if it was refused with a sentence that names it, and RAM left as it was. */
function loads(image: Uint8Array, disk: Uint8Array | null = null): boolean {
  pristine.copy(shared);
  try {
    const initrd = disk === null ? null : { name: 'disk.img', bytes: disk };
    const guest = loadGuest(image, 'guest.img', memory, 'quiet', initrd, machine);
    const rip = Number(guest.entry.rip);
    expect(rip).toBeLessThan(guest.end);
    expect(guest.end).toBeLessThanOrEqual(RAM);
    // A report without a machine is the one of the machine.
    expect(inspectGuest(image, 'guest.img')).toEqual({ ...guest.report, given: [] });
    isBounded(guest.report);
    const placed = guest.report.given.find(({ what }) => what !== 'module' && what !== 'initial RAM disk');
    if (disk !== null) {
      const [{ address, size }] = guest.report.given;
      expect([size, address % 4096, address >= guest.end]).toEqual([disk.length, 0, true]);
      expect(memory.subarray(address, address + size).equals(disk)).toBe(true);
    }
    expect(placed?.address).toBe(guest.report.cmdline > 0 ? BOOT_INFORMATION : undefined);
  } catch (error) {
    if (!(error instanceof LoaderError)) throw error;
    expect(error.message).toMatch(/guest\.img|disk\.img/);
    expect(shared.equals(pristine)).toBe(true);
    return false;
  }
  for (const [from, to] of [
    [0, GUARD],
    [GUARD + RAM, pristine.length],
  ]) {
    expect(shared.subarray(from, to).equals(pristine.subarray(from, to))).toBe(true);
  }
  return true;
}

const code = new Uint8Array(64).fill(0x90);
const multibootData = new ByteWriter().bytes(multibootHeader(3)).bytes(code).finish();
const multiboot2Data = multiboot2Header([
  { type: 1, words: [6] },
  { type: 3, words: [LOAD + 4] },
]);
const samples: Record<string, Uint8Array> = {
  elf32: sampleElf({ bits: 32, entry: LOAD, segments: [{ address: LOAD, data: code, size: 4096 }] }),
  elf64: sampleElf({ bits: 64, entry: LOAD, segments: [{ address: LOAD, data: code, size: 4096 }] }),
  'multiboot ELF': sampleElf({ bits: 32, entry: LOAD + 12, segments: [{ address: LOAD, data: multibootData }] }),
  multiboot: new ByteWriter()
    .bytes(multibootHeader(0x10000, [LOAD, LOAD, 0, LOAD + 0x1000, LOAD + 32]))
    .bytes(code)
    .finish(),
  'multiboot2 ELF': sampleElf({ bits: 64, entry: LOAD, segments: [{ address: LOAD, data: multiboot2Data }] }),
  multiboot2: multiboot2Header([
    { type: 2, words: [LOAD, LOAD, 0, 0] },
    { type: 3, words: [LOAD] },
  ]),
  'multiboot with a video mode': sampleElf({
    bits: 32,
    entry: LOAD,
    segments: [{ address: LOAD, data: multibootHeader(7, [0, 0, 0, 0, 0, 0, 1024, 768, 32]) }],
  }),
  'multiboot2 with every tag': multiboot2Header([
    { type: 1, words: [1, 3, 6, 8, 14, 15] },
    { type: 2, words: [LOAD, LOAD, 0, LOAD + 0x1000] },
    { type: 3, words: [LOAD] },
    { type: 4, words: [3] },
    { type: 5, words: [1024, 768, 32] },
    { type: 6 },
    { type: 7 },
    { type: 8, words: [0] },
    { type: 9, words: [0] },
    { type: 10, words: [0, 0xffffffff, 4096, 1] },
  ]),
  linux: sampleLinux(),
  'linux without a 64-bit entry': sampleLinux({ xloadflags: 0 }),
  pvh: sampleElf({
    bits: 64,
    entry: LOAD,
    segments: [{ address: LOAD, data: code }],
    note: sampleNote('Xen', 18, Uint8Array.of(0, 0, 0x10, 0, 0, 0, 0, 0)),
  }),
  flat: code,
};

describe('any bytes either load or are refused with a LoaderError, and nothing outside of RAM is written', () => {
  test('bytes at random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 600 }), (image) => {
        // No header is found by chance, and as a boot sector all are welcome.
        expect(loads(image)).toBe(true);
      }),
    );
  });

  test('bytes at random after the magic of an ELF file', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 300 }), (elfClass, rest) => {
        loads(new ByteWriter().u8(0x7f).ascii('ELF').u8(elfClass, 1).bytes(rest).finish());
      }),
    );
  });

  const interesting = fc.constantFrom(0, 1, 0x7f, 0x80, 0xff);
  const mutation = fc.record({
    at: fc.nat({ max: 700 }),
    values: fc.array(fc.oneof(interesting, fc.nat(255)), { minLength: 1, maxLength: 8 }),
  });

  test.each(Object.entries(samples))('mutated %s image', (_, sample) => {
    expect(loads(sample)).toBe(true);
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.nat({ max: 20 }), (mutations, cut) => {
        const image = sample.slice(0, sample.length - cut);
        for (const { at, values } of mutations)
          image.set(values.slice(0, image.length), at % Math.max(1, image.length - values.length));
        loads(image);
      }),
      { numRuns: 400 },
    );
  });

  test.each(Object.entries(samples))('%s image with a file beside it', (_, sample) => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(RAM), fc.nat(8)), (size) => {
        const disk = new Uint8Array(size).fill(0x5a);
        loads(sample, disk);
      }),
      { numRuns: 40 },
    );
  });

  // A mutation hardly ever leaves a checksum right, so these make headers of any content with one.
  const near = fc.integer({ min: LOAD - 8, max: LOAD + 128 });
  const word = fc.oneof(near, near, fc.constantFrom(0, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }));

  test('Multiboot headers with any fields', () => {
    const header = fc.record({
      flags: fc.constantFrom(0, 3, 0x10000, 0x10003, 0x10004, 0xffffffff),
      offset: fc.nat({ max: 5 }).map((words) => words * 4),
      load: near,
      // Zero, the right one, more often than not.
      skew: fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: -24, max: 24 })),
      fields: fc.array(word, { maxLength: 4 }),
    });
    const outcomes = new Set<boolean>();
    fc.assert(
      fc.property(header, ({ flags, offset, load, skew, fields }) => {
        const bytes = multibootHeader(flags, [load + offset + skew, load, ...fields]);
        outcomes.add(loads(new ByteWriter().zeros(offset).bytes(bytes).bytes(code).finish()));
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect(outcomes).toEqual(new Set([true, false]));
  });

  test('Multiboot 2 headers with any tags', () => {
    const tag = fc.record({
      type: fc.oneof(fc.integer({ min: 1, max: 11 }), fc.constantFrom(2, 3)),
      flags: fc.constantFrom(0, 1),
      words: fc.array(word, { maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 4 }), (tags) => {
        loads(multiboot2Header(tags));
      }),
      { numRuns: 1000 },
    );
  });

  test('Linux headers with any fields', () => {
    const header: fc.Arbitrary<SampleLinux> = fc.record(
      {
        // 2.07: iPXE's, which begins in real mode.
        version: fc.oneof(fc.constantFrom(0x207, 0x20a, 0x20b, 0x20c, 0x20f), fc.nat(0xffff)),
        loadflags: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.nat(0xff)),
        xloadflags: fc.nat(0xffff),
        commandLineSize: fc.oneof(fc.nat(16), word),
        initrdMax: fc.oneof(fc.nat(RAM), word),
        address: fc.oneof({ weight: 4, arbitrary: near }, word, fc.nat(Number.MAX_SAFE_INTEGER)),
        initSize: fc.oneof({ weight: 4, arbitrary: fc.nat(RAM) }, word),
        syssize: fc.oneof({ weight: 4, arbitrary: fc.constant(0x40) }, word),
      },
      { requiredKeys: [] },
    );
    const outcomes = new Set<boolean>();
    fc.assert(
      fc.property(header, fc.option(fc.nat(RAM)), (fields, disk) => {
        outcomes.add(loads(sampleLinux(fields), disk === null ? null : new Uint8Array(disk)));
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect(outcomes).toEqual(new Set([true, false]));
  });

  test('ELF program headers and PVH notes with any fields', () => {
    const field = fc.oneof(
      near,
      near,
      fc.nat(600),
      fc.constantFrom(0n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n),
    );
    const image = fc.record({
      bits: fc.constantFrom(32 as const, 64 as const),
      entry: near,
      note: fc.option(fc.tuple(field, fc.constantFrom(0, 3, 4, 8))),
      headers: fc.array(fc.tuple(fc.nat(2), fc.constantFrom(0, 8, 16, 24, 32, 40), field), { maxLength: 3 }),
    });
    const outcomes = new Set<boolean>();
    fc.assert(
      fc.property(image, ({ bits, entry, note, headers }) => {
        const descriptor = new DataView(new ArrayBuffer(8));
        descriptor.setBigUint64(0, BigInt(note?.[0] ?? 0), true);
        const content = new Uint8Array(descriptor.buffer, 0, note?.[1]);
        const segments = [0, 1].map((n) => ({ address: LOAD + 4096 * n, data: code, size: 4096 }));
        const elf = sampleElf({
          bits,
          entry,
          segments,
          ...(note === null ? {} : { note: sampleNote('Xen', 18, content) }),
        });
        const view = new DataView(elf.buffer);
        const [first, size] = bits === 64 ? [64, 56] : [52, 32];
        for (const [n, at, value] of headers) {
          const where = first + n * size + (bits === 64 ? at + 8 : at / 2 + 4);
          if (bits === 64) view.setBigUint64(where, BigInt(value), true);
          else view.setUint32(where, Number(BigInt(value) & 0xffffffffn), true);
        }
        outcomes.add(loads(elf));
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect(outcomes).toEqual(new Set([true, false]));
  });
});

test('an image with both Multiboot headers is loaded by the first version', () => {
  const first = multibootHeader(0x10000, [LOAD, LOAD, 0, 0, LOAD]);
  const second = multiboot2Header([
    { type: 2, words: [LOAD + 32, LOAD, 0, 0] },
    { type: 3, words: [LOAD] },
  ]);
  const both = new ByteWriter().bytes(first).bytes(second).finish();
  expect(loadGuest(both, 'guest.img', memory, '').kind).toBe('multiboot');
});

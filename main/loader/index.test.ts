import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ImageReport } from '../../preload/contract/image-report';
import { ByteWriter } from '../firmware/byte-writer';
import { inspectGuest, loadGuest, LoaderError } from './index';
import { isUntouched, multiboot2Header, multibootHeader, sampleElf, sampleLinux, sampleNote } from './sample-images';

const LOAD = 0x100000;
const RAM = 2 << 20;
const GUARD = 4096;

/** RAM between two guards that nothing may write to. */
const shared = new Uint8Array(new SharedArrayBuffer(GUARD + RAM + GUARD));
const memory = shared.subarray(GUARD, GUARD + RAM);

/** Whatever an image claims, its report is small, and plain text that can be shown. */
function isBounded(report: ImageReport): void {
  const text = JSON.stringify(report);
  expect(text.length).toBeLessThan(20_000);
  expect(text).toMatch(/^[\x20-\x7e]*$/);
  expect(report.memory).toBeLessThanOrEqual(RAM);
  expect(Math.max(...report.segments.map(({ address, size }) => address + size))).toBeLessThanOrEqual(RAM);
}

/** True if the image was loaded, false if it was refused with a sentence that names it. */
function loads(image: Uint8Array): boolean {
  shared.fill(0xa5, 0, GUARD);
  shared.fill(0xa5, GUARD + RAM);
  let loaded = false;
  try {
    const guest = loadGuest(image, 'guest.img', memory, 'quiet');
    const rip = Number(guest.entry.rip);
    expect(rip).toBeLessThan(guest.end);
    expect(guest.end).toBeLessThanOrEqual(RAM);
    // A report without a machine is the one of the machine.
    expect(inspectGuest(image, 'guest.img')).toEqual({ ...guest.report, given: [] });
    isBounded(guest.report);
    loaded = true;
  } catch (error) {
    if (!(error instanceof LoaderError)) throw error;
    expect(error.message).toContain('guest.img');
  }
  expect(isUntouched(shared.subarray(0, GUARD))).toBe(true);
  expect(isUntouched(shared.subarray(GUARD + RAM))).toBe(true);
  return loaded;
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
  linux: sampleLinux(),
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

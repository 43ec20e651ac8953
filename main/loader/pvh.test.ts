import { describe, expect, test } from 'vitest';
import { cpuMode } from '../base/cpu-state';
import { e820Map } from '../firmware/e820';
import { ACPI_TABLES } from '../firmware/memory-map';
import { loadGuest, LoaderError } from './index';
import { multiboot2Header, multibootHeader, sampleElf, sampleMemory, sampleNote, WITH_ACPI } from './sample-images';

const LOAD = 0x100000;
const HIGH = 0x1000000;
const RAM_MIB = 4;
const code = new Uint8Array(64).fill(0x90);

const note = (entry: number, size = 8) => {
  const descriptor = new Uint8Array(size);
  new DataView(descriptor.buffer).setUint32(0, entry, true);
  return sampleNote('Xen', 18, descriptor);
};
const kernel = (bits: 32 | 64, entry = LOAD + 16, size = 8) =>
  sampleElf({ bits, entry: HIGH, segments: [{ address: LOAD, virtual: HIGH, data: code }], note: note(entry, size) });

function load(image: Uint8Array, cmdline = '', initrd: Uint8Array | null = null, machine = WITH_ACPI) {
  const memory = sampleMemory(RAM_MIB);
  const disk = initrd === null ? null : { name: 'initrd', bytes: initrd };
  const loaded = loadGuest(image, 'vmlinux', memory, cmdline, disk, machine);
  const view = new DataView(memory.buffer);
  return { memory, view, u64: (at: number) => Number(view.getBigUint64(at, true)), ...loaded };
}

function text(memory: Uint8Array, at: number): string {
  return Buffer.from(memory.slice(at, memory.indexOf(0, at))).toString('latin1');
}

describe('PVH', () => {
  test.each([
    [32, 4],
    [64, 4],
    [64, 8],
  ] as const)(
    'an ELF%i kernel with a note of %i bytes is entered in protected mode at the physical address',
    (bits, size) => {
      const { kind, entry } = load(kernel(bits, LOAD + 16, size));
      expect([kind, cpuMode(entry), entry.rip]).toEqual(['pvh', 'protected', BigInt(LOAD + 16)]);
      expect(entry.cr0 & 0x80000001n).toBe(1n);
      expect(entry.cr4).toBe(0n);
    },
  );

  test('without ACPI tables hvm_start_info leads to none', () => {
    const { u64, entry } = load(kernel(64), '', null, { screen: false, rsdp: null });
    expect(u64(Number(entry.rbx) + 32)).toBe(0);
  });

  test('hvm_start_info tells of command line, ACPI and memory', () => {
    const { memory, view, u64, entry } = load(kernel(64), 'console=ttyS0');
    const info = Number(entry.rbx);
    expect(view.getUint32(info, true)).toBe(0x336ec578);
    expect([4, 8, 12].map((at) => view.getUint32(info + at, true))).toEqual([1, 0, 0]);
    expect(u64(info + 16)).toBe(0);
    expect(text(memory, u64(info + 24))).toBe('console=ttyS0');
    expect(u64(info + 32)).toBe(ACPI_TABLES);
    const map = u64(info + 40);
    const entries = Array.from({ length: view.getUint32(info + 48, true) }, (_, n) => ({
      address: u64(map + 24 * n),
      length: u64(map + 24 * n + 8),
      type: view.getUint32(map + 24 * n + 16, true),
    }));
    expect(entries).toEqual(e820Map(RAM_MIB << 20));
  });

  test('an initial RAM disk is its module', () => {
    const disk = Uint8Array.from({ length: 5000 }, (_, n) => n & 0xff);
    const { memory, view, u64, entry } = load(kernel(64), '', disk);
    const info = Number(entry.rbx);
    expect(view.getUint32(info + 12, true)).toBe(1);
    const list = u64(info + 16);
    const address = u64(list);
    expect([address % 4096, u64(list + 8), u64(list + 16), u64(list + 24)]).toEqual([0, 5000, 0, 0]);
    expect(memory.slice(address, address + 5000)).toEqual(disk);
  });

  test('an entry point outside of the segments is refused, a note of somebody else’s is none', () => {
    expect(() => load(kernel(64, 0x5000))).toThrow(/its entry point 0x5000 is in none of the segments/);
    for (const other of [
      sampleNote('GNU', 18, new Uint8Array(8)),
      sampleNote('Xen', 17, new Uint8Array(8)),
      new Uint8Array(5),
    ]) {
      const image = sampleElf({ bits: 64, entry: LOAD, segments: [{ address: LOAD, data: code }], note: other });
      expect(load(image).kind).toBe('elf64');
    }
  });
});

describe('modules of Multiboot', () => {
  const disk = Uint8Array.from({ length: 6000 }, (_, n) => (7 * n) & 0xff);
  const addresses = [LOAD, LOAD, 0, LOAD + 0x1000, LOAD + 32];

  test('version 1 lists it', () => {
    const image = new Uint8Array([...multibootHeader(0x10000, addresses), ...code]);
    const { memory, view, entry } = load(image, '', disk);
    const info = Number(entry.rbx);
    expect(view.getUint32(info, true) & 8).toBe(8);
    expect(view.getUint32(info + 20, true)).toBe(1);
    const list = view.getUint32(info + 24, true);
    const [start, end, string, reserved] = [0, 4, 8, 12].map((at) => view.getUint32(list + at, true));
    expect([start % 4096, end - start, text(memory, string), reserved]).toEqual([0, 6000, 'initrd', 0]);
    expect(memory.slice(start, end)).toEqual(disk);
  });

  test('version 2 has a tag for it', () => {
    const image = multiboot2Header([
      { type: 1, words: [3] },
      { type: 2, words: [LOAD, LOAD, 0, 0] },
      { type: 3, words: [LOAD + 4] },
    ]);
    const { memory, view, entry } = load(image, '', disk);
    let at = Number(entry.rbx) + 8;
    while (view.getUint32(at, true) !== 3) at += (view.getUint32(at + 4, true) + 7) & ~7;
    const [start, end] = [8, 12].map((field) => view.getUint32(at + field, true));
    expect([start % 4096, end - start, text(memory, at + 16)]).toEqual([0, 6000, 'initrd']);
    expect(memory.slice(start, end)).toEqual(disk);
  });

  test('what does not fit is refused, and RAM stays as it was', () => {
    const image = new Uint8Array([...multibootHeader(0x10000, addresses), ...code]);
    expect(() => load(image, '', new Uint8Array(RAM_MIB << 20))).toThrow(LoaderError);
    expect(() => load(code, '', disk)).toThrow(/takes no initial RAM disk or module/);
  });
});

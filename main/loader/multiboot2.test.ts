import { describe, expect, test } from 'vitest';
import { cpuMode } from '../base/cpu-state';
import { type BootMachine, loadGuest, LoaderError } from './index';
import { isUntouched, multiboot2Header, sampleElf, sampleMemory, type SampleTag } from './sample-images';

const LOAD = 0x100000;
const OPTIONAL = 1;
/** Header address, load address, end of data, end of bss. */
const ADDRESS: SampleTag = { type: 2, words: [LOAD, LOAD, 0, 0] };
const ENTRY: SampleTag = { type: 3, words: [LOAD + 4] };

const RSDP = Uint8Array.from({ length: 36 }, (_, n) => n);
const WHOLE: BootMachine = { screen: true, rsdp: () => RSDP };

const load = (bytes: Uint8Array, cmdline = '', machine?: BootMachine) => {
  const memory = sampleMemory(4);
  return { memory, ...loadGuest(bytes, 'guest', memory, cmdline, null, machine) };
};
const elf = (tags: SampleTag[], bits: 32 | 64 = 64): Uint8Array =>
  sampleElf({ bits, entry: LOAD + 8, segments: [{ address: LOAD, data: aligned(multiboot2Header(tags), bits) }] });

/** Data so that the header is at a multiple of 8 in the file: ELF header and two program headers come before it. */
function aligned(header: Uint8Array, bits: 32 | 64): Uint8Array {
  const before = bits === 64 ? 64 + 2 * 56 : 52 + 2 * 32;
  const padding = -before & 7;
  const data = new Uint8Array(padding + header.length);
  data.set(header, padding);
  return data;
}

describe('Multiboot 2 image', () => {
  test('with address tags is loaded by them and entered in protected mode', () => {
    const bytes = multiboot2Header([ADDRESS, ENTRY]);
    const { kind, entry, end, memory } = load(bytes);
    expect([kind, cpuMode(entry), end]).toEqual(['multiboot2', 'protected', LOAD + bytes.length]);
    expect(entry).toMatchObject({ rax: 0x36d76289n, rip: BigInt(LOAD + 4) });
    expect([...memory.subarray(LOAD, LOAD + bytes.length)]).toEqual([...bytes]);
  });

  test.each([32, 64] as const)('may be an ELF%i file, which is entered in protected mode too', (bits) => {
    const { kind, entry } = load(elf([], bits));
    expect([kind, cpuMode(entry), entry.rip]).toEqual(['multiboot2', 'protected', BigInt(LOAD + 8)]);
  });

  test('an entry address tag comes before the entry point of the ELF header', () => {
    expect(load(elf([ENTRY])).entry.rip).toBe(BigInt(LOAD + 4));
  });

  test('tags that ask for nothing that is missing are accepted', () => {
    const tags: SampleTag[] = [
      { type: 1, words: [1, 2, 4, 6, 8, 14, 15] },
      // What a PC without EFI, and a kernel that is not moved, has nothing of.
      { type: 1, words: [5, 7, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21] },
      { type: 1, flags: OPTIONAL, words: [9, 77] },
      { type: 4, words: [2] },
      { type: 4, flags: OPTIONAL, words: [1] },
      { type: 5, flags: OPTIONAL, words: [1024, 768, 32] },
      { type: 6 },
      { type: 7 },
      { type: 8, words: [0] },
      { type: 9, words: [0] },
      { type: 10, words: [0, 0, 4096, 1] },
      { type: 77, flags: OPTIONAL, words: [1] },
    ];
    expect(load(elf(tags)).kind).toBe('multiboot2');
  });

  test('has its header in the first 32768 bytes, on a boundary of 8, with a right checksum', () => {
    const header = multiboot2Header([{ type: 2, words: [LOAD + 32680, LOAD, 0, 0] }, ENTRY]);
    const kindWithHeaderAt = (at: number): string => {
      const bytes = new Uint8Array(40000);
      bytes.set(header, at);
      return load(bytes).kind;
    };
    expect(kindWithHeaderAt(32680)).toBe('multiboot2');
    expect(kindWithHeaderAt(32676)).toBe('flat');
    expect(kindWithHeaderAt(32768)).toBe('flat');
    header[12] ^= 1;
    expect(kindWithHeaderAt(32680)).toBe('flat');
  });
});

function tagsAt(memory: Uint8Array, info: number): Map<number, DataView> {
  const view = new DataView(memory.buffer);
  const end = info + view.getUint32(info, true);
  const tags = new Map<number, DataView>();
  let at = info + 8;
  for (; at < end; at += (view.getUint32(at + 4, true) + 7) & ~7) {
    tags.set(view.getUint32(at, true), new DataView(memory.buffer, at, view.getUint32(at + 4, true)));
  }
  expect([info % 8, at]).toEqual([0, end]);
  return tags;
}

test('boot information is a list of tags: command line, loader name, memory, map', () => {
  const { memory, entry } = load(elf([]), 'cpus=4');
  const tags = tagsAt(memory, Number(entry.rbx));
  const text = (type: number): string => {
    const tag = tags.get(type)!;
    return String.fromCharCode(...memory.subarray(tag.byteOffset + 8, tag.byteOffset + tag.byteLength));
  };
  expect([...tags.keys()]).toEqual([1, 2, 4, 6, 0]);
  expect([text(1), text(2)]).toEqual(['cpus=4\0', 'Reveille\0']);
  expect([tags.get(4)!.getUint32(8, true), tags.get(4)!.getUint32(12, true)]).toEqual([639, 3072]);
  const map = tags.get(6)!;
  expect([map.getUint32(8, true), map.getUint32(12, true)]).toEqual([24, 0]);
  const ranges = [];
  for (let entryAt = 16; entryAt < map.byteLength; entryAt += 24) {
    const [start, length] = [map.getBigUint64(entryAt, true), map.getBigUint64(entryAt + 8, true)];
    ranges.push([Number(start), Number(length), map.getUint32(entryAt + 16, true)]);
  }
  expect(ranges.slice(0, 4)).toEqual([
    [0, 0x9fc00, 1],
    [0x9fc00, 0x400, 2],
    [0xe0000, 0x20000, 2],
    [0x100000, 0x300000, 1],
  ]);
  expect(ranges).toHaveLength(6);
});

test('a machine with a VGA and ACPI tables tells of its text mode, and has copies of the RSDP', () => {
  const { memory, entry } = load(
    elf([
      { type: 4, words: [3] },
      { type: 5, words: [1024, 768, 32] },
    ]),
    '',
    WHOLE,
  );
  const tags = tagsAt(memory, Number(entry.rbx));
  expect([...tags.keys()]).toEqual([1, 2, 4, 6, 8, 14, 15, 0]);
  const screen = tags.get(8)!;
  expect([screen.byteLength, Number(screen.getBigUint64(8, true))]).toEqual([32, 0xb8000]);
  expect([16, 20, 24].map((at) => screen.getUint32(at, true))).toEqual([160, 80, 25]);
  expect([screen.getUint8(28), screen.getUint8(29)]).toEqual([16, 2]);
  const content = ({ byteOffset, byteLength }: DataView) => [
    ...memory.subarray(byteOffset + 8, byteOffset + byteLength),
  ];
  expect(content(tags.get(14)!)).toEqual([...RSDP.subarray(0, 20)]);
  expect(content(tags.get(15)!)).toEqual([...RSDP]);
});

describe('what is wrong with a header is said', () => {
  const cut = multiboot2Header([ADDRESS, ENTRY]);
  const withoutEnd = multiboot2Header([]);
  withoutEnd[16] = 6;
  const oversized = multiboot2Header([ADDRESS, ENTRY]);
  oversized[20] = 0xff;

  test.each<[string, Uint8Array, string]>([
    ['architecture', multiboot2Header([], 4), 'guest: its Multiboot 2 header is for architecture 4, not 0 (i386)'],
    [
      'truncated',
      cut.subarray(0, cut.length - 1),
      'guest is truncated: its Multiboot 2 header ends at byte 64, but the file has 63',
    ],
    ['no end tag', withoutEnd, 'guest: its Multiboot 2 header has no end tag within its 24 bytes'],
    [
      'tag too large',
      oversized,
      'guest: its Multiboot 2 header is damaged: its tag of type 2 at byte 16 claims a size of 255',
    ],
    [
      'tag too small',
      multiboot2Header([{ type: 2, words: [LOAD] }]),
      'guest: its Multiboot 2 header is damaged: its tag of type 2 at byte 16 claims a size of 12',
    ],
    [
      'no addresses',
      multiboot2Header([ENTRY]),
      'guest has a Multiboot 2 header without an address tag, but is no ELF file, which would have the addresses',
    ],
    [
      'no entry',
      multiboot2Header([ADDRESS]),
      'guest has a Multiboot 2 header with an address tag, but without an entry address tag',
    ],
    [
      'information',
      elf([{ type: 1, words: [6, 9] }]),
      'guest: its Multiboot 2 header requires boot information of type 9, which Reveille does not have: mark the request as optional',
    ],
    [
      'console',
      elf([{ type: 4, words: [1] }]),
      'guest: its Multiboot 2 header requires a console and supports none in text mode, which all screens here are: support it (bit 1)',
    ],
    [
      'text console',
      elf([{ type: 4, words: [3] }]),
      'guest requires a screen, and the machine has no VGA: give it one (--vga text)',
    ],
    [
      'framebuffer',
      elf([{ type: 5, words: [0, 0, 0] }]),
      'guest requires a screen, and the machine has no VGA: give it one (--vga text)',
    ],
    [
      'unknown tag',
      elf([{ type: 77 }]),
      'guest: its Multiboot 2 header has a tag of type 77, which Reveille does not know: mark it as optional',
    ],
  ])('%s', (_, bytes, message) => {
    const memory = sampleMemory(4);
    expect(() => loadGuest(bytes, 'guest', memory, '')).toThrow(new LoaderError(message));
    expect(isUntouched(memory)).toBe(true);
  });
});

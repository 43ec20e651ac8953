import { describe, expect, test } from 'vitest';
import { cpuMode } from '../base/cpu-state';
import { type BootMachine, loadGuest, LoaderError } from './index';
import { isUntouched, multibootHeader, sampleElf, sampleMemory } from './sample-images';

const ADDRESSES = 1 << 16;
const LOAD = 0x100000;

/** Flat image with address fields: 16 bytes, the header, then code up to 64 bytes. */
function image(flags: number, addresses: number[]): Uint8Array {
  const bytes = new Uint8Array(64).fill(0x90);
  bytes.set(multibootHeader(flags, addresses), 16);
  return bytes;
}
const valid = (): Uint8Array => image(ADDRESSES | 3, [LOAD + 16, LOAD, 0, 0, LOAD + 48]);

/** A header that prefers a mode: mode_type, width, height, depth. */
const withVideo = (...mode: number[]): Uint8Array => multibootHeader(4, [0, 0, 0, 0, 0, ...mode]);
const elfWith = (header: Uint8Array): Uint8Array =>
  sampleElf({ bits: 32, entry: LOAD, segments: [{ address: LOAD, data: header }] });

const load = (bytes: Uint8Array, cmdline = '', machine?: BootMachine) => {
  const memory = sampleMemory(4);
  return { memory, ...loadGuest(bytes, 'guest', memory, cmdline, null, machine) };
};

describe('Multiboot image', () => {
  test('is entered in protected mode with the magic in EAX and the information in EBX', () => {
    const { kind, entry, end, memory } = load(valid());
    expect([kind, cpuMode(entry), end]).toEqual(['multiboot', 'protected', LOAD + 64]);
    expect(entry).toMatchObject({ rax: 0x2badb002n, rip: BigInt(LOAD + 48), cr0: 0x11n });
    expect([...memory.subarray(LOAD, LOAD + 64)]).toEqual([...valid()]);
    expect([memory[LOAD - 1], memory[LOAD + 64]]).toEqual([0xa5, 0xa5]);
  });

  test('is loaded from load address to end of data, and its bss cleared', () => {
    const { memory, end } = load(image(ADDRESSES, [LOAD + 8, LOAD, LOAD + 44, LOAD + 100, LOAD + 30]));
    expect(end).toBe(LOAD + 100);
    // Loading begins 8 bytes before the header, which is at byte 16 of the file.
    expect([...memory.subarray(LOAD + 8, LOAD + 12)]).toEqual([0x02, 0xb0, 0xad, 0x1b]);
    expect(memory[LOAD + 43]).toBe(0x90);
    expect(memory.subarray(LOAD + 44, LOAD + 100).every((byte) => byte === 0)).toBe(true);
    expect(memory[LOAD + 100]).toBe(0xa5);
  });

  test('with a load address of -1 is loaded from the beginning of the file', () => {
    const { memory } = load(image(ADDRESSES, [LOAD + 16, 0xffffffff, 0, 0, LOAD + 48]));
    expect([...memory.subarray(LOAD, LOAD + 64)]).toEqual([
      ...image(ADDRESSES, [LOAD + 16, 0xffffffff, 0, 0, LOAD + 48]),
    ]);
  });

  test.each([32, 64] as const)('may be an ELF%i file', (bits) => {
    const data = new Uint8Array(32);
    data.set(multibootHeader(0));
    const { kind, entry, memory } = load(sampleElf({ bits, entry: LOAD + 12, segments: [{ address: LOAD, data }] }));
    expect([kind, cpuMode(entry), entry.rip]).toEqual(['multiboot', 'protected', BigInt(LOAD + 12)]);
    expect([...memory.subarray(LOAD, LOAD + 32)]).toEqual([...data]);
  });

  test('has its header in the first 8192 bytes, on a boundary of 4, with a right checksum', () => {
    const kindWithHeaderAt = (at: number, header: Uint8Array): string => {
      const bytes = new Uint8Array(9000);
      bytes.set(header, at);
      return load(bytes).kind;
    };
    const header = multibootHeader(ADDRESSES, [LOAD + 8160, LOAD, 0, 0, LOAD]);
    expect(kindWithHeaderAt(8160, header)).toBe('multiboot');
    expect(kindWithHeaderAt(8184, header)).toBe('flat');
    expect(kindWithHeaderAt(8158, header)).toBe('flat');
    header[8] ^= 1;
    expect(kindWithHeaderAt(8160, header)).toBe('flat');
  });
});

describe('boot information', () => {
  test('tells memory, map, command line and loader', () => {
    const { memory, entry } = load(valid(), 'cpus=4 größe');
    const view = new DataView(memory.buffer);
    const info = Number(entry.rbx);
    const u32 = (at: number): number => view.getUint32(at, true);
    const text = (at: number): string => new TextDecoder().decode(memory.slice(at, memory.indexOf(0, at)));
    expect(u32(info)).toBe(0b10_0100_0101);
    expect([u32(info + 4), u32(info + 8)]).toEqual([639, 3072]);
    expect(text(u32(info + 16))).toBe('cpus=4 größe');
    expect(text(u32(info + 64))).toBe('Reveille');
    const map = [];
    const end = u32(info + 48) + u32(info + 44);
    for (let at = u32(info + 48); at < end; at += u32(at) + 4) {
      map.push([Number(view.getBigUint64(at + 4, true)), Number(view.getBigUint64(at + 12, true)), u32(at + 20)]);
    }
    expect(map).toEqual([
      [0, 0x9fc00, 1],
      [0x9fc00, 0x400, 2],
      [0xe0000, 0x20000, 2],
      [0x100000, 0x300000, 1],
      [0xfec00000, 0x1000, 2],
      [0xfee00000, 0x1000, 2],
    ]);
  });

  test('tells of the text mode of a VGA, whatever mode the header prefers', () => {
    for (const mode of [
      [0, 1024, 768, 32],
      [1, 80, 25, 0],
    ]) {
      const { memory, entry, report } = load(elfWith(withVideo(...mode)), '', { screen: true, rsdp: null });
      const view = new DataView(memory.buffer, Number(entry.rbx), 116);
      expect(view.getUint32(0, true)).toBe(0b1_0010_0100_0101);
      expect(Number(view.getBigUint64(88, true))).toBe(0xb8000);
      expect([96, 100, 104].map((at) => view.getUint32(at, true))).toEqual([160, 80, 25]);
      expect([view.getUint8(108), view.getUint8(109)]).toEqual([16, 2]);
      expect(report.asks.map(({ answer }) => answer)).toEqual([mode[0] === 1 ? 'given' : 'ignored']);
    }
  });

  test('stays in its place with the longest command line, and a longer one is refused', () => {
    const { memory } = load(valid(), 'x'.repeat(4095));
    expect(memory[0x9b000]).toBe(0xa5);
    expect(() => load(valid(), 'x'.repeat(4096))).toThrow(
      new LoaderError('The command line has 4096 bytes: at most 4095 are possible'),
    );
  });
});

describe('what is wrong with a header is said', () => {
  test.each<[string, Uint8Array, string]>([
    [
      'video mode',
      elfWith(withVideo(0, 1024, 768, 32)),
      'guest requires a screen, and the machine has no VGA: give it one (--vga text)',
    ],
    [
      'truncated video mode',
      elfWith(withVideo(0, 1024, 768)),
      'guest is truncated: its Multiboot header ends at byte 164, but the file has 160',
    ],
    [
      'unknown requirement',
      elfWith(multibootHeader(0x8003)),
      'guest: its Multiboot header requires what Reveille does not know: clear bits 0x8000 of its flags',
    ],
    [
      'neither addresses nor ELF',
      image(0, []),
      'guest has a Multiboot header without addresses (bit 16 of its flags is clear), but is no ELF file, which would have them',
    ],
    [
      'truncated header',
      valid().subarray(0, 47),
      'guest is truncated: its Multiboot header ends at byte 48, but the file has 47',
    ],
    [
      'truncated data',
      image(ADDRESSES, [LOAD + 16, LOAD, LOAD + 65, 0, LOAD]),
      'guest is truncated: its data by the Multiboot header ends at byte 65, but the file has 64',
    ],
    [
      'load address before the file',
      image(ADDRESSES, [LOAD + 17, LOAD, 0, 0, LOAD]),
      'guest: its Multiboot header, at byte 0x10 of the file, says that it is at 0x100011 and that loading begins at 0x100000, which is not within the file',
    ],
    [
      'load address after the header',
      image(ADDRESSES, [LOAD, LOAD + 4, 0, 0, LOAD]),
      'guest: its Multiboot header, at byte 0x10 of the file, says that it is at 0x100000 and that loading begins at 0x100004, which is not within the file',
    ],
    [
      'addresses out of order',
      image(ADDRESSES, [LOAD + 16, LOAD, LOAD + 64, LOAD + 32, LOAD]),
      'guest: its Multiboot header gives addresses that are not in order: load 0x100000, end of data 0x100040, end of bss 0x100020',
    ],
    [
      'entry',
      image(ADDRESSES, [LOAD + 16, LOAD, 0, 0, LOAD + 64]),
      'guest: its entry point 0x100040 is outside of what is loaded, 0x100000 to 0x100040',
    ],
    [
      'memory',
      image(ADDRESSES, [LOAD + 16, LOAD, 0, 0x400001, LOAD]),
      'guest: its data by the Multiboot header needs memory up to 0x400001, but the machine has 4 MiB: give it 5M or more',
    ],
    [
      'boot structures',
      image(ADDRESSES, [0x90010, 0x90000, 0, 0, 0x90000]),
      'guest: its data by the Multiboot header at 0x90000 to 0x9003f would overwrite the boot structures (GDT, page tables, boot information, stack) at 0x90000 to 0x9efff: link the image to addresses from 1 MiB on',
    ],
  ])('%s', (_, bytes, message) => {
    const memory = sampleMemory(4);
    expect(() => loadGuest(bytes, 'guest', memory, '')).toThrow(new LoaderError(message));
    expect(isUntouched(memory)).toBe(true);
  });
});

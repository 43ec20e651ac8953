import { expect, test } from 'vitest';
import { cpuMode } from '../base/cpu-state';
import { e820Map } from '../firmware/e820';
import { ACPI_TABLES, BOOT_INFORMATION } from '../firmware/memory-map';
import { loadGuest, LoaderError } from './index';
import { sampleLinux, sampleMemory, WITH_ACPI } from './sample-images';

const MIB = 1 << 20;
const LOAD = 0x100000;

/** struct boot_params as the kernel finds it at RSI. */
function parameters(memory: Uint8Array, rsi: bigint): DataView {
  return new DataView(memory.buffer, Number(rsi), 4096);
}

function textAt(memory: Uint8Array, address: number): string {
  return new TextDecoder().decode(memory.slice(address, memory.indexOf(0, address)));
}

test('a bzImage is loaded to its preferred address and entered at its 64-bit entry', () => {
  const memory = sampleMemory(2);
  const kernel = Uint8Array.from({ length: 0x400 }, (_, i) => i & 0xff);
  const { kind, entry, end } = loadGuest(sampleLinux({ kernel }), 'vmlinuz', memory, 'console=ttyS0');
  expect([kind, end, cpuMode(entry)]).toEqual(['linux', LOAD + 0x10000, 'long']);
  expect(entry).toMatchObject({ rip: BigInt(LOAD + 0x200), rsi: BigInt(BOOT_INFORMATION), rflags: 2n });
  expect(entry).toMatchObject({ cs: { selector: 0x10, l: 1 }, ds: { selector: 0x18 }, ss: { selector: 0x18 } });
  expect(memory.slice(LOAD, LOAD + 0x400)).toEqual(kernel);
  // What it unpacks into is clear.
  expect(memory.subarray(LOAD + 0x400, LOAD + 0x10000).every((byte) => byte === 0)).toBe(true);
});

test.each([
  ['XLF_KERNEL_64 is clear', { xloadflags: 0 }],
  ['the boot protocol is older than xloadflags', { version: 0x20a, xloadflags: 1 }],
])('a kernel without a 64-bit entry is entered in protected mode, at its start: %s', (_, sample) => {
  const memory = sampleMemory(2);
  const { entry } = loadGuest(sampleLinux(sample), 'vmlinuz', memory, 'quiet');
  expect(cpuMode(entry)).toBe('protected');
  expect(entry).toMatchObject({
    rip: BigInt(LOAD),
    rsi: BigInt(BOOT_INFORMATION),
    rbp: 0n,
    rdi: 0n,
    rbx: 0n,
    rflags: 2n,
  });
  expect(entry).toMatchObject({ cs: { selector: 0x10, db: 1 }, ds: { selector: 0x18 }, ss: { selector: 0x18 } });
  expect(textAt(memory, parameters(memory, entry.rsi).getUint32(0x228, true))).toBe('quiet');
});

test('the last paragraph of the kernel need not be whole', () => {
  const memory = sampleMemory(2);
  const image = sampleLinux({ syssize: 0x40 }).subarray(0, -15);
  expect(loadGuest(image, 'memtest86+', memory, '').end).toBe(LOAD + 0x10000);
  expect([...memory.subarray(LOAD + 0x3f0, LOAD + 0x3f3)]).toEqual([0x90, 0, 0]);
});

test('the zero page holds header, memory map, RSDP and command line, and nothing else', () => {
  const memory = sampleMemory(2);
  const image = sampleLinux();
  const { entry } = loadGuest(image, 'vmlinuz', memory, 'console=ttyS0 quiet', null, WITH_ACPI);
  const page = parameters(memory, entry.rsi);
  expect(page.getUint32(0x202, true)).toBe(0x53726448);
  expect(page.getUint16(0x206, true)).toBe(0x20f);
  // The magic of the real-mode part's sentinel: not 0 would say that the loader does not know the protocol.
  expect(page.getUint8(0x1ef)).toBe(0);
  expect(page.getUint8(0x210)).toBe(0xff);
  expect(page.getUint16(0x1fa, true)).toBe(0xffff);
  expect(page.getBigUint64(0x070, true)).toBe(BigInt(ACPI_TABLES));
  expect(textAt(memory, page.getUint32(0x228, true))).toBe('console=ttyS0 quiet');
  expect([page.getUint32(0x218, true), page.getUint32(0x21c, true)]).toEqual([0, 0]);
  const map = Array.from({ length: page.getUint8(0x1e8) }, (_, index) => ({
    address: Number(page.getBigUint64(0x2d0 + 20 * index, true)),
    length: Number(page.getBigUint64(0x2d8 + 20 * index, true)),
    type: page.getUint32(0x2e0 + 20 * index, true),
  }));
  expect(map).toEqual(e820Map(2 * MIB));
  const rest = new Uint8Array(memory.slice(BOOT_INFORMATION, BOOT_INFORMATION + 4096));
  rest.fill(0, 0x070, 0x074);
  rest.fill(0, 0x1e8, 0x1e9);
  rest.fill(0, 0x1f1, 0x26c);
  rest.fill(0, 0x2d0, 0x2d0 + 20 * map.length);
  expect(rest.every((byte) => byte === 0)).toBe(true);
});

test('with a screen and without ACPI tables the zero page describes a VGA in its mode 3, and no RSDP', () => {
  const memory = sampleMemory(2);
  const { entry } = loadGuest(sampleLinux(), 'vmlinuz', memory, '', null, { screen: true, rsdp: null });
  const page = parameters(memory, entry.rsi);
  expect([6, 7, 0xe, 0xf].map((at) => page.getUint8(at))).toEqual([3, 80, 25, 1]);
  expect(page.getUint16(0x10, true)).toBe(16);
  expect(page.getBigUint64(0x070, true)).toBe(0n);
});

test('an initial RAM disk lies as high as memory and the kernel allow, on a page', () => {
  for (const [initrdMax, end] of [
    [0x7fffffff, 4 * MIB],
    [3 * MIB - 1, 3 * MIB],
  ]) {
    const memory = sampleMemory(4);
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
    const { entry } = loadGuest(sampleLinux({ initrdMax }), 'vmlinuz', memory, '', { name: 'initrd', bytes });
    const page = parameters(memory, entry.rsi);
    const at = page.getUint32(0x218, true);
    expect([at, page.getUint32(0x21c, true)]).toEqual([end - 8192, 5000]);
    expect(memory.slice(at, at + 5000)).toEqual(bytes);
  }
});

const refused: [string, Uint8Array, string][] = [
  [
    'an old boot protocol',
    sampleLinux({ version: 0x204 }),
    'vmlinuz is a Linux kernel, but of boot protocol 2.04, which is entered in real mode and calls a BIOS: start it from a disk, ' +
      "by SeaBIOS and GRUB's linux16. Without a BIOS Reveille boots 2.10 (Linux 2.6.31) and later",
  ],
  [
    'a zImage',
    sampleLinux({ loadflags: 0 }),
    'vmlinuz is a Linux kernel, but a zImage, loaded below 1 MiB: build a bzImage',
  ],
  [
    'too long a command line',
    sampleLinux({ commandLineSize: 4 }),
    'vmlinuz is a Linux kernel, but it takes a command line of at most 4 bytes, and this one has 5: shorten it',
  ],
  [
    'no room to unpack',
    sampleLinux({ initSize: 0x100 }),
    'vmlinuz is a Linux kernel, but damaged: it says that it needs 256 bytes of memory',
  ],
  [
    'a truncated file',
    sampleLinux({ syssize: 0x1000 }),
    'vmlinuz is truncated: its kernel ends at byte 67072, but the file has 2560',
  ],
  [
    'a file that lacks a whole paragraph',
    sampleLinux({ syssize: 0x41 }),
    'vmlinuz is truncated: its kernel ends at byte 2576, but the file has 2560',
  ],
  [
    'more than it says to need',
    sampleLinux({ initSize: 0x300 }),
    'vmlinuz is damaged: its kernel has 1024 bytes in the file, but only 768 in memory',
  ],
  [
    'too little memory',
    sampleLinux({ initSize: 4 * MIB }),
    'vmlinuz: its kernel needs memory up to 0x500000, but the machine has 2 MiB: give it 5M or more',
  ],
];

test.each(refused)('%s is refused', (_, image, message) => {
  const memory = sampleMemory(2);
  expect(() => loadGuest(image, 'vmlinuz', memory, 'quiet')).toThrow(new LoaderError(message));
  expect(memory.every((byte) => byte === 0xa5)).toBe(true);
});

test('an initial RAM disk that does not fit is refused', () => {
  const initrd = { name: 'initrd', bytes: new Uint8Array(2 * MIB) };
  const load = (image: Uint8Array) => () => loadGuest(image, 'vmlinuz', sampleMemory(2), '', initrd);
  expect(load(sampleLinux())).toThrow(
    new LoaderError(
      'initrd has 2097152 bytes, which do not fit behind vmlinuz, which ends at 0x110000, in 2 MiB of memory: give the machine 4M or more',
    ),
  );
  expect(load(sampleLinux({ initrdMax: 2 * MIB - 1 }))).toThrow(
    new LoaderError(
      'initrd has 2097152 bytes, which do not fit behind vmlinuz, which ends at 0x110000, and below 0x200000, where an initial RAM ' +
        'disk has to be: use a smaller one',
    ),
  );
});

test('what is no Linux kernel takes no initial RAM disk', () => {
  const initrd = { name: 'initrd', bytes: new Uint8Array(16) };
  expect(() => loadGuest(Uint8Array.of(0xf4), 'boot.bin', sampleMemory(1), '', initrd)).toThrow(
    new LoaderError(
      'boot.bin is neither a Linux, a Multiboot nor a PVH kernel, so that it takes no initial RAM disk or module: leave initrd out',
    ),
  );
});

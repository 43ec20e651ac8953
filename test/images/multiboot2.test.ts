/**
 * A Multiboot 2 kernel that says what it was told (multiboot2.asm): by Reveille's own loader, tag by tag as the specification has it,
 * and by GRUB, which SeaBIOS has started from a disk, the same.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { grubDisk } from '../support/grub-disk';
import { needsStockGuests } from '../support/linux';
import { needsKvm, needsProgram } from '../support/needs';
import { type MachineRun, runMachine } from '../support/reveille';

const SOURCE = fileURLToPath(new URL('multiboot2.asm', import.meta.url));
const MIB = 2 ** 20;
const MEMORY = 32 * MIB;
const MODULE = Uint8Array.from({ length: 5000 }, (_, n) => (7 * n) & 0xff);

/** Types of tags (Multiboot2 2.0, 3.6). */
const Tag = {
  CMDLINE: 1,
  LOADER: 2,
  MODULE: 3,
  MEMINFO: 4,
  MMAP: 6,
  FRAMEBUFFER: 8,
  ACPI_OLD: 14,
  ACPI_NEW: 15,
  END: 0,
};
const TEXT_MODE = '00800b0000000000a000000050000000190000001002'; // 80 by 25 characters of two bytes at 0xB8000
const RAM = 1;

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-multiboot2-'))));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function assemble(): string {
  const path = join(folder, 'probe.bin');
  execFileSync('nasm', ['-f', 'bin', '-Werror', '-o', path, SOURCE]);
  return path;
}

interface Told {
  /** EAX, CR0 and EFLAGS at the entry. */
  state: number[];
  /** What comes after type and size. */
  tags: Map<number, Buffer>;
  /** The first bytes of the module. */
  module: Buffer;
  /** Headers of the tables that the RSDP leads to: RSDT, XSDT. */
  roots: Buffer[];
}

function toldBy({ lines, summary, stderr }: MachineRun): Told {
  expect(summary.outcome, stderr).toMatchObject({ kind: 'guest-exit', code: 0x10 });
  const said = (what: string) => lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.split(' '));
  const bytes = (hex = '') => Buffer.from(hex, 'hex');
  return {
    state: said('state')[0]
      .slice(1, 4)
      .map((word) => parseInt(word, 16)),
    tags: new Map(said('tag').map(([, type, content]) => [parseInt(type, 16), bytes(content)])),
    module: bytes(said('module')[0][1]),
    roots: said('root').map(([, content]) => bytes(content)),
  };
}

const text = (tag: Buffer | undefined) => tag?.toString('latin1');
const sum = (bytes: Buffer) => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

function rangesOf(map: Buffer): { start: number; end: number; type: number }[] {
  const [size, version] = [map.readUInt32LE(0), map.readUInt32LE(4)];
  expect([size, version]).toEqual([24, 0]);
  return Array.from({ length: (map.length - 8) / size }, (_, n) => {
    const at = 8 + n * size;
    const start = Number(map.readBigUInt64LE(at));
    return { start, end: start + Number(map.readBigUInt64LE(at + 8)), type: map.readUInt32LE(at + 16) };
  });
}

/** What the specification says of every boot loader. */
function checkAll({ state: [eax, cr0, eflags], tags, module, roots }: Told): void {
  expect(eax).toBe(0x36d76289);
  // PE is set, PG is clear; VM and IF are clear.
  expect([cr0 & 0x80000001, eflags & 0x20200]).toEqual([1, 0]);
  expect(text(tags.get(Tag.CMDLINE))).toBe('one two=3\0');

  const [start, end] = [0, 4].map((at) => tags.get(Tag.MODULE)!.readUInt32LE(at));
  expect([start % 4096, end - start]).toEqual([0, MODULE.length]);
  expect([...module]).toEqual([...MODULE.subarray(0, 16)]);

  const ranges = rangesOf(tags.get(Tag.MMAP)!);
  const [low, high] = ranges.filter(({ type }) => type === RAM);
  expect([low.start, high.start]).toEqual([0, MIB]);
  const [lowerKib, upperKib] = [0, 4].map((at) => tags.get(Tag.MEMINFO)!.readUInt32LE(at));
  expect([lowerKib, upperKib]).toEqual([Math.floor(low.end / 1024), (high.end - MIB) / 1024]);
  expect(high.end).toBeGreaterThan(MEMORY - MIB);
  expect(high.end).toBeLessThanOrEqual(MEMORY);
  expect(start >= MIB && end <= high.end).toBe(true);

  const rsdp = tags.get(Tag.ACPI_NEW)!;
  expect([rsdp.length, rsdp.readUInt32LE(20), text(rsdp.subarray(0, 8)), rsdp[15]]).toEqual([36, 36, 'RSD PTR ', 2]);
  expect([sum(rsdp), sum(rsdp.subarray(0, 20))]).toEqual([0, 0]);
  expect(roots.map((root) => text(root.subarray(10, 16)))).toEqual(roots.map(() => 'REVEIL'));
  expect(text(roots.at(-1)!.subarray(0, 4))).toBe('XSDT');

  expect(tags.get(Tag.FRAMEBUFFER)!.toString('hex', 0, 22)).toBe(TEXT_MODE);
  expect([...tags.keys()].at(-1)).toBe(Tag.END);
}

const ACCELERATORS = ['wasm', 'kvm'] as const;

test.for(ACCELERATORS)('%s: Reveille’s loader tells it what the specification says', async (accelerator, ctx) => {
  needsProgram(ctx, 'nasm');
  if (accelerator === 'kvm') needsKvm(ctx);
  const module = file('module', MODULE);
  const options = [
    '--accel',
    accelerator,
    '--cpus',
    '2',
    '--memory',
    '32M',
    '--cmdline',
    'one two=3',
    '--initrd',
    module,
  ];
  const told = toldBy(await runMachine(assemble(), ...options));
  checkAll(told);
  const { tags, roots } = told;
  expect([...tags.keys()].sort((one, other) => one - other)).toEqual(
    Object.values(Tag).sort((one, other) => one - other),
  );
  expect([text(tags.get(Tag.LOADER)), text(tags.get(Tag.MODULE)!.subarray(8))]).toEqual(['Reveille\0', `${module}\0`]);
  // For who knows of ACPI 1.0 alone.
  expect(tags.get(Tag.ACPI_OLD)).toEqual(tags.get(Tag.ACPI_NEW)!.subarray(0, 20));
  expect(text(roots[0].subarray(0, 4))).toBe('RSDT');
});

test('without a VGA it is refused, as it requires a text console', async (ctx) => {
  needsProgram(ctx, 'nasm');
  const run = runMachine(assemble(), '--accel', 'wasm', '--vga', 'none');
  await expect(run).rejects.toThrow('requires a screen, and the machine has no VGA: give it one (--vga text)');
});

test('GRUB tells it the same', async (ctx) => {
  needsProgram(ctx, 'nasm');
  const { seabios, grub = ctx.skip('this host cannot run Debian’s grub-mkimage') } = needsStockGuests(ctx);
  const menu = 'multiboot2 /probe.bin one two=3\nmodule2 /module\nboot\n';
  const files = { 'grub.cfg': Buffer.from(menu), 'probe.bin': readFileSync(assemble()), module: MODULE };
  const disk = file('disk.img', grubDisk(grub, files));
  const options = ['--accel', 'wasm', '--cpus', '2', '--memory', '32M', '--disk', `${disk},readonly`];
  const told = toldBy(await runMachine(seabios, ...options));
  checkAll(told);
  expect(text(told.tags.get(Tag.LOADER))).toMatch(/^GRUB /);
});

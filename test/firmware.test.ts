/** Machines that begin in a firmware ROM, at the reset vector. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { needsKvm } from './support/needs';
import { runMachine } from './support/reveille';

/** Says `H` below 4 GiB and `L` below 1 MiB, and after each the byte at offset 0x100 of its segment, to which it has written `W`. */
function speakingRom(): Uint8Array {
  const rom = new Uint8Array(64 << 10);
  const write = [0x2e, 0xc6, 0x06, 0x00, 0x01, 0x57]; // mov byte [cs:0x100], 'W'
  const say = [0x2e, 0xa0, 0x00, 0x01, 0xee]; // mov al, [cs:0x100]; out dx, al
  rom.set([0xba, 0xf8, 0x03, 0xb0, 0x48, 0xee, ...write, ...say, 0xea, 0x00, 0x02, 0x00, 0xf0]); // …; jmp 0xf000:0x200
  rom[0x100] = 0x52; // R
  rom.set([0xb0, 0x4c, 0xee, ...write, ...say, 0xb0, 0x10, 0xe6, 0xf4], 0x200); // …; mov al, 0x10; out 0xf4, al
  rom.set([0xe9, 0x0d, 0x00], 0xfff0); // jmp 0
  return rom;
}

let folder: string;
let rom: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reveille-firmware-'));
  rom = join(folder, 'rom.bin');
  writeFileSync(rom, speakingRom());
});
afterAll(() => rmSync(folder, { recursive: true }));

test.for([
  ['wasm', 'exact'],
  ['kvm', 'exact'],
  ['kvm', 'kernel'],
] as const)('%s, irqchip %s: the ROM is read-only, its shadow below 1 MiB is RAM', async ([accel, irqchip], ctx) => {
  if (accel === 'kvm') needsKvm(ctx);
  const { lines, summary } = await runMachine(rom, '--accel', accel, '--irqchip', irqchip, '--cpus', '2');
  expect([lines, summary.outcome.code]).toEqual([['HRLW'], 0x10]);
});

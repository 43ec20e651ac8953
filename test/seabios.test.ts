/**
 * Debian's SeaBIOS as the firmware of a machine: its power-on self-test, its wake-up of the APs, and the start of a disk, from
 * which GRUB boots a kernel.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import type { MachineEvent } from '../preload/contract/machine-events';
import { type StockGuests, stockGuests } from '../scripts/stock-guests.mjs';
import { grubDisk } from './support/grub-disk';
import { needsKvm, needsLong } from './support/needs';
import { TestMachine } from './support/machine';
import { runMachine } from './support/reveille';

const SECTOR = 512;

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-seabios-'))));
afterAll(() => rmSync(folder, { recursive: true }));

function needsFirmware(ctx: Pick<TestContext, 'skip'>): StockGuests {
  return stockGuests() ?? ctx.skip('Debian’s SeaBIOS is not in the cache: npm run guests:fetch');
}

const HERD = 'menuentry herd {\n  multiboot /herd.bin\n}\n';

/** The path of a disk that starts GRUB with this menu, and has a kernel that it may boot. */
function herdDisk(grub: string, menu: string): string {
  const path = join(folder, 'disk.img');
  const files = {
    'grub.cfg': new TextEncoder().encode(menu),
    'herd.bin': readFileSync(new URL('../resources/guests/herd.bin', import.meta.url)),
  };
  writeFileSync(path, grubDisk(grub, files));
  return path;
}

/** The path of a disk that starts with this code. */
function bootSector(...code: number[]): string {
  const path = join(folder, 'sector.img');
  const sector = Buffer.alloc(SECTOR);
  sector.set(code);
  sector.writeUInt16LE(0xaa55, 510);
  writeFileSync(path, Buffer.concat([sector, Buffer.alloc(1 << 20)]));
  return path;
}

/** The start-up IPIs that were sent, and the states that a CPU has gone through. */
const startUps = (events: readonly MachineEvent[]) =>
  events.flatMap((event) =>
    event.kind === 'ipi' && (event.mode === 'init' || event.mode === 'sipi')
      ? [`${event.mode} ${event.vector.toString(16)} to ${event.targets.join(' ')}`]
      : [],
  );
const states = (events: readonly MachineEvent[], cpu: number) =>
  events.flatMap((event) => (event.kind === 'mp-state' && event.cpu === cpu ? [event.to] : []));

test('its power-on self-test comes to its end, and finds all CPUs', async (ctx) => {
  const { seabios } = needsFirmware(ctx);
  const screen = join(folder, 'screen.txt');
  const options = ['--accel', 'wasm', '--cpus', '4', '--time-limit', '1300ms', '--screen', screen];
  const { stdout, stderr, events } = await runMachine(seabios, ...options);
  for (const line of [
    'SeaBIOS (version ',
    'Running on QEMU (i440fx)',
    'Found QEMU fw_cfg',
    'Found 4 cpu(s) max supported 4 cpu(s)',
    'ACPI: parse DSDT at ',
    'All threads complete.',
    'No bootable device.',
  ]) {
    expect(stderr).toContain(line);
  }
  // Its text is on the screen and at COM1.
  expect(stdout).toContain('Booting from Hard Disk...');
  expect(readFileSync(screen, 'utf8').trimEnd().split('\n')).toEqual([
    expect.stringMatching(/^SeaBIOS \(version .+\)$/),
    '',
    'Press ESC for boot menu.',
    '',
    'Booting from Floppy...',
    'Boot failed: could not read the boot disk',
    '',
    'Booting from Hard Disk...',
    'Boot failed: could not read the boot disk',
    '',
    'No bootable device.  Retrying in 60 seconds.',
  ]);
  expect(startUps(events)).toEqual(['init 0 to 1 2 3', 'sipi 10 to 1 2 3']);
  for (const cpu of [1, 2, 3]) {
    expect(states(events, cpu)).toEqual(['INIT_RECEIVED', 'SIPI_RECEIVED', 'RUNNABLE', 'HALTED']);
  }
});

test('it starts GRUB from a virtio disk, which boots a kernel that wakes all CPUs', async (ctx) => {
  const { seabios, grub = ctx.skip('this host cannot run Debian’s grub-mkimage') } = needsFirmware(ctx);
  const disk = herdDisk(grub, `set timeout=0\n${HERD}`);
  const options = ['--accel', 'wasm', '--cpus', '4', '--vga', 'none', '--disk', `${disk},readonly`];
  const { stdout, stderr, summary, events } = await runMachine(seabios, ...options);
  expect(stdout, stderr).toContain('herd: all 4 processors are here');
  expect(summary.outcome.kind, stderr).toBe('guest-exit');
  expect(startUps(events).slice(0, 2)).toEqual(['init 0 to 1 2 3', 'sipi 10 to 1 2 3']);
});

test('GRUB’s menu is on the screen, and is chosen from with the keyboard', async (ctx) => {
  const { seabios, grub = ctx.skip('this host cannot run Debian’s grub-mkimage') } = needsFirmware(ctx);
  const disk = herdDisk(grub, `set timeout=-1\nmenuentry nothing {\n  halt\n}\n${HERD}`);
  const disks = [{ path: disk, readonly: true, overlay: null }];
  const machine = new TestMachine({ guest: seabios, accelerator: 'wasm', cpus: 2, disks });
  ctx.onTestFinished(async () => {
    machine.process.kill();
    await machine.process.closed;
  });
  const shown = await machine.shows((rows) => rows.some((row) => row.includes('*nothing')));
  expect(shown[1]).toContain('GNU GRUB');
  expect(shown.some((row) => row.includes('┌────'))).toBe(true);
  machine.press('ArrowDown');
  await machine.shows((rows) => rows.some((row) => row.includes('*herd')));
  machine.press('Enter');
  expect((await machine.end()).outcome.kind).toBe('guest-exit');
  expect(machine.output).toContain('herd: all 2 processors are here');
});

test('its boot menu is chosen from with the keyboard', async (ctx) => {
  // mov al, 0x10; out 0xf4, al
  const disks = [bootSector(0xb0, 0x10, 0xe6, 0xf4)].map((path) => ({ path, readonly: true, overlay: null }));
  const { seabios } = needsFirmware(ctx);
  // In the host's time, of which it waits a second.
  const machine = new TestMachine({ guest: seabios, accelerator: 'wasm', realtime: true, cpus: 1, disks });
  ctx.onTestFinished(async () => {
    machine.process.kill();
    await machine.process.closed;
  });
  await machine.shows((rows) => {
    if (rows.some((row) => row.startsWith('1. Virtio disk PCI:'))) return true;
    machine.press('Escape');
    return false;
  });
  machine.press('Digit1');
  expect((await machine.end()).outcome.code).toBe(0x10);
});

test('on KVM: it starts GRUB, which boots a kernel that wakes all CPUs', { timeout: 1_200_000 }, async (ctx) => {
  // KVM without hardware virtualization, as on a nested host, takes minutes for GRUB to unpack itself.
  needsLong(ctx);
  needsKvm(ctx);
  const { seabios, grub = ctx.skip('this host cannot run Debian’s grub-mkimage') } = needsFirmware(ctx);
  const disk = herdDisk(grub, `set timeout=0\n${HERD}`);
  const options = ['--accel', 'kvm', '--cpus', '2', '--vga', 'none', '--disk', `${disk},readonly`];
  const { stdout, stderr, summary } = await runMachine(seabios, ...options);
  expect(stdout, stderr).toContain('herd: all 2 processors are here');
  expect(summary.outcome.kind, stderr).toBe('guest-exit');
});

test.for([
  ['exact', ['init 0 to 1 2 3', 'sipi 10 to 1 2 3']],
  ['kernel', ['sipi 10 to 1', 'sipi 10 to 2', 'sipi 10 to 3']],
] as const)('on KVM, irqchip %s: up to the boot sector of a disk', async ([irqchip, seen], ctx) => {
  needsKvm(ctx);
  const disk = bootSector(0xb0, 0x10, 0xe6, 0xf4); // mov al, 0x10; out 0xf4, al
  const options = ['--accel', 'kvm', '--irqchip', irqchip, '--cpus', '4', '--disk', `${disk},readonly`];
  const { stderr, summary, events } = await runMachine(needsFirmware(ctx).seabios, ...options);
  expect(stderr).toContain('Found 4 cpu(s) max supported 4 cpu(s)');
  expect(summary.outcome.code, stderr).toBe(0x10);
  expect(startUps(events).toSorted()).toEqual([...seen]);
});

/**
 * Debian's iPXE as a Linux kernel: it begins in real mode and calls a BIOS, which is there with firmware and a boot loader alone.
 * REVEILLE_LONG=1 waits for its banner, which takes twice as long.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { grubDisk } from '../support/grub-disk';
import { needsStockGuests } from '../support/linux';
import { reveille, Run } from '../support/reveille';
import { LONG } from '../support/needs';

test('without a BIOS it is refused, with the way on', async (ctx) => {
  const { status, stderr } = await reveille('run', needsStockGuests(ctx).ipxe, '--accel', 'wasm');
  expect(status).toBe(2);
  expect(stderr).toContain(
    'is a Linux kernel, but of boot protocol 2.07, which is entered in real mode and calls a BIOS: start it from a disk, by ' +
      "SeaBIOS and GRUB's linux16.",
  );
});

test('SeaBIOS and GRUB start it from a disk', async (ctx) => {
  const { seabios, ipxe, grub = ctx.skip('this host cannot run Debian’s grub-mkimage') } = needsStockGuests(ctx);
  const folder = mkdtempSync(join(tmpdir(), 'reveille-ipxe-'));
  ctx.onTestFinished(() => rmSync(folder, { recursive: true }));
  const disk = join(folder, 'disk.img');
  const menu = 'linux16 /ipxe.lkrn\nboot\n';
  writeFileSync(disk, grubDisk(grub, { 'grub.cfg': new TextEncoder().encode(menu), 'ipxe.lkrn': readFileSync(ipxe) }));
  const run = new Run([
    'run',
    seabios,
    '--accel',
    'wasm',
    '--cpus',
    '1',
    '--vga',
    'none',
    '--disk',
    `${disk},readonly`,
  ]);
  ctx.onTestFinished(() => void run.child.kill());
  expect(await run.says('iPXE initialising devices...')).toBeGreaterThan(0);
  if (LONG) await run.says('Open Source Network Boot Firmware');
});

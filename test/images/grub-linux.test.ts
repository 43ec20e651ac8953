/** Debian's stock kernel as a distribution starts it: by SeaBIOS and GRUB from a virtio disk, on the emulator, to its shell. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { grubDisk } from '../support/grub-disk';
import { needsStockGuests } from '../support/linux';
import { Run } from '../support/reveille';

test.for(['linux', 'linux16'])('GRUB’s %s command boots it with all CPUs', async (command, ctx) => {
  const {
    seabios,
    cloud,
    initrd,
    grub = ctx.skip('this host cannot run Debian’s grub-mkimage'),
  } = needsStockGuests(ctx);
  const folder = mkdtempSync(join(tmpdir(), 'reveille-grub-linux-'));
  ctx.onTestFinished(() => rmSync(folder, { recursive: true }));
  const disk = join(folder, 'disk.img');
  const suffix = command.slice('linux'.length);
  const menu = `${command} /vmlinuz console=ttyS0 quiet\ninitrd${suffix} /initrd\nboot\n`;
  const files = { 'grub.cfg': Buffer.from(menu), vmlinuz: readFileSync(cloud), initrd: readFileSync(initrd) };
  writeFileSync(disk, grubDisk(grub, files));
  const options = ['--accel', 'wasm', '--cpus', '2', '--memory', '256M', '--disk', `${disk},readonly`];
  const run = new Run(['run', seabios, ...options]);
  ctx.onTestFinished(() => void run.child.kill());
  const prompt = await run.says('~ # ');
  run.type('nproc\n');
  await run.says('2\r\n', prompt);
  run.type('poweroff\n');
  expect((await run.ended).status).toBe(0);
});

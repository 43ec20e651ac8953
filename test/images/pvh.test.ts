/** ELF kernels of other makers with a PVH entry: Debian's Linux (vmlinux), and GRUB for Xen, which comes as far as the hypervisor that it needs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needsStockGuests } from '../support/linux';
import { needsKvm } from '../support/needs';
import { Run } from '../support/reveille';
import { vmlinuxOf } from '../support/vmlinux';

test('Linux brings all CPUs up, and starts its shell from the module', async (ctx) => {
  const { cloud, initrd } = needsStockGuests(ctx);
  const folder = mkdtempSync(join(tmpdir(), 'reveille-pvh-'));
  ctx.onTestFinished(() => rmSync(folder, { recursive: true }));
  const kernel = join(folder, 'vmlinux');
  const vmlinux = vmlinuxOf(readFileSync(cloud)) ?? ctx.skip('Debian’s cloud kernel is not compressed with LZ4');
  writeFileSync(kernel, vmlinux);
  const options = ['--accel', 'wasm', '--cpus', '2', '--memory', '256M', '--cmdline', 'console=ttyS0'];
  const run = new Run(['run', kernel, '--initrd', initrd, ...options]);
  ctx.onTestFinished(() => void run.child.kill());
  await run.says('smp: Brought up 1 node, 2 CPUs');
  const prompt = await run.says('~ # ');
  run.type('nproc\n');
  await run.says('2\r\n', prompt);
  run.type('poweroff\n');
  const { status, stderr } = await run.ended;
  expect([status, stderr]).toEqual([
    0,
    expect.stringContaining('ELF kernel with a PVH entry, PVH, start info version 1'),
  ]);
});

test.for(['wasm', 'kvm'])(
  '%s: GRUB is entered, looks for Xen, and says on the debug console that there is none',
  async (accel, ctx) => {
    if (accel === 'kvm') needsKvm(ctx);
    const { grubPvh = ctx.skip('this host cannot run Debian’s grub-mkimage') } = needsStockGuests(ctx);
    const run = new Run(['run', grubPvh, '--accel', accel, '--cpus', '1']);
    ctx.onTestFinished(() => void run.child.kill());
    await run.tells('debug console: Found no Xen signature!');
    expect(run.stderr).toContain(
      'ELF kernel with a PVH entry, PVH, start info version 1: entry 0x100000 in protected mode',
    );
  },
);

/** Debian's GRUB for Xen's PVH: an ELF kernel with a PVH entry of another maker. It comes as far as the hypervisor that it needs. */
import { expect, test } from 'vitest';
import { needsStockGuests } from '../support/linux';
import { runMachine } from '../support/reveille';

test('it is entered, looks for Xen, and says on the debug console that there is none', async (ctx) => {
  const { grubPvh = ctx.skip('this host cannot run Debian’s grub-mkimage') } = needsStockGuests(ctx);
  const { stderr } = await runMachine(grubPvh, '--accel', 'wasm', '--cpus', '1', '--time-limit', '10ms');
  expect(stderr).toContain('ELF kernel with a PVH entry, PVH, start info version 1: entry 0x100000 in protected mode');
  expect(stderr).toContain('debug console: Found no Xen signature!');
});

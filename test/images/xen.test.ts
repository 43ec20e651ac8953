/** Debian's Xen on the emulator, a Multiboot kernel, until all CPUs are up and it turns to its first domain. */
import { expect, test } from 'vitest';
import { needsStockGuests } from '../support/linux';
import { TestMachine } from '../support/machine';
import { startUps } from '../support/start-ups';

/** How long a machine may take on a host with other work to do; not a measure of anything. */
const PATIENCE = 120_000;
const CPUS = 4;

test('Xen brings all CPUs up, and builds its first domain from the module', { timeout: PATIENCE }, async (ctx) => {
  const guests = needsStockGuests(ctx);
  const machine = new TestMachine({
    guest: guests.xen,
    initrd: guests.cloud,
    cpus: CPUS,
    memory: 256 << 20,
    accelerator: 'wasm',
    // Of loaders other than GRUB Xen expects its own name first.
    cmdline: 'xen com1=115200,8n1 console=com1 loglvl=all',
  });
  ctx.onTestFinished(async () => {
    machine.process.kill();
    await machine.process.closed;
  });
  const ended = () => machine.all('ended').length > 0;
  await machine.until(() => machine.output.includes('*** Building a PV Dom0 ***') || ended());
  const log = machine.output;
  expect(log).toContain(`Brought up ${CPUS} CPUs`);
  expect(log).toContain('Switched to APIC driver x2apic_mixed');
  expect(log).toContain('CPU0: TSC: 1000000000 Hz');
  expect(log).toMatch(
    /Platform timer is 3\.580MHz ACPI PM Timer\r\n\(XEN\) Detected (999\.9|1000\.0)\d* MHz processor/,
  );
  expect(log).not.toMatch(/Panic on CPU/);
  for (let cpu = 1; cpu < CPUS; cpu++)
    expect(startUps(machine.events, cpu).slice(0, 2)).toEqual(['init deliver', 'sipi deliver']);
});

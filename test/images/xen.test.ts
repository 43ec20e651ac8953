/** Debian's Xen, a Multiboot kernel: until all CPUs are up, on the emulator until it turns to its first domain. */
import { expect, test, type TestContext } from 'vitest';
import type { PartialMachineConfig } from '../../main/machine/configuration';
import { needsStockGuests } from '../support/linux';
import { TestMachine } from '../support/machine';
import { needsKvm, needsLong } from '../support/needs';
import { startUps } from '../support/start-ups';

const LONG_PATIENCE = 600_000;
const CPUS = 4;

/** Until it says so, or has ended. */
async function started(
  ctx: TestContext,
  config: Pick<PartialMachineConfig, 'accelerator' | 'irqchip' | 'cpus'>,
  until: string,
): Promise<TestMachine> {
  const guests = needsStockGuests(ctx);
  const machine = new TestMachine({
    guest: guests.xen,
    initrd: guests.cloud,
    memory: 256 << 20,
    // Of loaders other than GRUB Xen expects its own name first.
    cmdline: 'xen com1=115200,8n1 console=com1 loglvl=all',
    ...config,
  });
  ctx.onTestFinished(async () => {
    machine.process.kill();
    await machine.process.closed;
  });
  await machine.until(() => machine.output.includes(until) || machine.all('ended').length > 0);
  return machine;
}

test('Xen brings all CPUs up, and builds its first domain from the module', async (ctx) => {
  const machine = await started(ctx, { accelerator: 'wasm', cpus: CPUS }, '*** Building a PV Dom0 ***');
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

test.for(['exact', 'kernel'] as const)(
  'on KVM, irqchip %s: Xen brings both CPUs up',
  { timeout: LONG_PATIENCE },
  async (irqchip, ctx) => {
    // KVM without hardware virtualization, as on a nested host, takes most of a minute.
    needsLong(ctx);
    needsKvm(ctx);
    const machine = await started(ctx, { accelerator: 'kvm', irqchip, cpus: 2 }, 'Brought up 2 CPUs');
    expect(machine.output).toContain('Brought up 2 CPUs');
    expect(startUps(machine.events, 1)).toContain('sipi deliver');
  },
);

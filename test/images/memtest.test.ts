/**
 * Debian's memtest86+ on the emulator: a bzImage of boot protocol 2.12 that finds the CPUs by the ACPI tables, starts each of them,
 * and lets them meet at barriers with HLT and NMIs. REVEILLE_LONG=1 runs whole passes.
 */
import { expect, test } from 'vitest';
import type { MachineEvent } from '../../preload/contract/machine-events';
import { needsStockGuests } from '../support/linux';
import { TestMachine } from '../support/machine';
import { runMachine } from '../support/reveille';
import { startUps } from '../support/start-ups';

/** How long a machine may take on a host with other work to do; not a measure of anything. */
const PATIENCE = 120_000;
const LONG_PATIENCE = 3_600_000;
const CPUS = 4;
const MILLISECOND = 1_000_000;

/** Serial console, and neither the pause before the tests nor what measures the memory's speed. */
const CMDLINE = 'console=ttyS0,115200 nopause nobench nosm';

/** The longest time, in ns, that each CPU was the only one not to wait. */
function longestAlone(events: readonly MachineEvent[]): number[] {
  const alone = Array.from({ length: CPUS }, () => 0);
  const running = new Set<number>();
  let since = 0;
  for (const event of events) {
    if (event.kind !== 'mp-state') continue;
    const [only, another] = running;
    if (only !== undefined && another === undefined) alone[only] = Math.max(alone[only], event.t - since);
    since = event.t;
    if (event.to === 'RUNNABLE') running.add(event.cpu);
    else running.delete(event.cpu);
  }
  return alone;
}

test.for(['memtest64', 'memtest32'] as const)(
  '%s starts all CPUs, and each of them does its share of the first test',
  { timeout: PATIENCE },
  async (kind, ctx) => {
    const guest = needsStockGuests(ctx)[kind];
    const options = ['--accel', 'wasm', '--cpus', `${CPUS}`, '--memory', '8M', '--time-limit', '150ms'];
    const { stdout, stderr, events } = await runMachine(guest, ...options, '--cmdline', CMDLINE);
    expect(stdout, stderr).toContain('Memtest86+ v6');
    // The time-stamp counter by the 8254.
    expect(stdout).toContain('CLK/Temp: 1000MHz');
    expect(stdout).toContain('CPU: 4 Cores 4 Threads    SMP: 4T (PAR)');
    expect(stdout).toContain('#0  [Address test, walking ones, no cache]');
    for (let cpu = 1; cpu < CPUS; cpu++) {
      expect(startUps(events, cpu)).toEqual(['init deliver', 'sipi deliver', 'sipi ignored']);
    }
    // This test is done by one CPU after the other, while the rest is halted.
    for (const time of longestAlone(events)) expect(time).toBeGreaterThan(MILLISECOND);
  },
);

test('two passes of all tests on all CPUs find no error', { timeout: LONG_PATIENCE }, async (ctx) => {
  if (process.env['REVEILLE_LONG'] !== '1') ctx.skip('a long run: REVEILLE_LONG=1');
  const machine = new TestMachine({
    guest: needsStockGuests(ctx).memtest64,
    cpus: CPUS,
    memory: 8 << 20,
    accelerator: 'wasm',
    cmdline: CMDLINE,
  });
  ctx.onTestFinished(async () => {
    machine.process.kill();
    await machine.process.closed;
  });
  await machine.says('Pass:  2        Errors: 0 ');
  expect(machine.output).toContain('Using: All Cores');
  expect(machine.output).not.toMatch(/Errors: [1-9]/);
});

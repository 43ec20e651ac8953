/**
 * Debian's memtest86+: a bzImage of boot protocol 2.12 that finds the CPUs by the ACPI tables, starts each of them,
 * and lets them meet at barriers with HLT and NMIs. REVEILLE_LONG=1 runs whole passes.
 */
import { expect, test, type TestContext } from 'vitest';
import type { PartialMachineConfig } from '../../main/machine/configuration';
import type { MachineEvent } from '../../preload/contract/machine-events';
import { needsStockGuests } from '../support/linux';
import { TestMachine } from '../support/machine';
import { needsKvm, needsLong } from '../support/needs';
import { runMachine } from '../support/reveille';
import { startUps } from '../support/start-ups';

const LONG_PATIENCE = 7_200_000;
const CPUS = 4;
const MILLISECOND = 1_000_000;
/** The least that it tests: it moves itself between addresses below and above 4 MiB. */
const LEAST_MEMORY = 5 << 20;
/** Or more, until somebody looks. */
const TWO_PASSES = /Pass: {2}([2-9]|[1-9]\d+) +Errors: 0( |$)/m;

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

function start(ctx: TestContext, config: Partial<PartialMachineConfig>): TestMachine {
  const machine = new TestMachine({
    guest: needsStockGuests(ctx).memtest64,
    cpus: CPUS,
    memory: LEAST_MEMORY,
    accelerator: 'wasm',
    ...config,
  });
  ctx.onTestFinished(async () => {
    machine.process.kill();
    await machine.process.closed;
  });
  return machine;
}

test.for([
  ['memtest64', 'exact', ['init deliver', 'sipi deliver', 'sipi ignored']],
  ['memtest32', 'kernel', ['sipi deliver']],
] as const)(
  'on KVM: %s, irqchip %s: starts all CPUs, and begins the first test',
  async ([kind, irqchip, seen], ctx) => {
    needsKvm(ctx);
    const guest = needsStockGuests(ctx)[kind];
    const machine = start(ctx, { guest, accelerator: 'kvm', irqchip, memory: 8 << 20, cmdline: CMDLINE });
    await machine.says('#0  [Address test, walking ones, no cache]');
    expect(machine.output).toContain('CPU: 4 Cores 4 Threads    SMP: 4T (PAR)');
    for (let cpu = 1; cpu < CPUS; cpu++) expect(startUps(machine.events, cpu)).toEqual(seen);
  },
);

/** Waits until the screen says so. */
const shows = (machine: TestMachine, text: string) => machine.shows((rows) => rows.some((row) => row.includes(text)));

/** The screen after the second pass, or where there is an error. */
async function afterTwoPasses(machine: TestMachine): Promise<string> {
  const screen = await machine.shows((rows) => rows.some((row) => TWO_PASSES.test(row) || /Errors: [1-9]/.test(row)));
  expect(screen.join('\n')).toContain(`CPU: ${CPUS} Cores ${CPUS} Threads    SMP: ${CPUS}T (PAR)`);
  return screen.join('\n');
}

test('two passes of the tests that are chosen with the keyboard find no error', async (ctx) => {
  const machine = start(ctx, { cmdline: 'nobench nosm' });
  await shows(machine, 'Press <F1> to configure');
  machine.press('F1');
  await shows(machine, '<F1>  Test selection');
  machine.press('F1');
  await shows(machine, '<F1>  Clear selection');
  // None, then the first five of them.
  machine.press('F1', 'F4', 'Digit0', 'Enter', 'Digit4', 'Enter');
  await shows(machine, ' *****......');
  machine.press('F10', 'F10', 'Enter');
  expect(await afterTwoPasses(machine)).toMatch(TWO_PASSES);
});

test('two passes of all tests on all CPUs find no error', { timeout: LONG_PATIENCE }, async (ctx) => {
  needsLong(ctx);
  // In the host's time, of which it waits more than ten minutes for memory to forget.
  const machine = start(ctx, { cmdline: CMDLINE, realtime: true });
  expect(await afterTwoPasses(machine)).toMatch(TWO_PASSES);
});

test('with less memory it says why it cannot go on, and waits for a key', async (ctx) => {
  const machine = start(ctx, { memory: 4 << 20, cmdline: CMDLINE });
  const screen = await shows(machine, 'Cannot relocate program. Press any key to reboot...');
  expect(screen.join('\n')).toContain('Insufficient free space in range 0x400000 to 0x7fffffff');
  machine.press('Enter');
  expect((await machine.end()).outcome).toMatchObject({ kind: 'guest-exit', reason: expect.stringContaining('reset') });
});

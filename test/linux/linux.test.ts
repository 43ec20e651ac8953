/**
 * Debian's stock kernels on the emulator: to a shell with any number of CPUs, which come up by INIT and SIPI, go offline and
 * come online again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { Linux, type LinuxOptions, needsStockGuests } from '../support/linux';
import { startUps } from '../support/start-ups';

/** How long a boot may take on a host with other work to do; not a measure of anything. */
const PATIENCE = 600_000;
const COUNTS = [1, 2, 4, 8, 16];

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-linux-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function start(ctx: TestContext, options: LinuxOptions): Linux {
  const linux = new Linux(needsStockGuests(ctx), options);
  ctx.onTestFinished(async () => {
    linux.machine.process.kill();
    await linux.machine.process.closed;
  });
  return linux;
}

/** Linux sends its INIT, and two SIPIs of which the first one counts. */
const START_UP = ['init deliver', 'sipi deliver', 'sipi ignored'];

describe('the cloud kernel at its shell', () => {
  let snapshot: string | null = null;

  test('a CPU goes offline, and comes back by another INIT and SIPI', { timeout: PATIENCE }, async (ctx) => {
    const linux = start(ctx, { cpus: 4 });
    const { machine } = linux;
    await linux.prompt();
    expect(linux.console).toContain('Console: colour VGA+ 80x25');
    expect(linux.console).toContain('Switched APIC routing to physical x2apic.');
    expect(await linux.run('nproc')).toBe('4');
    expect(await linux.run('cat /sys/devices/system/clocksource/clocksource0/available_clocksource')).toBe(
      'tsc acpi_pm',
    );
    for (const cpu of [1, 2, 3]) expect(startUps(machine.events, cpu)).toEqual(START_UP);

    await linux.run('echo 0 > /sys/devices/system/cpu/cpu2/online');
    expect(await linux.run('nproc')).toBe('3');
    expect(await linux.run('cat /sys/devices/system/cpu/online')).toBe('0-1,3');
    expect(startUps(machine.events, 2)).toEqual(START_UP);
    await linux.run('echo 1 > /sys/devices/system/cpu/cpu2/online');
    expect(await linux.run('nproc')).toBe('4');
    expect(startUps(machine.events, 2)).toEqual([...START_UP, ...START_UP]);
    expect(await linux.run('taskset 4 grep ^Cpus_allowed_list /proc/self/status')).toMatch(/\s2$/);
    for (const cpu of [1, 3]) expect(startUps(machine.events, cpu)).toEqual(START_UP);
    expect(await linux.run('complaints')).toBe('');

    await machine.request('pause', null);
    // That of a CPU that an INIT has been through.
    expect((await machine.inspect(2)).lapic?.mode).toBe('x2apic');
    const path = join(directory, 'shell');
    await machine.request('snapshot', { path });
    snapshot = path;
  });

  test('a pressed power button is one interrupt, and a key', { timeout: PATIENCE }, async (ctx) => {
    needsStockGuests(ctx);
    if (snapshot === null) throw new Error('the machine did not come to its shell');
    const linux = start(ctx, { cpus: 4, snapshot });
    const { machine } = linux;
    await machine.message('started');
    await linux.run('load evdev button');
    const devices = await linux.run('cat /proc/bus/input/devices');
    const [, handler] = /Name="Power Button"\nP: Phys=LNXPWRBN\/[^]*?Handlers=.*\b(event\d+)/.exec(devices) ?? [];
    // Keys before a program has the file open are lost to it.
    await linux.run(`exec 3< /dev/input/${handler}`);
    await linux.run('key() { head -c 24 <&3 | tail -c 8 | hexdump -C; }');
    await linux.run('(key; grep acpi /proc/interrupts; poweroff) &');
    await machine.request('power-button', null);
    const { outcome } = await machine.end();
    // Of struct input_event behind its time: EV_KEY, KEY_POWER, pressed.
    const said = await linux.says('reboot: Power down');
    expect(said).toContain('00000000  01 00 74 00 01 00 00 00 ');
    const [, interrupts] = /^ +9:([\d ]+) IO-APIC +9-fasteoi +acpi\r$/m.exec(said) ?? [];
    expect(interrupts?.trim().split(/ +/).toSorted()).toEqual(['0', '0', '0', '1']);
    expect(outcome).toMatchObject({ kind: 'power-off', code: null, reason: expect.stringContaining('switched') });
  });

  test.for([
    ['poweroff', 'reboot: Power down', 'power-off', 'switched the machine off'],
    ['reboot', 'reboot: Restarting system', 'guest-exit', 'asked for a reset'],
  ])('%s ends the machine', { timeout: PATIENCE }, async ([command, said, kind, reason], ctx) => {
    needsStockGuests(ctx);
    if (snapshot === null) throw new Error('the machine did not come to its shell');
    const linux = start(ctx, { cpus: 4, snapshot });
    await linux.machine.message('started');
    linux.type(command);
    const { outcome } = await linux.machine.end();
    expect(linux.console).toContain(said);
    expect(outcome).toMatchObject({ kind, code: null, reason: expect.stringContaining(reason) });
  });
});

describe.concurrent('to the shell', () => {
  const boots = COUNTS.flatMap((cpus) => [
    // 8: as many as xAPICs address by a bit each.
    ['cloud', cpus, cpus !== 8] as const,
    ['generic', cpus, true] as const,
  ]);

  test.for(boots)('the %s kernel with %i CPUs', { timeout: PATIENCE }, async ([kernel, cpus, x2apic], ctx) => {
    // Another interleaving for each.
    const linux = start(ctx, { kernel, cpus, seed: cpus, cmdline: x2apic ? '' : 'nox2apic' });
    await linux.prompt();
    expect(linux.console).toContain(`userspace is up: `);
    expect(linux.console.includes('x2apic enabled')).toBe(x2apic);
    expect(await linux.run('nproc')).toBe(`${cpus}`);
    for (let cpu = 1; cpu < cpus; cpu++) expect(startUps(linux.machine.events, cpu)).toEqual(START_UP);
    expect(await linux.run('complaints')).toBe('');
  });

  test('a machine without ACPI has its CPUs come up by the MP table', { timeout: PATIENCE }, async (ctx) => {
    // The cloud kernel knows nothing of MP tables.
    const linux = start(ctx, { kernel: 'generic', cpus: 4, acpi: false });
    await linux.prompt();
    expect(linux.console).toContain('Intel MultiProcessor Specification v1.4');
    expect(linux.console).not.toContain('ACPI: RSDP');
    expect(await linux.run('nproc')).toBe('4');
    for (const cpu of [1, 2, 3]) expect(startUps(linux.machine.events, cpu)).toEqual(START_UP);
    // The timer is at the input of the I/O APIC that the table names.
    expect(await linux.run('grep timer /proc/interrupts')).toMatch(/^ +0: .* IO-APIC +2-edge +timer$/m);
    expect(linux.console).toContain('A valid RSDP was not found');
    expect(await linux.run('complaints')).toBe('');
  });
});

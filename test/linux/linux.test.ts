/**
 * Debian's stock kernels on the emulator: to a shell with several CPUs, which come up by INIT and SIPI, go offline and come
 * online again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { MachineEvent } from '../../preload/contract/machine-events';
import { Linux, type LinuxOptions, needsStockGuests } from '../support/linux';

/** How long a boot may take on a host with other work to do; not a measure of anything. */
const PATIENCE = 300_000;

/** What no healthy kernel says. */
const DISTRESS = /BUG:|WARNING:|Oops|Call Trace|soft lockup|rcu.*stall|failed to wake|not responding|Kernel panic/;

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-linux-'))));
afterAll(() => rmSync(directory, { recursive: true }));

let machines: Linux[] = [];
afterEach(async () => {
  for (const { machine } of machines) machine.process.kill();
  await Promise.all(machines.map(({ machine }) => machine.process.closed));
  machines = [];
});

function start(ctx: Parameters<typeof needsStockGuests>[0], options: LinuxOptions): Linux {
  const linux = new Linux(needsStockGuests(ctx), options);
  machines.push(linux);
  return linux;
}

/** The start-up IPIs that a CPU was sent, in order. */
function startUps(events: readonly MachineEvent[], cpu: number): string[] {
  return events.flatMap((event) =>
    event.kind === 'ipi' && (event.mode === 'init' || event.mode === 'sipi') && event.targets.includes(cpu)
      ? [`${event.mode} ${event.decision}`]
      : [],
  );
}

function lastState(events: readonly MachineEvent[], cpu: number): string | undefined {
  const changes = events.filter((event) => event.kind === 'mp-state' && event.cpu === cpu);
  return changes.map((event) => (event.kind === 'mp-state' ? event.to : '')).at(-1);
}

describe('the cloud kernel with four CPUs', () => {
  let snapshot: string;

  test('boots to a shell; a CPU goes offline and comes back', { timeout: PATIENCE }, async (ctx) => {
    const linux = start(ctx, { cpus: 4 });
    const { machine } = linux;
    await linux.prompt();
    expect(linux.console).toContain('smp: Brought up 1 node, 4 CPUs');
    expect(await linux.run('nproc')).toBe('4');
    expect(await linux.run('grep -c ^processor /proc/cpuinfo')).toBe('4');
    for (const cpu of [1, 2, 3])
      expect(startUps(machine.events, cpu)).toEqual(expect.arrayContaining(['sipi deliver']));

    const before = startUps(machine.events, 2).length;
    await linux.run('echo 0 > /sys/devices/system/cpu/cpu2/online');
    expect(await linux.run('nproc')).toBe('3');
    expect(await linux.run('cat /sys/devices/system/cpu/online')).toBe('0-1,3');
    expect(startUps(machine.events, 2)).toHaveLength(before);
    await linux.run('echo 1 > /sys/devices/system/cpu/cpu2/online');
    expect(await linux.run('cat /sys/devices/system/cpu/online')).toBe('0-3');
    expect(startUps(machine.events, 2).slice(before)).toEqual(['init deliver', 'sipi deliver', 'sipi ignored']);
    expect(await linux.run('taskset 4 grep ^Cpus_allowed_list /proc/self/status')).toMatch(/\s2$/);
    expect(linux.console).not.toMatch(DISTRESS);
    expect(['RUNNABLE', 'HALTED']).toContain(lastState(machine.events, 2));

    snapshot = join(directory, 'shell');
    await machine.request('pause', null);
    await machine.request('snapshot', { path: snapshot });
  });
});

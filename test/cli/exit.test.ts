/** How a run on KVM ends: its exit status, and that nothing is left behind. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import * as guests from '../support/guest';
import { needsKvm } from '../support/needs';
import { REVEILLE, reveille, Run, runMachine } from '../support/reveille';
import { file, guest, machineOf, summaryOf } from './scratch';

beforeEach(needsKvm);

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

test.each([
  [0, 0],
  [0x10, 0],
  [1, 1],
  [0x11, 1],
  [0xff, 1],
])('debug-exit %i: %i', async (value, status) => {
  const run = await runMachine(guest('exit', guests.exitWith(value)), '--cpus', '1');
  expect(run.status).toBe(status);
  expect(run.summary.outcome).toMatchObject({ kind: 'guest-exit', code: value, cpu: 0 });
});

test('a time-out is 3', async () => {
  const run = await reveille('run', guest('halt', guests.halt), '--cpus', '1', '--timeout', '3s', '--json');
  expect(run.status).toBe(3);
  expect(run.stderr).toMatch(/^timeout after .*: the guest did not end within 3 s \(\d+ events, 0 lost\)$/m);
  expect(summaryOf(run.stdout).outcome).toMatchObject({ kind: 'timeout', code: null, cpu: null });
});

test('what nobody handles is 4, with its name and the registers', async () => {
  const run = await reveille('run', guest('astray', guests.astray), '--cpus', '1', '--json');
  expect(run.stderr).toMatch(/^crash by cpu 0 .*KVM_EXIT_INTERNAL_ERROR 1, .* at 0010:d0000000 in protected mode/m);
  expect(run.stderr).toContain('rip    00000000d0000000  rflags');
  expect(run.status).toBe(4);
  expect(summaryOf(run.stdout).outcome).toMatchObject({ kind: 'crash', code: null, cpu: 0 });
});

test('Ctrl-C is 130, and the machine ends in order', async () => {
  const run = new Run(['run', 'heartbeat', '--json']);
  for (const cpu of [0, 1, 2, 3]) await run.says(`cpu ${cpu} apic ${cpu} beat 1`);
  run.child.kill('SIGINT');
  const { status, stdout, stderr } = await run.ended;
  expect(status).toBe(130);
  expect(stderr).toMatch(/^stopped after .*: stopped by SIGINT/m);
  const summary = summaryOf(stdout);
  expect(summary.outcome).toMatchObject({ kind: 'stopped', code: null });
  expect(summary.cpus.every(({ exits }) => exits['io'] > 0)).toBe(true);
});

test('a second Ctrl-C kills a machine that does not answer', async () => {
  const run = new Run(['run', 'heartbeat', '--json']);
  await run.says('cpu 0 apic 0 beat 1');
  const machine = machineOf(run);
  process.kill(machine, 'SIGSTOP');
  run.child.kill('SIGINT');
  // Of two signals of one kind that are pending at once one is lost.
  while (!/^SigPnd:\s+0+\nShdPnd:\s+0+$/m.test(readFileSync(`/proc/${run.pid}/status`, 'utf8')));
  run.child.kill('SIGTERM');
  const { status, stdout, stderr } = await run.ended;
  expect(stderr).toContain('killed by the second request');
  expect(status).toBeGreaterThanOrEqual(130);
  expect(summaryOf(stdout).cpus).toHaveLength(4);
  expect(alive(machine)).toBe(false);
});

test.each(['kvm', 'wasm'])('a periodic timer of 1 ns does not keep its guest from getting on (%s)', async (accel) => {
  const image = guest('restless', guests.restlessTimer);
  const run = await reveille('run', image, '--cpus', '1', '--accel', accel);
  expect(run).toMatchObject({ status: 0, stdout: '' });
});

test("the death of the machine's process is 70, and is no fault of the guest", async () => {
  const run = new Run(['run', 'heartbeat', '--serial2', `unix:${file('stale.sock')}`]);
  await run.says('cpu 0 apic 0 beat 1');
  process.kill(machineOf(run), 'SIGKILL');
  const { status, stderr } = await run.ended;
  expect(stderr).toContain('it was ended by SIGKILL. This is a fault of Reveille, not of the guest.');
  expect(status).toBe(70);
  // What it could not take away is not in the way of the next one.
  expect(existsSync(file('stale.sock'))).toBe(true);
  expect((await reveille('run', 'herd', '--serial2', `unix:${file('stale.sock')}`)).status).toBe(0);
  expect(existsSync(file('stale.sock'))).toBe(false);
});

describe('what is left behind', () => {
  test('a killed command leaves no process, thread, socket or file', async () => {
    const socket = file('killed.sock');
    const temporary = mkdtempSync(file('temporary-'));
    const run = new Run(
      ['run', 'heartbeat', '--serial2', `unix:${socket}`, '--serial3', 'pty'],
      ['env', `TMPDIR=${temporary}`, process.execPath, REVEILLE],
    );
    await run.says('cpu 3 apic 3 beat 1');
    const machine = machineOf(run);
    expect(readdirSync(`/proc/${machine}/task`).length).toBeGreaterThan(4);
    expect(statSync(socket).isSocket()).toBe(true);
    run.child.kill('SIGKILL');
    await run.ended;
    await gone(machine);
    expect(existsSync(socket)).toBe(false);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('a machine that cannot be made leaves no socket', async () => {
    const occupied = guest('occupied', new Uint8Array(1));
    const serial = ['--serial2', `unix:${file('early.sock')}`, '--serial3', `unix:${occupied}`];
    const { status, stderr } = await reveille('run', 'herd', ...serial);
    expect(stderr).toMatch(`reveille: COM3: ${occupied} exists and is no socket; choose another path.\n`);
    expect(status).toBe(2);
    expect(existsSync(file('early.sock'))).toBe(false);
  });
});

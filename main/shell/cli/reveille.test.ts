/** The command's contract, against a stand-in for the machine's process (testing/fake-machine-process.ts). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Summary } from '../../../preload/contract/machine';
import { type TestInstallation, buildTestInstallation } from './testing/build';

let installation: TestInstallation;

beforeAll(async () => {
  installation = await buildTestInstallation();
});

afterAll(() => installation.remove());

class Run {
  readonly child: ChildProcess;
  stdout = Buffer.alloc(0);
  stderr = '';

  constructor(args: string[]) {
    this.child = spawn(process.execPath, [installation.reveille, ...args], { stdio: 'pipe' });
    this.child.stdout?.on('data', (bytes) => (this.stdout = Buffer.concat([this.stdout, bytes])));
    this.child.stderr?.on('data', (bytes) => (this.stderr += bytes));
  }

  async until(text: string): Promise<void> {
    while (!this.stdout.includes(text)) await once(this.child.stdout!, 'data');
  }

  async status(): Promise<number | null> {
    const [status] = await once(this.child, 'close');
    return status;
  }
}

async function reveille(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const run = new Run(args);
  run.child.stdin?.end();
  const status = await run.status();
  return { status, stdout: run.stdout.toString(), stderr: run.stderr };
}

/** A run of the fake machine in one of its scenarios. */
function scenario(text: string, ...args: string[]) {
  return reveille('run', 'roll-call', '--cmdline', text, ...args);
}

function file(name: string): string {
  return join(installation.root, name);
}

/** A process that nobody has waited for yet has no command line any more. */
function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
}

describe('exit status', () => {
  test.each([
    ['exit 0', 0, 'guest-exit 0x0'],
    ['exit 16', 0, 'guest-exit 0x10'],
    ['exit 1', 1, 'guest-exit 0x1'],
    ['crash', 4, 'crash by cpu 1 after 2.000 ms: triple fault of cpu 1'],
    ['fail usage', 2, 'reveille: The guest image is empty.'],
    ['fail host', 5, 'reveille: The guest image is empty.'],
    ['die', 70, 'ended by SIGSEGV'],
  ])('%s: %i', async (text, status, words) => {
    const result = await scenario(text);
    expect(result.stderr).toContain(words);
    expect(result.status).toBe(status);
    expect(result.stdout).toBe('');
  });

  test('a time-out is 3, and a machine that does not answer is killed and summed up', async () => {
    const result = await scenario('deaf', '--timeout', '100ms', '--json');
    expect(result.status).toBe(3);
    const summary: Summary = JSON.parse(result.stdout.split('\n').at(-2)!);
    expect(summary.outcome).toMatchObject({ kind: 'timeout', code: null, cpu: null });
    expect(summary.outcome.reason).toContain('was killed');
    expect(summary.cpus.map(({ id, apicId, bsp }) => [id, apicId, bsp])).toEqual([
      [0, 0, true],
      [1, 1, false],
      [2, 2, false],
      [3, 3, false],
    ]);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s stops the machine: %i', async (signal, status) => {
    const run = new Run(['run', 'roll-call', '--cmdline', 'wait']);
    await run.until('waiting');
    run.child.kill(signal);
    expect(await run.status()).toBe(status);
    expect(run.stderr).toContain(`stopped after 2.000 ms: stopped by ${signal}`);
  });

  test('a second signal kills a machine that does not stop', async () => {
    const run = new Run(['run', 'roll-call', '--cmdline', 'deaf']);
    await run.until('waiting');
    run.child.kill('SIGTERM');
    // Signals of one kind that are pending at the same time are one.
    run.child.kill('SIGINT');
    expect(await run.status()).toBeGreaterThanOrEqual(130);
    expect(run.stderr).toContain('killed by the second request');
  });

  test('a reader of stdout that goes away ends the run without a word', async () => {
    const run = new Run(['run', 'roll-call', '--cmdline', 'flood 100000000']);
    await run.until('A');
    run.child.stdout?.destroy();
    expect(await run.status()).toBe(141);
    expect(run.stderr.split('\n')).toHaveLength(2);
  });

  test('a killed shell leaves no machine behind', async () => {
    const run = new Run(['run', 'roll-call', '--cmdline', 'wait']);
    await run.until('waiting');
    const children = readFileSync(`/proc/${run.child.pid}/task/${run.child.pid}/children`, 'utf8');
    const machine = Number(children);
    expect(machine).toBeGreaterThan(0);
    run.child.kill('SIGKILL');
    // Settles only when the last holder of its stderr is gone, which the machine's process is.
    await run.status();
    expect(isRunning(machine)).toBe(false);
  });
});

describe('wrong usage', () => {
  test.each([
    [['run', 'roll-call', '--cpuz', '4'], 2, 'There is no option --cpuz'],
    [['run', 'roll-call', '--cpus'], 2, '--cpus needs a value'],
    [['run', 'roll-call', '--cpus', '-1'], 2, '--cpus needs a value'],
    [['run', 'roll-call', '--json=yes'], 2, '--json takes no value'],
    [['run'], 2, 'takes one guest'],
    [['run', 'a', 'b'], 2, 'takes one guest'],
    [['run', 'nothing'], 2, '"nothing" is neither a file nor a bundled guest, which are roll-call.'],
    [['run', '.'], 2, '"." is a directory'],
    [['run', 'roll-call', '--bsp', '4'], 2, 'BSP 4 is not a CPU'],
    [['run', 'roll-call', '--apic-ids', '0,2,2,4'], 2, 'APIC id 2'],
    [['run', 'roll-call', '--events', '-', '--serial1', 'stdio'], 2, 'would mix on stdout'],
    [['run', 'roll-call', '--events', '/nowhere/events'], 2, 'no such file or directory (ENOENT)'],
    [['run', 'roll-call', '--cpus', '65', '--irqchip', 'kernel'], 5, 'at most 64 on this host'],
    [['run', 'roll-call', '--irqchip', 'split'], 5, 'KVM_CAP_SPLIT_IRQCHIP is missing'],
    [['run', 'roll-call', '--memory', '3G'], 5, 'at most 2048 MiB'],
    [['run', 'roll-call', '--accel', 'wasm'], 5, 'The emulator is not part of this version'],
    [['guests', 'roll-call'], 2, 'takes no "roll-call"'],
    [['frobnicate'], 2, 'There is no command "frobnicate"'],
    [[], 2, 'There is no command'],
  ])('%j: %i', async (args, status, words) => {
    const result = await reveille(...args);
    expect(result.stderr).toContain(words);
    expect(result.status).toBe(status);
    expect(result.stdout).toBe('');
  });

  test('files are left as they were when the machine never starts', async () => {
    writeFileSync(file('old.events'), 'old\n');
    await scenario('fail usage', '--events', file('old.events'), '--trace', file('new.trace'));
    expect(readFileSync(file('old.events'), 'utf8')).toBe('old\n');
    expect(existsSync(file('new.trace'))).toBe(false);
    await scenario('hello', '--events', file('new.events'), '--trace', '/nowhere/trace');
    expect(existsSync(file('new.events'))).toBe(false);
  });
});

describe('console', () => {
  test("stdout is the guest's, byte for byte, and the guest waits for a slow reader", async () => {
    const run = new Run(['run', 'roll-call', '--cmdline', 'flood 3000000']);
    run.child.stdout?.pause();
    await once(run.child.stderr!, 'data');
    run.child.stdout?.resume();
    expect(await run.status()).toBe(0);
    expect(run.stdout.equals(Buffer.alloc(3_000_000, 0x41))).toBe(true);
    expect(run.stderr).toContain('at most 65536 bytes unacknowledged');
  });

  test('stdin goes to the guest, and an open one does not keep the command alive', async () => {
    const run = new Run(['run', 'roll-call', '--cmdline', 'echo']);
    await run.until('ready');
    run.child.stdin?.write('\x03\xff q');
    expect(await run.status()).toBe(0);
    expect(run.stdout.toString()).toBe('ready\n\x03\xff q');
  });

  test('changes of state and start-up IPIs are lines on stderr; other IPIs are not', async () => {
    const { stderr } = await scenario('hello', '--cpus', '2');
    expect(stderr.split('\n')).toEqual([
      'kvm, irqchip exact, 2 cpus, bsp 0, 128 MiB (auto: KVM works here)',
      '    0.001 ms  cpu 0  UNINITIALIZED -> RUNNABLE',
      '    1.000 ms  cpu 0  INIT to cpu 1',
      '    1.000 ms  cpu 1  UNINITIALIZED -> INIT_RECEIVED  (INIT from cpu 0)',
      '    1.010 ms  cpu 0  SIPI 0x08 to cpu 1',
      '    1.010 ms  cpu 1  INIT_RECEIVED -> SIPI_RECEIVED  (SIPI 0x08 from cpu 0)',
      '    1.020 ms  cpu 1  SIPI_RECEIVED -> RUNNABLE',
      '    1.200 ms  cpu 0  SIPI 0x08 to cpu 1 (ignored)',
      '    1.400 ms  cpu 1  RUNNABLE -> HALTED',
      'guest-exit 0x10 by cpu 0 after 2.000 ms: the guest wrote to the debug-exit port (5 events, 0 lost)',
      '',
    ]);
  });

  test('of very many halts and wake-ups the first of a second are shown, and all recorded', async () => {
    const { stderr } = await scenario('restless 2500', '--events', file('restless'));
    expect(stderr.match(/(RUNNABLE|HALTED) -> (RUNNABLE|HALTED)/g)).toHaveLength(1000);
    expect(stderr).toContain(
      '    0.999 ms  1000 halts and wake-ups in this second: no more of them until 1000.000 ms (--events FILE has all)\n',
    );
    expect(readFileSync(file('restless'), 'utf8').match(/"kind":"mp-state"/g)).toHaveLength(2500);
  });
});

describe('records', () => {
  const first = '{"t":1000,"cpu":0,"kind":"mp-state","from":"UNINITIALIZED","to":"RUNNABLE","derived":false}';

  test('--events writes a line for each event, --json the summary last', async () => {
    writeFileSync(file('events'), 'old\n'.repeat(1000));
    const { stdout } = await scenario('hello', '--events', file('events'), '--json');
    const lines = readFileSync(file('events'), 'utf8').split('\n');
    expect(lines).toHaveLength(27);
    expect(JSON.parse(lines[0])).toMatchObject({ t: 0, kind: 'run', config: { cpus: 4 }, policies: [] });
    expect(lines[1]).toBe(first);
    expect(JSON.parse(lines[2])).toEqual({
      t: 1_000_000,
      cpu: 0,
      kind: 'ipi',
      source: 0,
      targets: [1],
      mode: 'init',
      vector: 0,
      decision: 'deliver',
      derived: false,
    });
    expect(stdout).toMatch(/^hello\n\{"accel":"kvm",.*\}\n$/);
  });

  test("--events - takes COM1's place on stdout", async () => {
    const { stdout, status } = await scenario('hello', '--events', '-');
    expect(status).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toHaveLength(27);
    expect(lines[1]).toBe(first);
  });

  test('a record that cannot be written ends the run with a sentence', async () => {
    const { stderr, status } = await scenario('hello', '--events', '/dev/full');
    expect(stderr).toContain('/dev/full cannot be written any further: no space left on device (ENOSPC).');
    expect(status).toBe(5);
  });
});

describe('reports', () => {
  test('probe', async () => {
    const { stdout } = await reveille('probe');
    expect(stdout).toContain('auto     kvm: KVM works here');
    expect(stdout).toContain('irqchip kernel  up to 64 CPUs');
    expect(stdout).toContain('wasm: not usable. The emulator is not part of this version');
    expect(JSON.parse((await reveille('probe', '--json')).stdout)).toMatchObject({ auto: { accelerator: 'kvm' } });
  });

  test('guests', async () => {
    expect((await reveille('guests')).stdout).toBe(
      'roll-call - Roll call\n  Wakes all.\n  On its command line:\n    quiet  says less\n',
    );
    expect(JSON.parse((await reveille('guests', '--json')).stdout)).toHaveLength(1);
  });

  test('--help and --version', async () => {
    expect((await reveille('--version')).stdout).toBe('1.2.3\n');
    const { stdout, status } = await reveille('run', '--help');
    expect(stdout).toContain('reveille run <guest>');
    expect(status).toBe(0);
  });
});

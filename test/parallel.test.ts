/**
 * The emulator with a thread for each CPU: the same guests with the same transcripts, the memory order of x86 as litmus tests
 * show it, and pauses, steps, snapshots and policies while CPUs run beside each other.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { guestImage, TestMachine } from './support/machine';
import { needsProgram } from './support/needs';
import { readEvents, reveille, runMachine } from './support/reveille';

const PATIENCE = 240_000;
const PARALLEL = ['--accel', 'wasm', '--parallel'];
const CONFIG = { accelerator: 'wasm', parallel: true } as const;
/** Rounds of each litmus test. */
const ROUNDS = process.env['REVEILLE_LONG'] === '1' ? 1_000_000 : 20_480;

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
let directory: string;
beforeEach((ctx) => needsProgram(ctx, 'nasm'));
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-parallel-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function assemble(source: string): string {
  const image = join(directory, `${source.replaceAll('/', '-')}.bin`);
  const includes = ['../resources/guests/include/', 'architecture/include/'].flatMap((name) => ['-I', path(name)]);
  execFileSync('nasm', ['-f', 'bin', '-Werror', ...includes, '-o', image, path(`${source}.asm`)]);
  return image;
}

describe('bundled guests', () => {
  test.each([1, 2, 16])('roll-call and herd with %i CPUs', { timeout: PATIENCE }, async (cpus) => {
    for (const guest of ['roll-call', 'herd']) {
      const { lines, status, summary } = await runMachine(guest, ...PARALLEL, '--cpus', `${cpus}`);
      const numbers = Array.from({ length: cpus - 1 }, (_, n) => `cpu ${n + 1} apic ${n + 1} here`);
      expect(lines.filter((line) => /^cpu .* here$/.test(line)).sort(), guest).toEqual(numbers.sort());
      expect(lines.at(-1)).toMatch(new RegExp(`^${guest}: all ${cpus} processors`));
      expect(status).toBe(0);
      expect(summary).toMatchObject({ accel: 'wasm', parallel: true, lost: 0 });
    }
  });

  test.each(['lost-sipi', 'one-stack', 'first-cpu', 'late-ap', 'no-delay', 'loose-count'])(
    '%s ends well',
    { timeout: PATIENCE },
    async (guest) => {
      expect((await runMachine(guest, ...PARALLEL, '--cpus', '3')).status).toBe(0);
    },
  );

  test('the mode stands in the first line of the events', { timeout: PATIENCE }, async () => {
    const events = join(directory, 'events');
    await reveille('run', 'herd', ...PARALLEL, '--cpus', '2', '--events', events);
    const [header] = readFileSync(events, 'utf8').split('\n');
    expect(JSON.parse(header)).toMatchObject({ kind: 'run', config: { accelerator: 'wasm', parallel: true } });
  });
});

describe('the architecture', () => {
  test.each([
    ['code', 2],
    ['shootdown', 4],
    ['system', 2],
  ])('%s', { timeout: PATIENCE }, async (guest, cpus) => {
    const { lines } = await runMachine(assemble(`architecture/${guest}`), ...PARALLEL, '--cpus', `${cpus}`);
    expect(`${lines.join('\n')}\n`).toBe(readFileSync(path(`architecture/${guest}.txt`), 'utf8'));
  });
});

/** Outcomes that TSO forbids, by test: bit n is what result n has read (test/parallel/litmus.asm). */
const FORBIDDEN: Record<string, number[]> = {
  sb: [],
  'sb+lock': [0],
  'sb+xchg': [0],
  'sb+mfence': [0],
  mp: [1],
  'mp+lock': [1],
  lb: [3],
  split: [1],
  cmpxchg16b: [1],
  iriw: [0b0101],
  'iriw+xchg': [0b0101],
};

describe('litmus tests', () => {
  async function outcomes(cpus: number, only = ''): Promise<Map<string, Map<number, number>>> {
    const { lines, status, stderr } = await runMachine(
      assemble('parallel/litmus'),
      ...PARALLEL,
      ...[
        '--cpus',
        `${cpus}`,
        '--cmdline',
        `rounds=${ROUNDS}${only === '' ? '' : ` test=${only}`}`,
        '--timeout',
        '600s',
      ],
    );
    expect(status, stderr).toBe(0);
    return new Map(
      lines.map((line) => {
        const [name, ...words] = line.split(' ');
        const counts = new Map<number, number>();
        for (let n = 0; n < words.length; n += 2) counts.set(Number(words[n]), Number(words[n + 1]));
        return [name, counts];
      }),
    );
  }

  test.each([
    [2, ['sb', 'sb+lock', 'sb+xchg', 'sb+mfence', 'mp', 'mp+lock', 'lb', 'split', 'cmpxchg16b']],
    [4, ['iriw', 'iriw+xchg']],
  ])('%i CPUs: nothing that x86 forbids', { timeout: 3 * PATIENCE }, async (cpus, names) => {
    const found = await outcomes(cpus);
    expect([...found.keys()]).toEqual(expect.arrayContaining(names));
    for (const [name, counts] of found) {
      expect([...counts.values()].reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(ROUNDS);
      for (const outcome of FORBIDDEN[name]) expect(counts.get(outcome) ?? 0, `${name}: outcome ${outcome}`).toBe(0);
    }
  });

  test('store buffering shows', { timeout: 3 * PATIENCE }, async (ctx) => {
    if (availableParallelism() < 2) ctx.skip('on a single processor no two CPUs run at the same time');
    // On a host with other work to do it takes some rounds more until two threads run at the same time.
    for (let attempt = 1; ; attempt++) {
      const seen = (await outcomes(2, 'sb')).get('sb')?.get(0) ?? 0;
      if (seen > 0) return;
      expect(attempt, 'times without two CPUs that both read what stood there before the other’s store').toBeLessThan(
        20,
      );
    }
  });
});

describe('control', () => {
  const start = (guest: string, cpus: number, options: ConstructorParameters<typeof TestMachine>[1] = {}) =>
    new TestMachine({ ...CONFIG, guest: guestImage(guest), cpus, memory: 8 << 20 }, options);

  test('paused, saved, resumed; another goes on from the file', { timeout: PATIENCE }, async () => {
    const first = start('heartbeat', 3);
    await first.says('beat');
    await first.until(() => first.events.some((event) => event.kind === 'machine' && event.change === 'threads-ready'));
    await first.request('pause', null);
    const said = first.output;
    const file = join(directory, 'heartbeat.snapshot');
    await first.request('snapshot', { path: file });
    const beats = (machine: TestMachine) => machine.output.split('beat').length;
    await first.request('resume', null);
    await first.until(() => first.output.length > said.length + 64);
    first.process.send({ type: 'stop', kind: 'stopped', reason: 'enough' });
    await first.end();

    const second = start('heartbeat', 3, { snapshot: file });
    await second.until(() => beats(second) > 3);
    expect(second.output).not.toContain('processors in the');
    second.process.send({ type: 'stop', kind: 'stopped', reason: 'enough' });
    const { cpus } = await second.end();
    expect(cpus.map(({ startedAtNs }) => startedAtNs !== null)).toEqual([true, true, true]);
  });

  test('an AP is caught before its first instruction, and stepped', { timeout: PATIENCE }, async () => {
    const machine = start('herd', 3, { pausePoints: [{ on: 'first-instruction', cpu: 2 }] });
    await machine.message('paused');
    const before = await machine.request('inspect', { cpu: 1 });
    expect((await machine.request('inspect', { cpu: 2 })).general.rip).toBe('0');
    await machine.request('step', { cpu: 2 });
    expect((await machine.request('inspect', { cpu: 2 })).general.rip).not.toBe('0');
    expect((await machine.request('inspect', { cpu: 1 })).general).toEqual(before.general);
    await machine.request('resume', null);
    expect((await machine.end()).outcome).toMatchObject({ kind: 'guest-exit', code: 0x10 });
  });

  test('a policy that keeps a SIPI back is asked by a thread of its own', { timeout: PATIENCE }, async () => {
    const events = join(directory, 'policy-events');
    const args = ['run', 'roll-call', ...PARALLEL, '--cpus', '3', '--policy', 'first-sipi-lost', '--events', events];
    expect((await reveille(...args)).status).toBe(0);
    const withheld = readEvents(events).filter((event) => event.kind === 'ipi' && event.decision === 'drop');
    expect(withheld.length).toBeGreaterThan(0);
  });
});

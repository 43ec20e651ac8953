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
import { assembleLitmus, LITMUS, outcomesOf } from './parallel/litmus';
import { guestImage, TestMachine } from './support/machine';
import { needsProgram } from './support/needs';
import { readEvents, reveille, runMachine } from './support/reveille';

const PARALLEL = ['--accel', 'wasm', '--parallel'];
const CONFIG = { accelerator: 'wasm', parallel: true } as const;
/** Rounds of each litmus test; scripts/litmus.mjs does any number. */
const ROUNDS = 8192;
/** Of the one that has to show. */
const MOST_ROUNDS = 10_000_000;

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
  test.each([1, 2, 16])('roll-call and herd with %i CPUs', async (cpus) => {
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
    async (guest) => {
      expect((await runMachine(guest, ...PARALLEL, '--cpus', '3')).status).toBe(0);
    },
  );

  test('the mode stands in the first line of the events', async () => {
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
    ['features', 2],
    ['smm', 2],
    ['a20', 2],
  ])('%s', async (guest, cpus) => {
    const { lines } = await runMachine(assemble(`architecture/${guest}`), ...PARALLEL, '--cpus', `${cpus}`);
    expect(`${lines.join('\n')}\n`).toBe(readFileSync(path(`architecture/${guest}.txt`), 'utf8'));
  });
});

describe('litmus tests', () => {
  let image: string;
  beforeAll(() => {
    image = join(directory, 'litmus.bin');
    assembleLitmus(image);
  });

  async function outcomes(cpus: number, options: string): Promise<Map<string, Map<number, number>>> {
    const args = ['--cpus', `${cpus}`, '--cmdline', options, '--timeout', '600s'];
    const { lines, status, stderr } = await runMachine(image, ...PARALLEL, ...args);
    expect(status, stderr).toBe(0);
    return new Map(lines.map(outcomesOf).map(({ name, counts }) => [name, counts]));
  }

  test.each([2, 4])('%i CPUs: nothing that x86 forbids', { timeout: 720_000 }, async (cpus) => {
    const found = await outcomes(cpus, `rounds=${ROUNDS}`);
    expect([...found.keys()].sort()).toEqual(
      Object.keys(LITMUS)
        .filter((name) => LITMUS[name].cpus === cpus)
        .sort(),
    );
    for (const [name, counts] of found) {
      expect([...counts.values()].reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(ROUNDS);
      for (const outcome of LITMUS[name].forbidden) {
        expect(counts.get(outcome) ?? 0, `${name}: outcome ${outcome}`).toBe(0);
      }
    }
  });

  test('store buffering shows', { timeout: 720_000 }, async (ctx) => {
    if (availableParallelism() < 2) ctx.skip('on a single processor no two CPUs run at the same time');
    // On a host with other work to do it takes more rounds until two threads run at the same time.
    let rounds = 0;
    for (let batch = ROUNDS; rounds < MOST_ROUNDS; rounds += batch, batch *= 4) {
      const seen = await outcomes(2, `rounds=${batch} seed=${rounds + 1} test=sb`);
      if ((seen.get('sb')?.get(0) ?? 0) > 0) return;
    }
    expect.fail(`in ${rounds} rounds one of the two CPUs always read what the other had stored`);
  });
});

describe('control', () => {
  const start = (guest: string, cpus: number, options: ConstructorParameters<typeof TestMachine>[1] = {}) =>
    new TestMachine({ ...CONFIG, guest: guestImage(guest), cpus, memory: 8 << 20 }, options);

  test('paused, saved, resumed; another goes on from the file', async () => {
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

  test('an AP is caught before its first instruction, and stepped', async () => {
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

  test('a policy that keeps a SIPI back is asked by a thread of its own', async () => {
    const events = join(directory, 'policy-events');
    const args = ['run', 'roll-call', ...PARALLEL, '--cpus', '3', '--policy', 'first-sipi-lost', '--events', events];
    expect((await reveille(...args)).status).toBe(0);
    const withheld = readEvents(events).filter((event) => event.kind === 'ipi' && event.decision === 'drop');
    expect(withheld.length).toBeGreaterThan(0);
  });
});

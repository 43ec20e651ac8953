/** `reveille sweep` on real machines of the emulator. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { reveille, Run } from './support/reveille';

const PATIENCE = 300_000;

interface Sweep {
  status: number | null;
  edge: { passes: number; fails: number } | null;
  command: string | null;
  runs: { value: number; verdict: string; reason: string; durationNs: number }[];
}

async function sweep(...words: string[]): Promise<Sweep> {
  const { status, stdout, stderr } = await reveille('sweep', ...words, '--json');
  if (!stdout.startsWith('{')) throw new Error(`no findings (status ${status}): ${stderr}`);
  return { status, ...JSON.parse(stdout) };
}

/** What the command of a sweep shows. */
async function shown(command: string | null) {
  const [, ...words] = (command as string).split(' ');
  const { status, stdout } = await reveille(...words, '--json');
  const lines = stdout.split('\n');
  return { status, last: lines.at(-3)?.trimEnd(), summary: JSON.parse(lines.at(-2) as string) };
}

test('loose-count: some seeds lose a CPU, and the command shows the same again', { timeout: PATIENCE }, async () => {
  const { status, runs, command } = await sweep('loose-count', '--cpus', '8', '--seeds', '0..40');
  expect(status).toBe(1);
  expect(runs.map(({ value }) => value)).toEqual([...Array(41).keys()]);
  expect(runs[0]).toMatchObject({ value: 0, verdict: 'pass', reason: '' });
  const failures = runs.filter(({ verdict }) => verdict !== 'pass');
  expect(failures.length).toBeGreaterThan(0);
  expect(failures.length).toBeLessThan(20);
  for (const { verdict, reason } of failures) {
    expect(verdict).toBe('fail');
    expect(reason).toMatch(/^loose-count: \d of 8 processors are counted$/);
  }
  expect(command).toBe(`reveille run loose-count --cpus 8 --accel wasm --seed ${failures[0].value}`);
  const again = await shown(command);
  expect(again).toMatchObject({ status: 1, last: failures[0].reason });
  expect(again.summary.durationNs).toBe(failures[0].durationNs);
});

test('no-delay: the time for which it does not stand a deaf AP', { timeout: PATIENCE }, async () => {
  const words = 'no-delay --cpus 2 --policy deaf-after-init --vary time=10us..10ms --steps 3'.split(' ');
  const { status, edge, runs, command } = await sweep(...words);
  expect(status).toBe(1);
  // The second SIPI comes 200 us after the first.
  expect(edge?.passes).toBeGreaterThanOrEqual(200_000);
  expect(edge?.fails).toBeLessThan(220_000);
  expect((edge?.fails ?? 0) - (edge?.passes ?? 0)).toBe(1000);
  for (const { value, verdict } of runs) expect(verdict).toBe(value <= (edge?.passes ?? 0) ? 'pass' : 'fail');
  expect(command).toContain(`--policy deaf-after-init --policy-option time=${(edge?.fails ?? 0) / 1000}us`);
  const failure = runs.find(({ value }) => value === edge?.fails);
  const again = await shown(command);
  expect(again).toMatchObject({ status: 1, last: failure?.reason });
  expect(again.summary.durationNs).toBe(failure?.durationNs);
});

test('what all pass is a success, in a table', { timeout: PATIENCE }, async () => {
  const { status, stdout, stderr } = await reveille('sweep', 'herd', '--cpus', '3', '--seeds', '1..4');
  expect(stderr).toBe('');
  expect(stdout.split('\n').slice(0, 3)).toEqual(['verdict  runs  seeds       why', 'pass        4  1, 2, 3, 4', '']);
  expect(stdout).toMatch(/\n4 runs in \d+\.\d s\n$/);
  expect(status).toBe(0);
});

test('hangs and crashes are told apart', { timeout: PATIENCE }, async () => {
  const hang = await sweep(...'fault --cmdline spin --time-limit 200ms --seeds 1..1'.split(' '));
  expect(hang.runs[0]).toMatchObject({ verdict: 'hang', durationNs: expect.closeTo(200e6, -7) });
  expect(hang.runs[0].reason).toMatch(
    /^the guest did not end within 0\.2 s of machine time; its last line was "cpu 1 /,
  );
  expect(hang.command).toBe('reveille run fault --time-limit 200ms --cmdline spin --accel wasm --seed 1');
  expect((await shown(hang.command)).status).toBe(3);
  const crash = await sweep(...'fault --seeds 1..1'.split(' '));
  expect(crash.runs[0]).toMatchObject({ verdict: 'crash' });
  expect(crash.runs[0].reason).toMatch(/^CPU 1: triple fault at /);
  expect([hang.status, crash.status]).toEqual([1, 1]);
});

describe('a sentence instead', () => {
  test.each([
    ['missing --seeds 1..2', 'is neither a file nor a bundled guest'],
    ['herd --seeds 1..2 --policy nobody', 'There is no policy "nobody"'],
    ['herd --policy slow-ap --vary to=1ms..2ms', 'slow-ap has no option to that could be varied'],
    ['herd --policy slow-ap --vary cpus=1..2', 'what can be varied is a duration, an integer or a number'],
    ['herd --policy slow-ap --vary by=0ms..2ms', 'must be a time such as 100ms from 1us to 600s'],
    ['herd --policy slow-ap --vary by=3ms..2ms', 'goes from the smaller value to the larger one'],
    ['herd --seeds 1..2 --accel kvm --irqchip kernel --policy deaf-after-init', 'needs irqchip exact'],
  ])('%s', async (words, sentence) => {
    const { status, stdout, stderr } = await reveille('sweep', ...words.split(' '));
    expect(stderr).toContain(sentence);
    expect(stdout).toBe('');
    expect(status === 2 || status === 5).toBe(true);
  });
});

/** Processes whose parent that is. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

test('Ctrl-C ends it with what was found, and leaves nothing', { timeout: PATIENCE }, async () => {
  const run = new Run('sweep fault --cmdline spin --time-limit 1h --seeds 1..100 --jobs 3'.split(' '));
  let machines: number[] = [];
  while (machines.length < 3) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    machines = childrenOf(run.pid);
  }
  run.child.kill('SIGINT');
  const { status, stdout } = await run.ended;
  expect(status).toBe(130);
  expect(stdout).toContain('0 runs in ');
  expect(stdout).toContain('stopped by SIGINT');
  expect(machines.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
});

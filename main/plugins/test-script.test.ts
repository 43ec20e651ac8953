import { describe, expect, test } from 'vitest';
import type { TestRun } from '../../plugins/api/tests';
import { compilePlugin } from './compile';
import { TestScript } from './test-script';
import { folderOf } from './testing/plugin-folder';

const RUN: TestRun = {
  outcome: { kind: 'guest-exit', code: 0, reason: 'done' },
  verdict: null,
  cpus: [{ cpu: 0, state: 'RUNNABLE', startedAt: 5 }],
  events: [{ t: 1, cpu: 0, kind: 'post', code: 66 }],
  serial: ['hello\n', '', '', ''],
};

async function load(source: string): Promise<TestScript> {
  return TestScript.load(await compilePlugin(folderOf({ 'test.ts': source }), 'test.ts'));
}

const one = (check: string, rest = `name: 'a', guest: 'roll-call'`): string =>
  `import type { PolicyTests } from 'reveille';
export const tests: PolicyTests = [{ ${rest}, ${check} }];
`;

test('what a test wants to be run', async () => {
  const rest = `name: 'a', guest: 'roll-call', cpus: 8, cmdline: 'x', policy: 'p', options: { by: '5ms', cpus: [1] }, seed: 7, timeLimit: '1s'`;
  const { tests } = await load(one('check() {}', rest));
  expect(tests).toEqual([
    {
      name: 'a',
      guest: 'roll-call',
      cpus: 8,
      cmdline: 'x',
      policy: 'p',
      options: { by: '5ms', cpus: [1] },
      seed: 7,
      timeLimit: '1s',
    },
  ]);
});

test('a check sees the run, and what it throws is told at its line', async () => {
  const check = `check(run) {
  if (run.outcome.code !== 0) throw new Error('wrong');
  if (run.events[0].kind === 'post' && run.serial[0] === 'hello\\n') throw new Error('code ' + run.events[0].code);
}`;
  const script = await load(one(check));
  expect(script.check(0, RUN)).toBe('code 66\n    at check (test.ts:4:95)');
  expect(script.check(0, { ...RUN, serial: ['', '', '', ''] })).toBeNull();
});

describe('what cannot be is told', () => {
  test.each([
    ['export const tests = 5;', 'test.ts exports no list "tests".'],
    ['export const policies = {};', 'test.ts exports no list "tests".'],
    [`export const tests = [{ name: 'a', guest: 'b' }];`, 'The test "a" has no function "check".'],
    [`export const tests = [{ guest: 'b', check() {} }];`, 'tests[0].name is missing.'],
    [`export const tests = [{ name: 'a', guest: 'b', gest: 1, check() {} }];`, 'tests[0].gest is not known in a test.'],
    [
      `export const tests = [{ name: 'a', guest: 'b', cpus: '4', check() {} }];`,
      "tests[0].cpus must be a whole number, not '4'.",
    ],
    [`throw new Error('at once');`, 'at once\n    at <anonymous> (test.ts:1:'],
    ['export const tests = []; JSON.stringify = () => "x";', 'It answers with what is no JSON'],
    [
      'export const tests = []; JSON.stringify = () => undefined as never;',
      'tests must be a list of tests, not missing.',
    ],
    ['for (;;);', 'It took longer than 2 s.'],
    ['export const tests = []; const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1));', 'out of memory'],
    ['const f = (): number => f() + 1; f();', 'RangeError: Maximum call stack size exceeded'],
  ])('%s', async (source, message) => {
    await expect(load(source)).rejects.toThrow(message);
  });
});

describe('a check', () => {
  test.each([
    ['check() { for (;;); }', 'It took longer than 2 s.'],
    ['async check() {}', 'TypeError: "check" must not be async: it is over when it returns.'],
    ['check() { throw null; }', 'null'],
    [`check() { process.exit(1); }`, 'ReferenceError: process is not defined'],
    [`check() { JSON.parse = () => { throw new Error('mine'); }; }`, null],
  ])('%s', async (check, message) => {
    const said = (await load(one(check))).check(0, RUN);
    if (message === null) expect(said).toBeNull();
    else expect(said).toContain(message);
  });
});

import { describe, expect, test } from 'vitest';
import { parseSweepOptions } from './options';

const parse = (line: string) => parseSweepOptions(line.split(' '));

test('over seeds, on the emulator with a limit unless something else is said', () => {
  expect(parse('herd --seeds 1..200')).toMatchObject({
    request: { guest: 'herd', accelerator: 'wasm', timeLimit: 10e9 },
    written: {},
    over: { kind: 'seeds', from: 1, to: 200 },
    patience: 60,
    json: false,
  });
  expect(parse('herd --seeds 3..3 --accel auto --time-limit 5ms --timeout 1500ms --jobs 7 --json')).toMatchObject({
    request: { accelerator: 'auto', timeLimit: 5e6 },
    written: { accel: 'auto', 'time-limit': '5ms' },
    jobs: 7,
    patience: 2,
    json: true,
  });
});

test('over an option of the policy before it', () => {
  const { over, policies } = parse(
    'herd --policy a --policy-option x=1 --policy b --policy-option y=2 --vary by=0ms..200ms --policy c --steps 5 --seed 9',
  );
  expect(over).toEqual({ kind: 'option', policy: 1, option: 'by', from: '0ms', to: '200ms', steps: 5 });
  expect(policies).toEqual([
    { policy: 'a', options: { x: '1' } },
    { policy: 'b', options: { y: '2' } },
    { policy: 'c', options: {} },
  ]);
});

describe('a sentence instead', () => {
  test.each([
    ['herd', 'takes one of --seeds A..B and --vary OPTION=A..B'],
    ['herd --seeds 1..2 --policy a --vary by=1..2', 'takes one of --seeds'],
    ['--seeds 1..2', 'takes one guest'],
    ['herd --seeds 5', '--seeds takes the first and the last, such as 1..200, not "5"'],
    ['herd --seeds 5..4', 'not "5..4"'],
    ['herd --seeds 1..1000000', 'at most 100000 runs; --seeds 1..1000000 would be 1000000'],
    ['herd --seeds 1..2 --seed 3', '--seed is for a sweep over an option'],
    ['herd --seeds 1..2 --steps 3', '--steps belongs to --vary'],
    ['herd --seeds 1..2 --jobs 0', '--jobs is from 1 to 256, not 0'],
    ['herd --vary by=1..2', 'comes before any --policy'],
    ['herd --vary by=1..2 --policy a', 'comes before any --policy'],
    ['herd --policy a --vary by=1', '--vary takes OPTION=FROM..TO'],
    ['herd --policy a --policy-option by=3 --vary by=1..2', 'is given by, which is to be varied'],
    ['herd --policy a --vary by=1..2 --steps 1', '--steps is from 2'],
    ['herd --seeds 1..2 --serial1 none', 'There is no option --serial1'],
  ])('%s', (line, words) => expect(() => parse(line)).toThrow(words));
});

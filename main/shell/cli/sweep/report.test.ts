import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plain } from '../words';
import { runCommand, tableLines } from './report';

const group = (reason: string, runs: number, first: number[]) => ({ verdict: 'fail' as const, reason, runs, first });

test('a row for each verdict and reason', () => {
  const groups = [
    { verdict: 'pass' as const, reason: '', runs: 195, first: [1, 2, 3, 4, 5] },
    group('cpu 3 is lost', 2, [17, 120]),
  ];
  expect(tableLines(groups, 'seeds', String, plain)).toEqual([
    'verdict  runs  seeds             why',
    'pass      195  1, 2, 3, 4, 5, …',
    'fail        2  17, 120           cpu 3 is lost',
  ]);
});

test('of very many reasons the first', () => {
  const groups = Array.from({ length: 30 }, (_, i) => group(`reason ${i}`, 2, [i, i + 100]));
  const lines = tableLines(groups, 'by', (value) => `${value}us`, plain);
  expect(lines).toHaveLength(14);
  expect(lines[1]).toBe('fail        2  0us, 100us   reason 0');
  expect(lines.at(-1)).toBe('and 36 runs with 18 other reasons (--json has all)');
});

test('a shell takes the command that shows a run again apart as it was meant', () => {
  const word = fc.string({ minLength: 1 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(word, word, word, fc.nat(), (guest, cmdline, value, seed) => {
      const command = runCommand({
        guest,
        accelerator: 'wasm',
        written: { cpus: '4', cmdline },
        seed,
        policies: [
          { policy: 'slow-ap', options: { by: '5ms', cpus: value } },
          { policy: './mine', options: {} },
        ],
      });
      const words = execFileSync('sh', ['-c', `printf '%s\\0' ${command}`])
        .toString()
        .split('\0')
        .slice(0, -1);
      expect(words).toEqual([
        ...['reveille', 'run', guest, '--cpus', '4', '--cmdline', cmdline, '--accel', 'wasm', '--seed', `${seed}`],
        ...['--policy', 'slow-ap', '--policy-option', 'by=5ms', '--policy-option', `cpus=${value}`],
        ...['--policy', './mine'],
      ]);
    }),
    { numRuns: 30 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IpiMode } from '../../preload/contract/events';
import { ArrowIndex, targetWords } from './arrow-index';
import { ipi, logOf } from './testing/records';

const CPUS = 255;

const sent = fc.array(fc.tuple(fc.nat(20), fc.uniqueArray(fc.nat(63), { minLength: 1, maxLength: 5 }), fc.nat(3)), {
  minLength: 1,
  maxLength: 3000,
  size: 'max',
});

function indexOf(list: [number, number[], number][]): { index: ArrowIndex; targets: number[][] } {
  let time = 0;
  const targets = list.map(([, cpus, group]) => cpus.map((cpu) => Math.min(cpu + group * 64, CPUS - 1)));
  const log = logOf(
    CPUS,
    ...list.map(([step], n) =>
      ipi(
        (time += step),
        0,
        targets[n].filter((cpu) => cpu >> 6 === targets[n][0] >> 6),
        IpiMode.FIXED,
      ),
    ),
  );
  const index = new ArrowIndex(log);
  for (let record = 0; record < log.length; record++) index.push(log.time(record), record);
  return { index, targets };
}

function cpusIn(set: Uint32Array): number[] {
  return Array.from({ length: set.length * 32 }, (_, cpu) => cpu).filter((cpu) => (set[cpu >> 5] >>> (cpu & 31)) & 1);
}

test('the targets of any range are those of its arrows', () => {
  fc.assert(
    fc.property(sent, fc.nat(3000), fc.nat(3000), (list, a, b) => {
      const { index, targets } = indexOf(list);
      const from = Math.min(a, b, list.length);
      const to = Math.min(Math.max(a, b), list.length);
      const set = new Uint32Array(targetWords(CPUS));
      index.targets(from, to, set);
      expect(cpusIn(set)).toEqual([...new Set(targets.slice(from, to).flat())].sort((x, y) => x - y));
    }),
    { numRuns: 60 },
  );
});

test('what the log forgets goes, and the rest stays right', () => {
  fc.assert(
    fc.property(sent, fc.nat(3000), (list, first) => {
      const { index, targets } = indexOf(list);
      index.dropBefore(first);
      expect(index.first).toBe(Math.min(first, list.length));
      const set = new Uint32Array(targetWords(CPUS));
      index.targets(index.first, index.length, set);
      expect(cpusIn(set)).toEqual([...new Set(targets.slice(index.first).flat())].sort((x, y) => x - y));
    }),
    { numRuns: 40 },
  );
});

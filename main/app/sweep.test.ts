import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RunVerdict } from './run-verdict';
import { firstEdge, groupResults, narrow, spread, type SweepResult } from './sweep';

const range = fc
  .record({
    from: fc.integer({ min: 0, max: 1e9 }),
    width: fc.integer({ min: 0, max: 1e9 }),
    step: fc.integer({ min: 1, max: 1e6 }),
  })
  .map(({ from, width, step }) => ({ from, to: from + width, resolution: step }));

describe('spread', () => {
  test('both ends, and between them numbers that ascend by multiples of the resolution', () => {
    fc.assert(
      fc.property(range, fc.integer({ min: 2, max: 200 }), (of, count) => {
        const values = spread(of, count);
        expect(values.length).toBeLessThanOrEqual(count);
        expect(values[0]).toBe(of.from);
        expect(values.at(-1)).toBe(of.to);
        for (const [i, value] of values.slice(1).entries()) {
          expect(value).toBeGreaterThan(values[i]);
          if (value !== of.to) expect((value - of.from) % of.resolution).toBe(0);
        }
      }),
    );
  });

  test.each([
    [{ from: 0, to: 10, resolution: 1 }, 3, [0, 5, 10]],
    [{ from: 0, to: 2, resolution: 1 }, 20, [0, 1, 2]],
    [{ from: 7, to: 7, resolution: 1 }, 20, [7]],
    [{ from: 0, to: 1, resolution: 5 }, 20, [0, 1]],
    [{ from: 0, to: 1, resolution: 0.25 }, 20, [0, 0.25, 0.5, 0.75, 1]],
  ])('%j in %i', (of, count, values) => expect(spread(of, count)).toEqual(values));

  test('as evenly as the resolution allows', () => {
    const values = spread({ from: 0, to: 1e6, resolution: 1 }, 11);
    expect(values).toEqual([0, 1e5, 2e5, 3e5, 4e5, 5e5, 6e5, 7e5, 8e5, 9e5, 1e6]);
  });
});

describe('narrow', () => {
  test('finds the one place where it begins to fail, in few tries', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 1e6 }),
        fc.nat(),
        fc.integer({ min: 1, max: 16 }),
        async (passes, width, at, ways) => {
          const fails = passes + width;
          const threshold = passes + 1 + (at % width);
          let rounds = 0;
          const edge = await narrow({ passes, fails }, 1, ways, async (values) => {
            rounds++;
            expect(values.length).toBeLessThanOrEqual(ways);
            return values.map((value) => value >= threshold);
          });
          expect(edge).toEqual({ passes: threshold - 1, fails: threshold });
          expect(rounds).toBeLessThanOrEqual(Math.ceil(Math.log(width) / Math.log(ways + 1)) + 4);
        },
      ),
    );
  });

  test('of a guest that fails here and there it finds an edge that it has seen', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 2, maxLength: 300 }),
        fc.integer({ min: 1, max: 8 }),
        async (fates, ways) => {
          const fate = [false, ...fates, true];
          const tried = new Set([0, fate.length - 1]);
          const edge = await narrow({ passes: 0, fails: fate.length - 1 }, 1, ways, async (values) => {
            for (const value of values) tried.add(value);
            return values.map((value) => fate[value]);
          });
          expect(edge.fails - edge.passes).toBe(1);
          expect([fate[edge.passes], fate[edge.fails]]).toEqual([false, true]);
          expect(tried.has(edge.passes) && tried.has(edge.fails)).toBe(true);
        },
      ),
    );
  });

  test('down to the resolution, also where that does not divide the range', async () => {
    await fc.assert(
      fc.asyncProperty(range, fc.double({ min: 0, max: 1, noNaN: true }), async (of, at) => {
        fc.pre(of.to > of.from);
        const threshold = of.from + at * (of.to - of.from);
        const edge = await narrow({ passes: of.from, fails: of.to }, of.resolution, 2, async (values) =>
          values.map((value) => value > threshold),
        );
        expect(edge.fails - edge.passes).toBeLessThanOrEqual(of.resolution);
        expect(edge.passes === of.from || edge.passes <= threshold).toBe(true);
        expect(edge.fails === of.to || edge.fails > threshold).toBe(true);
      }),
    );
  });

  test('of a number with a fraction', async () => {
    const edge = await narrow({ passes: 0.1, fails: 0.9 }, 0.8e-6, 2, async (values) =>
      values.map((value) => value > 0.3),
    );
    expect(edge.passes).toBeLessThanOrEqual(0.3);
    expect(edge.fails).toBeGreaterThan(0.3);
    expect(edge.fails - edge.passes).toBeLessThan(1e-6);
  });
});

const results = (...verdicts: RunVerdict[]) => verdicts.map((verdict, value) => ({ value, verdict }));

test.each([
  [results('pass', 'pass', 'fail', 'fail'), { passes: 1, fails: 2 }],
  [results('pass', 'hang', 'pass', 'crash'), { passes: 0, fails: 1 }],
  [results('fail', 'pass', 'fail'), { passes: 1, fails: 2 }],
  [results('fail', 'fail'), null],
  [results('fail', 'pass'), null],
  [results('pass', 'pass'), null],
  [results(), null],
])('the first edge of %j is %j', (of, edge) => expect(firstEdge(of)).toEqual(edge));

test('results in groups: by verdict, then by how many', () => {
  const result = (value: number, verdict: RunVerdict, reason = ''): SweepResult => {
    return { value, verdict, reason, durationNs: 1, fault: null };
  };
  const all = [
    result(9, 'crash', 'triple fault'),
    result(8, 'pass'),
    result(1, 'fail', 'a'),
    ...[7, 6, 5, 4, 3, 2].map((value) => result(value, 'fail', 'b')),
  ];
  expect(groupResults(all)).toEqual([
    { verdict: 'pass', reason: '', runs: 1, first: [8] },
    { verdict: 'fail', reason: 'b', runs: 6, first: [2, 3, 4, 5, 6] },
    { verdict: 'fail', reason: 'a', runs: 1, first: [1] },
    { verdict: 'crash', reason: 'triple fault', runs: 1, first: [9] },
  ]);
});

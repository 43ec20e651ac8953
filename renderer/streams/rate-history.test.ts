import { expect, test } from 'vitest';
import { POINTS, RateHistory } from './rate-history';

const sample = (time: number, ...totals: number[]) => ({
  time,
  cpus: totals.map((total) => ({ state: 0, exits: [total - 1, 1], rip: -1, mode: null })),
});

test('a point is the exits since the sample before, a second', () => {
  const rates = new RateHistory(2);
  rates.add(sample(1e9, 10, 1));
  rates.add(sample(1.5e9, 15, 1));
  expect(rates.length).toBe(2);
  expect([rates.at(0, 0), rates.at(0, 1)]).toEqual([10, 10]);
  expect([rates.at(1, 0), rates.at(1, 1)]).toEqual([1, 0]);
});

test('the last points stay, oldest first; a sample of the same time is none', () => {
  const rates = new RateHistory(1);
  for (let i = 1; i <= POINTS + 10; i++) rates.add(sample(i * 1e9, i * i));
  rates.add(sample((POINTS + 10) * 1e9, 1));
  expect(rates.length).toBe(POINTS);
  const points = Array.from({ length: POINTS }, (_, point) => rates.at(0, point));
  expect(points).toEqual(Array.from({ length: POINTS }, (_, i) => 2 * (i + 11) - 1));
});

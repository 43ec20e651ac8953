import { expect, test } from 'vitest';
import { POINTS, RateHistory } from './rate-history';

const sample = (time: number, ...totals: number[]) => ({
  time: time * 1e6,
  cpus: totals.map((total) => ({ state: 0, exits: [total - 1, 1], rip: null, symbol: null, mode: null })),
  network: null,
});

const pointsOf = (rates: RateHistory, cpu: number): number[] =>
  Array.from({ length: rates.length }, (_, point) => rates.at(cpu, point));

test('a point is the exits since the sample before, a second', () => {
  const rates = new RateHistory(2);
  rates.add(sample(1000, 10, 1));
  rates.add(sample(1100, 15, 1));
  expect(pointsOf(rates, 0)).toEqual([10, 50]);
  expect(pointsOf(rates, 1)).toEqual([1, 0]);
});

test('a sample that comes late stands for all the time since the one before', () => {
  const rates = new RateHistory(1);
  rates.add(sample(1000, 10));
  rates.add(sample(1300, 16));
  rates.add(sample(1410, 27));
  expect(pointsOf(rates, 0)).toEqual([10, 20, 20, 20, 100]);
});

test('samples that come sooner than a point are counted together', () => {
  const rates = new RateHistory(1);
  for (const time of [100, 130, 160, 200]) rates.add(sample(time, time));
  expect(pointsOf(rates, 0)).toEqual([1000, 1000]);
});

test('the last points stay, oldest first', () => {
  const rates = new RateHistory(1);
  for (let i = 1; i <= POINTS + 10; i++) rates.add(sample(i * 100, i * i));
  expect(pointsOf(rates, 0)).toEqual(Array.from({ length: POINTS }, (_, i) => 10 * (2 * (i + 11) - 1)));
  rates.add(sample((POINTS + 10) * 100, 1));
  rates.add(sample(1e6, (POINTS + 10) ** 2));
  expect(pointsOf(rates, 0)).toEqual(Array.from({ length: POINTS }, () => 0));
});

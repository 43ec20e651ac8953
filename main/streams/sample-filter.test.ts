import { expect, test } from 'vitest';
import type { Sample } from '../../preload/contract/machine';
import { SampleFilter } from './sample-filter';

function sample(time: number, exits: number): Sample {
  return { time, cpus: [{ state: 0, rip: 0x1000, mode: 'long', exits: [exits] }] };
}

function filtered(...samples: Sample[]): [time: number, exits: number][] {
  const seen: [number, number][] = [];
  const filter = new SampleFilter(100, ({ time, cpus }) => seen.push([time, cpus[0].exits[0]]));
  for (const one of samples) filter.offer(one);
  return seen;
}

test('what differs is sent at once', () => {
  expect(filtered(sample(1, 1), sample(2, 2), sample(3, 3))).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
});

test('of those that are alike one a second is sent', () => {
  const samples = Array.from({ length: 31 }, (_, time) => sample(time, 5));
  expect(filtered(...samples).map(([time]) => time)).toEqual([0, 10, 20, 30]);
});

test('before a change comes the last that was left out, so that the change is known to have taken one interval', () => {
  expect(filtered(sample(1, 5), sample(2, 5), sample(3, 5), sample(4, 6))).toEqual([
    [1, 5],
    [3, 5],
    [4, 6],
  ]);
});

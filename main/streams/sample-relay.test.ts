import { expect, test } from 'vitest';
import type { StreamFrame } from '../../preload/contract/channels';
import { SampleRelay } from './sample-relay';

type SampleFrame = Extract<StreamFrame, { type: 'sample' }>;

function sample(time: number, exits: number, run = 1): SampleFrame {
  const cpu = { state: 0, rip: 0x1000, mode: 'long' as const, exits: [exits] };
  return { type: 'sample', machine: 'a', run, sample: { time, cpus: [cpu] } };
}

function relayed(...frames: SampleFrame[]): [time: number, exits: number][] {
  const seen: [number, number][] = [];
  const relay = new SampleRelay(({ sample: { time, cpus } }) => seen.push([time, cpus[0].exits[0]]));
  for (const frame of frames) relay.offer(frame);
  return seen;
}

test('what differs is sent at once', () => {
  expect(relayed(sample(1, 1), sample(2, 2), sample(3, 3))).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
});

test('of those that are alike one in ten is sent', () => {
  const frames = Array.from({ length: 31 }, (_, time) => sample(time, 5));
  expect(relayed(...frames).map(([time]) => time)).toEqual([0, 10, 20, 30]);
});

test('before a change comes the last that was left out, so that the change is known to have taken one interval', () => {
  expect(relayed(sample(1, 5), sample(2, 5), sample(3, 5), sample(4, 6))).toEqual([
    [1, 5],
    [3, 5],
    [4, 6],
  ]);
});

test('another run begins anew', () => {
  expect(relayed(sample(8, 5), sample(9, 5), sample(1, 5, 2))).toEqual([
    [8, 5],
    [1, 5],
  ]);
});

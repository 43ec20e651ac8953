import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Sample } from '../../preload/contract/machine';
import { Sampler } from './sampler';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A machine of one CPU, looked at every 100 ms; `sent` has time in ms and exits of what was sent. */
function sampled() {
  const sent: [time: number, exits: number][] = [];
  const machine = { exits: 1 };
  const begin = Date.now();
  const take = (): Sample => ({
    time: Date.now() - begin,
    cpus: [{ state: 0, rip: '1000', symbol: null, mode: 'long', exits: [machine.exits] }],
    network: null,
  });
  const sampler = new Sampler(100, take, ({ time, cpus }) => sent.push([time, cpus[0].exits[0]]));
  return { machine, sampler, sent };
}

test('what differs is sent each time', () => {
  const { machine, sent } = sampled();
  for (let i = 0; i < 3; i++) {
    vi.advanceTimersByTime(100);
    machine.exits++;
  }
  expect(sent).toEqual([
    [100, 1],
    [200, 2],
    [300, 3],
  ]);
});

test('before a change comes the last that was left out, so that the change is known to have taken one interval', () => {
  const { machine, sent } = sampled();
  vi.advanceTimersByTime(300);
  machine.exits++;
  vi.advanceTimersByTime(100);
  expect(sent).toEqual([
    [100, 1],
    [300, 1],
    [400, 2],
  ]);
});

test('while nothing happens one is sent every three seconds', () => {
  const { sent } = sampled();
  vi.advanceTimersByTime(9700);
  expect(sent.map(([time]) => time)).toEqual([100, 3600, 6600, 9600]);
});

test('whatever happens after that is counted from when it began, and looked at as often as before', () => {
  const { machine, sampler, sent } = sampled();
  vi.advanceTimersByTime(1000);
  machine.exits = 7;
  sampler.wake();
  vi.advanceTimersByTime(150);
  machine.exits = 8;
  vi.advanceTimersByTime(100);
  expect(sent.slice(1)).toEqual([
    [1000, 1],
    [1100, 7],
    [1200, 8],
  ]);
});

test('stops', () => {
  const { sampler, sent } = sampled();
  sampler.stop();
  vi.advanceTimersByTime(5000);
  expect(sent).toEqual([]);
});

import { expect, test } from 'vitest';
import { EventKind, IpiMode } from '../../../preload/contract/events';
import { MpState } from '../../../preload/contract/mp-state';
import { batch, ipi, logOf, mpState } from '../../timeline/testing/records';
import { CpuEvents } from './cpu-events';

const { UNINITIALIZED, INIT_RECEIVED } = MpState;
const exits = (time: number, cpu: number) => ({ time, kind: EventKind.EXIT, cpu, payload: [2, 1, 0, 0, 0] });

test('what a CPU did, sent and got, newest first, without its exits', () => {
  const log = logOf(
    4,
    ipi(10, 0, [1, 2], IpiMode.INIT),
    mpState(11, 1, UNINITIALIZED, INIT_RECEIVED),
    mpState(11, 2, UNINITIALIZED, INIT_RECEIVED),
    exits(12, 1),
    ipi(13, 1, [3], IpiMode.FIXED, 0x40),
  );
  const of = (cpu: number) => new CpuEvents(log, cpu).update().map(({ record }) => record);
  expect(of(0)).toEqual([0]);
  expect(of(1)).toEqual([4, 1, 0]);
  expect(of(2)).toEqual([2, 0]);
  expect(of(3)).toEqual([4]);
  const [newest] = new CpuEvents(log, 3).update();
  expect(newest.event).toMatchObject({ t: 13, kind: 'ipi', source: 1, targets: [3], vector: 0x40 });
});

test('later events come on top; without any, the list is the same one', () => {
  const log = logOf(2, ipi(10, 0, [1], IpiMode.INIT));
  const events = new CpuEvents(log, 1);
  const first = events.update();
  log.append(batch(exits(11, 1)), 1);
  expect(events.update()).toBe(first);
  log.append(batch(ipi(12, 0, [1], IpiMode.SIPI, 8)), 2);
  expect(events.update().map(({ record }) => record)).toEqual([2, 0]);
});

test('a CPU of a later group of 64', () => {
  const log = logOf(128, ipi(10, 0, [70], IpiMode.NMI), ipi(11, 0, [6], IpiMode.NMI));
  expect(new CpuEvents(log, 70).update().map(({ record }) => record)).toEqual([0]);
});

test('no more than some hundred are kept', () => {
  const records = Array.from({ length: 1000 }, (_, i) => ipi(i, 0, [1], IpiMode.NMI));
  const list = new CpuEvents(logOf(2, ...records), 1).update();
  expect(list).toHaveLength(300);
  expect(list[0].record).toBe(999);
});

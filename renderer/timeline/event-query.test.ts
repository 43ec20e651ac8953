import { expect, test } from 'vitest';
import { Decision, EventKind, IpiMode, PolicyAct } from '../../preload/contract/events';
import { MpState } from '../../preload/contract/mp-state';
import { parseCpus, formatCpus } from './cpu-ranges';
import { EVERYTHING, type EventQuery, recordTest } from './event-query';
import { MatchList } from './match-list';
import { neighbour, nextPassing, nextStartUp } from './navigate';
import { ipi, logOf, mpState, policy } from './testing/records';
import { TimelineModel } from './timeline-model';

const log = logOf(
  80,
  mpState(0, 0, MpState.UNINITIALIZED, MpState.RUNNABLE),
  ipi(10, 0, [1, 70].slice(0, 1), IpiMode.INIT),
  mpState(10, 1, MpState.UNINITIALIZED, MpState.INIT_RECEIVED),
  ipi(20, 0, [1], IpiMode.SIPI, 8, Decision.DROP | (1 << 8)),
  ipi(30, 0, [70], IpiMode.SIPI, 8),
  ipi(40, 3, [1], IpiMode.FIXED, 0x41),
  { time: 50, kind: EventKind.POST, cpu: 1, payload: [0x42] },
  ...policy(60, PolicyAct.LOADED, 'drop-sipi'),
);

function found(query: Partial<EventQuery>): number[] {
  const list = new MatchList(log, recordTest(log, { ...EVERYTHING, ...query }, true));
  expect(list.update(Infinity)).toBe(true);
  return Array.from({ length: list.length }, (_, place) => list.record(place));
}

test.each<[string, Partial<EventQuery>, number[]]>([
  ['nothing asked for: all but pieces of texts', {}, [0, 1, 2, 3, 4, 5, 6, 8]],
  ['one category', { categories: ['sipi'] }, [4]],
  ['what a policy decided and did', { categories: ['policy'] }, [3, 8]],
  ['no category', { categories: [] }, []],
  ['a CPU, also as the target', { cpus: [1] }, [1, 2, 3, 5, 6]],
  ['a CPU of another group of 64', { cpus: [70] }, [4]],
  ['words', { text: 'SIPI lost' }, [3]],
  ['an author', { text: 'drop-sipi' }, [3, 8]],
  ['a vector', { text: '0x08' }, [3, 4]],
  ['a CPU in words', { text: 'cpu 3' }, [5]],
  ['a CPU and a word', { text: 'post cpu1' }, [6]],
  ['words that nothing has', { text: 'nothing' }, []],
])('%s', (_, query, expected) => {
  expect(found(query)).toEqual(expected);
});

test('a search goes on in steps, and takes what comes later', () => {
  const growing = logOf(80, mpState(0, 1, 1, 2));
  const list = new MatchList(growing, recordTest(growing, { ...EVERYTHING, text: 'halted' }, false));
  expect([list.update(0), list.length]).toEqual([true, 0]);
  growing.append(new Uint32Array([5, 0, EventKind.MP_STATE | (1 << 16), 0, 3, 0, 0xffffffff, 0]).buffer, 1);
  list.update(0);
  expect(list.record(0)).toBe(1);
});

test('from one event to the next', () => {
  const model = new TimelineModel(log);
  model.update();
  const at = (record: number): { time: number; record: number } => ({ time: log.time(record), record });
  expect(nextStartUp(model, { time: 0, record: -1 }, 'next')).toBe(1);
  expect(nextStartUp(model, at(1), 'next')).toBe(3);
  expect(nextStartUp(model, at(3), 'next')).toBe(4);
  expect(nextStartUp(model, at(4), 'next')).toBe(null);
  expect(nextStartUp(model, at(4), 'previous')).toBe(3);
  expect(nextStartUp(model, at(1), 'previous')).toBe(null);
  expect(nextPassing(log, (record) => record > 4, 1, 'next')).toBe(5);
  expect(nextPassing(log, null, null, 'previous')).toBe(8);
  const list = new MatchList(log, (record) => record % 2 === 0);
  list.update(Infinity);
  expect([neighbour(list, 2, 'next'), neighbour(list, 3, 'previous'), neighbour(list, 8, 'next')]).toEqual([
    4,
    2,
    null,
  ]);
});

test('the bring-up is from the first CPU that is called to the last that runs', () => {
  const model = new TimelineModel(
    logOf(
      3,
      mpState(0, 0, MpState.UNINITIALIZED, MpState.RUNNABLE),
      ...[1, 2].flatMap((cpu) => [
        mpState(cpu * 100, cpu, MpState.UNINITIALIZED, MpState.INIT_RECEIVED),
        mpState(cpu * 100 + 10, cpu, MpState.INIT_RECEIVED, MpState.SIPI_RECEIVED),
        mpState(cpu * 100 + 11, cpu, MpState.SIPI_RECEIVED, MpState.RUNNABLE),
        mpState(cpu * 100 + 50, cpu, MpState.RUNNABLE, MpState.HALTED),
      ]),
    ),
  );
  model.update();
  expect(model.bringUp()).toEqual({ from: 100, to: 211 });
});

test('CPUs as people write them', () => {
  expect(parseCpus('0, 4-7,5', 8)).toEqual([0, 4, 5, 6, 7]);
  expect(parseCpus(' ', 8)).toEqual([]);
  expect(parseCpus('8', 8)).toBe('"8" is not within CPUs 0 to 7.');
  expect(parseCpus('5-4', 8)).toContain('is not within');
  expect(parseCpus('a', 8)).toBe('"a" is neither a CPU nor a range such as 4-7.');
  expect(formatCpus([0, 4, 5, 6, 9])).toBe('0, 4-6, 9');
});

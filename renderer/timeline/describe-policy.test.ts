import { expect, test } from 'vitest';
import { Decision, EventKind, IPI_RELEASED, IpiMode, NO_CPU, PolicyAct } from '../../preload/contract/events';
import { inputPayloads } from '../../preload/contract/serial-input';
import { category, decisionLabel, describe } from './describe';
import { decided, ipi, logOf, policy } from './testing/records';
import { TimelineModel } from './timeline-model';

const BY_POLICY = 1 << 8;
const released = ipi(70, 0, [1], IpiMode.SIPI, 8, Decision.DELIVER | BY_POLICY);
released.payload[0] |= IPI_RELEASED;

const log = logOf(
  4,
  ...policy(0, PolicyAct.LOADED, 'manual'),
  ipi(20, 0, [1], IpiMode.SIPI, 8, Decision.HOLD | BY_POLICY),
  ...decided(20, 1, Decision.HOLD, 'waits for a command'),
  ipi(30, 0, [2], IpiMode.SIPI, 8, Decision.DELAY | BY_POLICY),
  ...decided(30, 2, Decision.DELAY, '', [5_000_000, 0]),
  ...policy(60, PolicyAct.COMMAND, 'release cpu=1'),
  released,
  ...policy(80, PolicyAct.DUTY_CYCLE, '', 2, [100, 1000]),
  ...policy(90, PolicyAct.FAULT, 'TypeError: it is not there', undefined),
);

/** Numbers of the records of a kind. */
function all(kind: number): number[] {
  return Array.from({ length: log.length }, (_, record) => record).filter((record) => log.kind(record) === kind);
}

test('an IPI that was withheld tells by whom and why', () => {
  const [held, delayed, late] = all(EventKind.IPI);
  expect(describe(log, held).text).toBe('SIPI 0x08 to CPU 1: held by manual');
  expect(Object.fromEntries(describe(log, held).fields)).toMatchObject({
    by: 'manual',
    reason: 'waits for a command',
    otherwise: 'delivered',
  });
  expect(Object.fromEntries(describe(log, delayed).fields)).toMatchObject({ 'by time': '5ms' });
  expect(decisionLabel(log, held)).toBe('SIPI 0x08 held by manual');
  expect(describe(log, late).text).toBe('SIPI 0x08 to CPU 1: released by manual');
  expect(Object.fromEntries(describe(log, late).fields)).not.toHaveProperty('derived');
  expect([held, late].map((record) => category(log, record))).toEqual(['policy', 'sipi']);
});

test('decisions and acts are sentences with their author', () => {
  expect(all(EventKind.DECISION).map((record) => describe(log, record).text)).toEqual([
    'SIPI 0x08 held by manual',
    'SIPI 0x08 delayed by manual',
  ]);
  expect(all(EventKind.POLICY).map((record) => describe(log, record).text)).toEqual([
    'manual takes part in this run',
    'manual was told: release cpu=1',
    'manual lets it run 100us of each 1ms',
    'manual failed, and is asked no more: TypeError: it is not there',
  ]);
});

test('what policies do is marked, on the machine’s row or at the CPU', () => {
  const model = new TimelineModel(log);
  model.update();
  const [, told, duty, fault] = all(EventKind.POLICY);
  const marked = (marks: TimelineModel['cpuMarks']): number[] =>
    Array.from({ length: marks.length }, (_, mark) => marks.record(mark));
  expect(marked(model.machineMarks)).toEqual([told, fault]);
  expect(marked(model.cpuMarks)).toEqual([duty]);
  expect(model.arrows.policy.length).toBe(2);
});

test('serial input is a sentence with what came, and a mark on the machine’s row', () => {
  const [payload] = inputPayloads(0, 0x89abcdef, new TextEncoder().encode('park 1\r'));
  const typed = logOf(2, { time: 5, kind: EventKind.SERIAL_INPUT, cpu: NO_CPU, payload });
  expect(describe(typed, 0).text).toBe('input of COM1: "park 1\\r"');
  expect(Object.fromEntries(describe(typed, 0).fields)).toMatchObject({ port: 'COM1', position: '0x89abcdef' });
  expect(category(typed, 0)).toBe('serial');
  const model = new TimelineModel(typed);
  model.update();
  expect(model.machineMarks.length).toBe(1);
});

test('a fault is known until the source is changed, a verdict for ever', () => {
  const growing = logOf(4, ...policy(0, PolicyAct.LOADED, 'mine'), ...policy(1, PolicyAct.FAULT, 'broken'));
  expect([...growing.policies.faults]).toEqual([[1, 'broken']]);
  const more = logOf(
    4,
    ...policy(0, PolicyAct.FAULT, 'broken'),
    ...policy(2, PolicyAct.RELOADED),
    ...policy(3, PolicyAct.VERDICT, 'CPU 2 never came', undefined, [1]),
    ...policy(4, PolicyAct.VERDICT, 'too late', undefined, [0]),
  );
  expect(more.policies.faults.size).toBe(0);
  expect(more.policies.verdict).toEqual({ author: 1, verdict: 'fail', reason: 'CPU 2 never came' });
});

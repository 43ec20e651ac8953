import { expect, test } from 'vitest';
import { Decision, EventKind, IPI_ADDRESSED, IPI_LOGICAL, IpiMode, NO_CPU } from './events';
import { MpState } from './mp-state';
import { type RawRecord, batch, ipi, mpState } from '../../main/app/testing/event-batch';
import { type MachineEvent, MachineEventDecoder } from './machine-events';

function decode(cpus: number, ...batches: RawRecord[][]): MachineEvent[] {
  const decoder = new MachineEventDecoder(cpus);
  const events = batches.flatMap((records) => [...decoder.decode(batch(...records))]);
  return [...events, ...decoder.end()];
}

test('every kind of record', () => {
  const record = (kind: number, cpu: number, ...payload: number[]): RawRecord => ({
    time: 2 ** 40,
    kind,
    cpu,
    payload,
  });
  const t = 2 ** 40;
  expect(
    decode(4, [
      mpState(t, 1, MpState.INIT_RECEIVED, MpState.SIPI_RECEIVED),
      record(EventKind.IPI, NO_CPU, 8 | (IpiMode.SIPI << 8) | (1 << 16), Decision.IGNORED | (3 << 8), 0, 0b1010, 0),
      record(EventKind.EXIT, 2, 5, 7),
      record(EventKind.SERIAL_LINE, 2, 1, 2 ** 32 - 1),
      record(EventKind.SERIAL_LOST, NO_CPU, 1, 20),
      record(EventKind.MACHINE, NO_CPU, 1, 7, 2),
      record(EventKind.MACHINE, NO_CPU, 3),
      record(EventKind.MACHINE, 2, 4),
      record(EventKind.MACHINE, NO_CPU, 5),
      record(EventKind.LOST, NO_CPU, 99),
      record(EventKind.POST, 0, 0x55),
      record(EventKind.UNCLAIMED, 0, 1, 0x1000, 1, 1),
      record(EventKind.SERIAL_INPUT, NO_CPU, 1 | (5 << 8), 0x9000_0001, 0x6b726170, 0x0a, 0),
      record(EventKind.SERIAL_INPUT, NO_CPU, 0 | (1 << 8), 0, 0x1b, 0, 0),
      record(EventKind.KEY, NO_CPU, 0xe072, 0x9000_0001, 1),
      record(EventKind.KEY, NO_CPU, 0x1c),
      record(EventKind.POWER_BUTTON, NO_CPU, 0, 0x9000_0001),
      record(200, 0, 1),
    ]),
  ).toEqual([
    { t, cpu: 1, kind: 'mp-state', from: 'INIT_RECEIVED', to: 'SIPI_RECEIVED', derived: false },
    {
      t,
      cpu: null,
      kind: 'ipi',
      source: null,
      targets: [1, 3],
      mode: 'sipi',
      vector: 8,
      decision: 'ignored',
      author: 3,
      derived: true,
    },
    { t, cpu: 2, kind: 'exit', reason: 'hlt', count: 7 },
    { t, cpu: 2, kind: 'serial-line', port: 1, end: 2 ** 32 - 1 },
    { t, cpu: null, kind: 'serial-lost', port: 1, count: 20 },
    { t, cpu: null, kind: 'machine', change: 'started', monotonicNs: 2 * 2 ** 32 + 7 },
    { t, cpu: null, kind: 'machine', change: 'ended' },
    { t, cpu: 2, kind: 'machine', change: 'paused' },
    { t, cpu: null, kind: 'machine', change: 'resumed' },
    { t, cpu: null, kind: 'lost', count: 99 },
    { t, cpu: 0, kind: 'post', code: 0x55 },
    { t, cpu: 0, kind: 'unclaimed', space: 'memory', address: 0x1_0000_1000, write: true },
    { t, cpu: null, kind: 'serial-input', port: 1, bytes: '7061726b0a', position: 0x9000_0001 },
    { t, cpu: null, kind: 'serial-input', port: 0, bytes: '1b' },
    { t, cpu: null, kind: 'key', code: 'ArrowDown', down: true, position: 0x9000_0001 },
    { t, cpu: null, kind: 'key', code: 'KeyA', down: false },
    { t, cpu: null, kind: 'power-button', position: 0x9000_0001 },
  ]);
});

test('an IPI that no CPU receives has no targets, but the destination that was meant; nothing is held for it', () => {
  const to = (address: number, upper = 0): RawRecord => ({
    time: 5,
    kind: EventKind.IPI,
    cpu: 0,
    payload: [8 | (IpiMode.SIPI << 8) | address, Decision.IGNORED, upper, 0, 0],
  });
  const decoder = new MachineEventDecoder(200);
  const physical = to(IPI_ADDRESSED | (0xfe << 24));
  const logical = to(IPI_ADDRESSED | IPI_LOGICAL | (0x0c << 24));
  const events = [...decoder.decode(batch(physical, logical, to(IPI_ADDRESSED | (0xfe << 24), 0xffffff), to(0)))];
  const common = {
    t: 5,
    cpu: 0,
    kind: 'ipi',
    source: 0,
    targets: [],
    mode: 'sipi',
    vector: 8,
    decision: 'ignored',
    derived: false,
  };
  expect(events).toEqual([
    { ...common, destination: 0xfe, logical: false },
    { ...common, destination: 0x0c, logical: true },
    { ...common, destination: 0xfffffffe, logical: false },
    common,
  ]);
});

test('one ICR write to several groups of CPUs is one event, also across batches', () => {
  const targets = [1, 63, 64, 130, 199];
  const records = ipi(5, 0, targets, IpiMode.INIT, 0);
  expect(records).toHaveLength(4);
  const whole = decode(200, records);
  expect(whole).toMatchObject([{ kind: 'ipi', targets }]);
  for (let cut = 0; cut <= records.length; cut++) {
    expect(decode(200, records.slice(0, cut), records.slice(cut))).toEqual(whole);
  }
});

test('what differs, or comes again for the same group, is an event of its own', () => {
  const again = [...ipi(5, 0, [70], IpiMode.FIXED, 0x40), ...ipi(5, 0, [70], IpiMode.FIXED, 0x40)];
  expect(decode(200, again)).toHaveLength(2);
  for (const other of [
    ipi(6, 0, [70], IpiMode.INIT, 0),
    ipi(5, 1, [70], IpiMode.INIT, 0),
    ipi(5, 0, [70], IpiMode.SIPI, 0),
    ipi(5, 0, [70], IpiMode.INIT, 1),
    ipi(5, 0, [70], IpiMode.INIT, 0, Decision.IGNORED),
  ]) {
    expect(decode(200, [...ipi(5, 0, [1], IpiMode.INIT, 0), ...other])).toHaveLength(2);
  }
});

test('nothing is held back where no further group can follow', () => {
  const decoder = new MachineEventDecoder(64);
  expect([...decoder.decode(batch(...ipi(5, 0, [1], IpiMode.INIT, 0)))]).toHaveLength(1);
});

test('order is kept around an IPI that is held', () => {
  const state = mpState(6, 1, MpState.UNINITIALIZED, MpState.INIT_RECEIVED);
  const kinds = decode(200, [...ipi(5, 0, [1], IpiMode.INIT, 0), state]).map(({ kind }) => kind);
  expect(kinds).toEqual(['ipi', 'mp-state']);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decision, EventKind, IpiMode, MachineChange, NO_CPU } from '../../preload/contract/events';
import { SCAN_CODES } from '../../preload/contract/keys';
import { inputPayloads } from '../../preload/contract/serial-input';
import type { ExportFormat } from '../../preload/contract/channels';
import { AppError } from './errors';
import { exportEvents } from './event-export';
import { EventHistory } from './history';
import { type RawRecord, batch, ipi, mpState } from './testing/event-batch';
import { readTrace } from './trace-files';

const CPUS = 130;
const machine = { guest: 'herd', apicIds: Array.from({ length: CPUS }, (_, cpu) => cpu * 2) };

function exported(format: ExportFormat, records: RawRecord[]): Uint8Array {
  const history = new EventHistory();
  history.append(new Uint8Array(batch(...records)));
  return exportEvents(format, 'run', machine, history).bytes;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesOf = (content: string): Uint8Array => new TextEncoder().encode(content);

const cpu = fc.nat(CPUS - 1);
const time = fc.nat(2 ** 40);
const word = fc.nat(2 ** 32 - 1);
const state = fc.nat(4);
const raw = (
  kind: number,
  ofCpu: fc.Arbitrary<number>,
  ...payload: fc.Arbitrary<number>[]
): fc.Arbitrary<RawRecord[]> =>
  fc.tuple(time, ofCpu, fc.tuple(...payload)).map(([at, of, words]) => [{ time: at, kind, cpu: of, payload: words }]);
const none = fc.constant(NO_CPU);

/** The records of one event each, as a machine writes them. */
const event: fc.Arbitrary<RawRecord[]> = fc.oneof(
  raw(EventKind.MP_STATE, cpu, state, state, fc.nat(1), fc.oneof(fc.nat(255), fc.constant(-1))),
  fc
    .tuple(
      time,
      fc.option(cpu),
      fc.uniqueArray(cpu, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(...Object.values(IpiMode)),
    )
    .chain(([at, source, targets, mode]) =>
      fc
        .tuple(fc.nat(255), fc.constantFrom(...Object.values(Decision)), fc.nat(5))
        .map(([vector, decision, author]) => ipi(at, source, targets, mode, vector, decision | (author << 8))),
    ),
  raw(EventKind.EXIT, cpu, fc.nat(47), word),
  raw(EventKind.SERIAL_LINE, cpu, fc.nat(3), word),
  raw(EventKind.SERIAL_LOST, none, fc.nat(3), word),
  fc.tuple(time, fc.nat(6), word, fc.uint8Array({ minLength: 1, maxLength: 12 })).map(([at, port, position, bytes]) =>
    inputPayloads(port, position, bytes).map((payload) => ({
      time: at,
      kind: EventKind.SERIAL_INPUT,
      cpu: NO_CPU,
      payload,
    })),
  ),
  raw(EventKind.KEY, none, fc.constantFrom(...SCAN_CODES.values()), word, fc.nat(1)),
  raw(EventKind.POWER_BUTTON, none, fc.constant(0), word),
  raw(EventKind.MACHINE, none, fc.constant(MachineChange.STARTED), word, fc.nat(2 ** 20)),
  raw(EventKind.MACHINE, none, fc.constantFrom(MachineChange.THREADS_READY, MachineChange.ENDED)),
  raw(EventKind.LOST, none, word),
  raw(EventKind.POST, cpu, word),
  raw(EventKind.UNCLAIMED, cpu, fc.nat(1), word, fc.nat(2 ** 20), fc.nat(1)),
);
const records = fc.array(event, { minLength: 1, maxLength: 40 }).map((events) => events.flat());

describe.each(['json-lines', 'perfetto'] as const)('%s', (format) => {
  test('what was exported is opened again as the same records', () => {
    fc.assert(
      fc.property(records, (list) => {
        const found = readTrace('run', exported(format, list));
        expect(Buffer.from(found.bytes).equals(Buffer.from(batch(...list)))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('a file that is cut or damaged is opened or refused by a sentence, and nothing else', () => {
    const whole = exported(format, [mpState(5, 1, 1, 2), ...ipi(9, 0, [1, 129], IpiMode.SIPI, 8), mpState(9, 1, 2, 4)]);
    const damage = fc.record({
      cut: fc.nat(whole.length),
      at: fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(damage, ({ cut, at }) => {
        const damaged = whole.slice(0, whole.length - cut);
        for (const [index, value] of at) if (index < damaged.length) damaged[index] = value;
        expectOpenedOrRefused(damaged);
      }),
      { numRuns: 2000 },
    );
  });
});

function expectOpenedOrRefused(bytes: Uint8Array): void {
  try {
    expect(readTrace('x', bytes).bytes.length % 32).toBe(0);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.message).toMatch(/^x cannot be opened: .*\.$/s);
  }
}

test('any bytes at all are opened or refused', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectOpenedOrRefused), { numRuns: 3000 });
});

test('a trace tells CPUs and the BSP; APIC ids where it has them', () => {
  const list = [mpState(0, 3, 1, 0), mpState(5, 1, 1, 2)];
  expect(readTrace('run', exported('perfetto', list))).toMatchObject({ apicIds: machine.apicIds, bsp: 3 });
  expect(readTrace('run', exported('json-lines', list))).toMatchObject({ apicIds: [0, 1, 2, 3], bsp: 3 });
});

const LINE = '{"t":5,"cpu":1,"kind":"post","code":66}';

test.each([
  ['nothing', '', 'it is empty'],
  ['a line that is no JSON', `${LINE}\n{"t":\n`, 'line 2 is not JSON'],
  ['an event of no kind', '{"t":1,"cpu":null,"kind":"x"}', 'line 1 is not an event'],
  ['a negative time', LINE.replace('5', '-5'), 'line 1 is not an event'],
  ['a field too many', LINE.replace('}', ',"x":1}'), 'line 1 is not an event'],
  [
    'a state that there is not',
    '{"t":1,"cpu":1,"kind":"mp-state","from":"A","to":"HALTED","derived":false}',
    '"A" is not an MP state (from)',
  ],
  ['a CPU beyond all', LINE.replace('"cpu":1', '"cpu":4096'), 'line 1 is not an event'],
  ['an endless line', `{"x":"${'y'.repeat(70_000)}"}`, 'line 1 is longer than 65536 bytes'],
  ['something else', 'hello', 'it is not a Perfetto trace'],
])('refused: %s', (_, content, reason) => {
  expect(() => readTrace('events.jsonl', bytesOf(content))).toThrow(reason);
});

test('blank lines, a missing last newline and a byte order mark do no harm', () => {
  expect(readTrace('a', bytesOf(`\uFEFF${LINE}\n\n${LINE}`)).bytes.length).toBe(64);
});

test('CSV has a column for each field and a row for each event', () => {
  const [head, first, second] = text(
    exported('csv', [...ipi(9, 0, [1, 2], IpiMode.SIPI, 8), mpState(9, 1, 2, 4)]),
  ).split('\n');
  const row = (line: string): Record<string, string> =>
    Object.fromEntries(head.split(',').map((name, n) => [name, line.split(',')[n]]));
  expect(row(first)).toMatchObject({
    t: '9',
    cpu: '0',
    kind: 'ipi',
    targets: '1 2',
    mode: 'sipi',
    vector: '8',
    from: '',
  });
  expect(row(second)).toMatchObject({ kind: 'mp-state', from: 'INIT_RECEIVED', to: 'SIPI_RECEIVED', targets: '' });
});

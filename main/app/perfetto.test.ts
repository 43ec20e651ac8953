import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';
import type { IpiEvent, MachineEvent } from '../../preload/contract/machine-events';
import { PerfettoWriter } from './perfetto';

type Field = number | string | Uint8Array;

/** A message's fields, by number, undecoded beyond the wire. */
function fields(bytes: Uint8Array): Map<number, Field[]> {
  const found = new Map<number, Field[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value =
      type === WireType.Varint
        ? Number(reader.uint64())
        : type === WireType.Bit64
          ? Number(reader.fixed64())
          : reader.bytes();
    found.set(number, [...(found.get(number) ?? []), value]);
  }
  return found;
}

const text = (field: Field | undefined): string | undefined =>
  field instanceof Uint8Array ? new TextDecoder().decode(field) : undefined;

interface Decoded {
  tracks: Map<number, { name: string | undefined; parent: Field | undefined }>;
  events: { time: number; track: number; type: number; name: string | undefined; out: Field[]; in: Field[] }[];
}

/** Numbers are written out here once more, from the .proto files. */
function decode(trace: Uint8Array): Decoded {
  const decoded: Decoded = { tracks: new Map(), events: [] };
  for (const packet of fields(trace).get(1) ?? []) {
    const content = fields(packet as Uint8Array);
    expect(content.get(10)).toEqual([1]);
    const [descriptor] = content.get(60) ?? [];
    const [event] = content.get(11) ?? [];
    if (descriptor !== undefined) {
      const track = fields(descriptor as Uint8Array);
      decoded.tracks.set(track.get(1)![0] as number, { name: text(track.get(2)?.[0]), parent: track.get(5)?.[0] });
    }
    if (event !== undefined) {
      const body = fields(event as Uint8Array);
      decoded.events.push({
        time: content.get(8)![0] as number,
        track: body.get(11)![0] as number,
        type: body.get(9)![0] as number,
        name: text(body.get(23)?.[0]),
        out: body.get(47) ?? [],
        in: body.get(48) ?? [],
      });
    }
  }
  return decoded;
}

const [BEGIN, END, INSTANT] = [1, 2, 3];

function state(t: number, cpu: number, to: 'INIT_RECEIVED' | 'SIPI_RECEIVED' | 'RUNNABLE'): MachineEvent {
  return { t, cpu, kind: 'mp-state', from: 'UNINITIALIZED', to, derived: false };
}

function sipi(t: number, source: number | null, targets: number[], decision = 'deliver'): IpiEvent {
  return { t, cpu: source, kind: 'ipi', source, targets, mode: 'sipi', vector: 8, decision, derived: false };
}

function write(...events: MachineEvent[]): Decoded {
  const writer = new PerfettoWriter([0, 4, 8], 'Reveille');
  const parts = [writer.take()];
  for (const event of events) {
    writer.add(event);
    parts.push(writer.take());
  }
  writer.end(1000);
  return decode(Buffer.concat([...parts, writer.take()]));
}

test('a track for each CPU, beneath the machine', () => {
  const { tracks } = write();
  const [machine, ...cpus] = [...tracks];
  expect(cpus.map(([, { name }]) => name)).toEqual(['CPU 0 (apic 0)', 'CPU 1 (apic 4)', 'CPU 2 (apic 8)']);
  expect(cpus.every(([, { parent }]) => parent === machine[0])).toBe(true);
});

test('the states of a CPU follow each other without a gap, from 0 to the end', () => {
  const { events } = write(state(10, 1, 'INIT_RECEIVED'), state(20, 1, 'SIPI_RECEIVED'), state(30, 1, 'RUNNABLE'));
  const track = events.find(({ time, type }) => time === 10 && type === BEGIN)!.track;
  expect(events.filter((event) => event.track === track).map(({ time, type, name }) => [time, type, name])).toEqual([
    [0, BEGIN, 'UNINITIALIZED'],
    [10, END, undefined],
    [10, BEGIN, 'INIT_RECEIVED'],
    [20, END, undefined],
    [20, BEGIN, 'SIPI_RECEIVED'],
    [30, END, undefined],
    [30, BEGIN, 'RUNNABLE'],
    [1000, END, undefined],
  ]);
});

test('records that come out of order pair all the same', () => {
  const { events } = write(state(20, 1, 'INIT_RECEIVED'), state(10, 1, 'SIPI_RECEIVED'));
  const times = events.filter(({ track }) => track === events.at(-2)!.track).map(({ time }) => time);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test('an arrow leads from the sender to each target, none to itself', () => {
  const { events } = write(sipi(10, 0, [0, 1, 2]), sipi(20, 0, [1], 'ignored'));
  const instants = events.filter(({ type }) => type === INSTANT);
  expect(instants.map(({ name }) => name)).toEqual([
    'sipi 0x08 sent',
    'sipi 0x08',
    'sipi 0x08',
    'sipi 0x08',
    'sipi 0x08 sent',
    'sipi 0x08 (ignored)',
  ]);
  expect(instants.map((instant) => instant.out)).toEqual([[1, 2], [], [], [], [3], []]);
  expect(instants.map((instant) => instant.in)).toEqual([[], [], [1], [2], [], [3]]);
  expect(new Set(instants.slice(0, 4).map(({ track }) => track)).size).toBe(3);
});

test('an IPI that no CPU receives shows at its sender', () => {
  const { events } = write({ ...sipi(10, 0, [], 'ignored'), destination: 9, logical: false });
  const instants = events.filter(({ type }) => type === INSTANT);
  expect(instants.map(({ name, out }) => [name, out])).toEqual([['sipi 0x08 sent to no cpu', []]]);
});

test('an unseen sender has no arrow', () => {
  const instants = write(sipi(10, null, [1])).events.filter(({ type }) => type === INSTANT);
  expect(instants).toHaveLength(1);
  expect(instants[0].in).toEqual([]);
});

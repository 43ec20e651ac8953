import { beforeEach, describe, expect, test } from 'vitest';
import { decodeEvents, EventKind } from '../../preload/contract/events';
import { Mutex } from '../base/mutex';
import { Doorbell } from './doorbell';
import { EventReader, EventWriter } from './event-ring';
import { PolicyQueue, Want } from './policy-queue';
import { SerialReader, SerialWriter } from './serial-ring';
import { MachineMemory, MachineWord } from './shared-memory';
import { heldWord } from './standstill';
import { PortSink } from './port-sink';

const SHAPE = { cpus: 1, ramSize: 0, needs: { runSize: 4096, staticBytes: 0, engineBytes: 0 } };
const PORT = 1;
const NOW = 5000;
const text = (said: string) => new TextEncoder().encode(said);

let sink: PortSink;
let reader: SerialReader;
let events: EventReader;
let policies: PolicyQueue;

beforeEach(() => {
  const memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(SHAPE)), SHAPE);
  const doorbell = new Doorbell(memory.words);
  const clock = { now: () => NOW };
  const lock = new Mutex(memory.words, MachineWord.LOCK);
  const output = new SerialWriter(memory, PORT, lock, doorbell, heldWord(memory, 0));
  reader = new SerialReader(memory, PORT);
  events = new EventReader(memory);
  policies = new PolicyQueue(memory);
  const written = new EventWriter(memory, clock, doorbell);
  sink = new PortSink({ port: PORT, cpu: 0, output, doorbell, events: written, policies, clock });
});

/** Positions behind the ends of lines, as events say them. */
function ends(): number[] {
  const batch = events.take();
  return batch === null
    ? []
    : [...decodeEvents(batch)].map(({ kind, cpu, time, payload }) => {
        expect([kind, cpu, time, payload[0]]).toEqual([EventKind.SERIAL_LINE, 0, NOW, PORT]);
        return payload[1];
      });
}

describe.each([
  ['byte by byte', (bytes: Uint8Array) => bytes.forEach((byte) => sink.transmit(byte))],
  ['as a run', (bytes: Uint8Array) => sink.transmitRun(bytes, 0, bytes.length)],
])('%s', (_, send) => {
  test('each end of a line is an event with the position behind it', () => {
    send(text('a\n\nbc'));
    send(text('d\r\nand more'));
    expect(new TextDecoder().decode(reader.take())).toBe('a\n\nbcd\r\nand more');
    expect(ends()).toEqual([2, 3, 8]);
  });

  test('policies that listen to this port hear each line', () => {
    policies.want(Want.SERIAL << PORT);
    send(text('one\ntwo\r\nthr'));
    send(text('ee\n'));
    expect([policies.take()?.line, policies.take()?.line, policies.take()?.line]).toEqual(['one', 'two', 'three']);
  });
});

test('of a run only what is asked for goes out', () => {
  sink.transmitRun(text('one\ntwo\nthree\n'), 4, 10);
  expect(new TextDecoder().decode(reader.take())).toBe('two\nth');
  expect(ends()).toEqual([4]);
});

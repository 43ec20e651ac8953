import { beforeEach, describe, expect, test } from 'vitest';
import { decodeEvents, EVENT_WORDS, EventKind, type EventRecord, NO_CPU } from '../../preload/contract/events';
import { joined, ThreadCode } from '../../test/support/thread';
import { Doorbell } from './doorbell';
import { EventReader, EventWriter } from './event-ring';
import { EVENT_CAPACITY, MachineMemory, MachineWord } from './shared-memory';
import { type EventWriterThread, KIND, wordsOf } from './testing/event-writer-thread';

const SHAPE = { cpus: 1, ramSize: 0, needs: { runSize: 4096, staticBytes: 0, engineBytes: 0 } };

let memory: MachineMemory;
let writer: EventWriter;
let reader: EventReader;
let now: number;

beforeEach(() => {
  memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(SHAPE)), SHAPE);
  writer = new EventWriter(memory, { now: () => now }, new Doorbell(memory.words));
  reader = new EventReader(memory);
  now = 0;
});

function taken(): EventRecord[] {
  const batch = reader.take();
  return batch === null ? [] : [...decodeEvents(batch)];
}

test('an empty ring gives nothing', () => {
  expect(reader.take()).toBeNull();
  expect(reader).toMatchObject({ taken: 0, lost: 0 });
});

test('a record comes out as it was written, once', () => {
  now = 2 ** 45 + 7;
  writer.write(EventKind.IPI, NO_CPU, 1, -1, 0x80000000, 2 ** 31 - 1, 5);
  expect(taken()).toEqual([
    { time: 2 ** 45 + 7, kind: EventKind.IPI, cpu: NO_CPU, payload: [1, 0xffffffff, 0x80000000, 2 ** 31 - 1, 5] },
  ]);
  expect(reader.take()).toBeNull();
  expect(reader.taken).toBe(1);
});

test('records of one occurrence can share a time', () => {
  now = 9;
  writer.writeAt(5, EventKind.POST, 0, 0x42);
  expect(taken()).toMatchObject([{ time: 5, kind: EventKind.POST, cpu: 0, payload: [0x42, 0, 0, 0, 0] }]);
});

test('the doorbell rings', () => {
  writer.write(EventKind.POST, 0);
  expect(memory.words[MachineWord.DOORBELL]).toBe(1);
});

test('nothing of the last round shows in a slot that is used again', () => {
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < EVENT_CAPACITY; i++) writer.write(EventKind.POST, 1, ...(round === 0 ? [9, 9, 9, 9, 9] : [i]));
    const records = taken();
    expect(records).toHaveLength(EVENT_CAPACITY);
    if (round === 1) expect(records.every(({ payload }, i) => payload.join() === `${i},0,0,0,0`)).toBe(true);
  }
});

test('what another thread has reserved but not yet written holds back what comes after, and is not lost', () => {
  writer.write(EventKind.POST, 0, 1);
  const slot = (memory.words[MachineWord.EVENT_HEAD]++ % EVENT_CAPACITY) * EVENT_WORDS;
  writer.write(EventKind.POST, 0, 3);
  expect(taken().map(({ payload }) => payload[0])).toEqual([1]);
  expect(taken()).toEqual([]);
  memory.events()[slot + 3] = 2;
  Atomics.store(memory.events(), slot + 2, EventKind.POST);
  expect(taken().map(({ payload }) => payload[0])).toEqual([2, 3]);
});

test('a ring more than half full presses, until its reader takes', () => {
  for (let i = 0; i < EVENT_CAPACITY / 2; i++) writer.write(EventKind.POST, 0, i);
  expect(reader.pressing).toBe(false);
  writer.write(EventKind.POST, 0);
  expect(reader.pressing).toBe(true);
  reader.take();
  expect(reader.pressing).toBe(false);
});

test('the counts may run over', () => {
  memory.words[MachineWord.EVENT_HEAD] = memory.words[MachineWord.EVENT_TAIL] = 0x7ffffffe;
  for (let i = 0; i < 5; i++) writer.write(EventKind.POST, 0, i);
  expect(taken().map(({ payload }) => payload[0])).toEqual([0, 1, 2, 3, 4]);
  expect(memory.words[MachineWord.EVENT_TAIL]).toBe(-0x7ffffffd);
});

describe('a full ring', () => {
  beforeEach(() => {
    for (let i = 0; i < EVENT_CAPACITY; i++) {
      now = i;
      writer.write(EventKind.POST, 0, i);
    }
    now = 1e6;
    for (let i = 0; i < 10; i++) writer.write(EventKind.POST, 0, 0xdead);
  });

  test('keeps what it has, and says in its place how many are missing', () => {
    const records = taken();
    expect(records).toHaveLength(EVENT_CAPACITY + 1);
    expect(records.slice(0, -1).every(({ payload }, i) => payload[0] === i)).toBe(true);
    expect(records.at(-1)).toMatchObject({
      time: EVENT_CAPACITY - 1,
      kind: EventKind.LOST,
      cpu: NO_CPU,
      payload: [10, 0, 0, 0, 0],
    });
    expect(reader).toMatchObject({ taken: EVENT_CAPACITY, lost: 10 });
  });

  test('takes records again when it was read, and counts each loss once', () => {
    taken();
    writer.write(EventKind.POST, 0, 77);
    expect(taken()).toMatchObject([{ kind: EventKind.POST, payload: [77, 0, 0, 0, 0] }]);
    expect(reader).toMatchObject({ taken: EVENT_CAPACITY + 1, lost: 10 });
  });
});

test('several threads: none torn, none out of its order, none lost unless counted', async () => {
  const RECORDS = 100_000;
  const code = await ThreadCode.compile(new URL('./testing/event-writer-thread.ts', import.meta.url));
  const next = [0, 0, 0];
  const threads = next.map((_, cpu) => {
    const data: EventWriterThread = { buffer: memory.buffer, shape: SHAPE, cpu, records: RECORDS };
    return joined(code.start(data));
  });
  const writers = { running: true };
  const ended = Promise.all(threads).then(() => (writers.running = false));
  let losses = 0;
  const check = () => {
    for (const { kind, cpu, payload } of taken()) {
      if (kind === EventKind.LOST) {
        losses += payload[0];
        continue;
      }
      const [number, ...words] = payload;
      if (kind !== KIND || number < next[cpu] || words.join() !== wordsOf(cpu, number).join()) {
        throw new Error(`record ${number} of CPU ${cpu} after ${next[cpu] - 1}: ${words.join()}`);
      }
      next[cpu] = number + 1;
    }
  };
  while (writers.running) {
    check();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  check();
  expect(losses).toBe(reader.lost);
  expect(reader.taken + reader.lost).toBe(3 * RECORDS);
});

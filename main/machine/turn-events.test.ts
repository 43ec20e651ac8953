import { beforeEach, describe, expect, test } from 'vitest';
import { decodeEvents, EventKind, type EventRecord, NO_CPU } from '../../preload/contract/events';
import { Doorbell } from './doorbell';
import { EventReader, EventWriter } from './event-ring';
import { EVENT_CAPACITY, MachineMemory, MachineWord } from './shared-memory';
import { TurnEventWriter } from './turn-events';
import { TurnLock } from './turn-lock';

const SHAPE = { cpus: 1, ramSize: 0, needs: { runSize: 4096, staticBytes: 0, engineBytes: 0 } };
const CLOCK = { now: () => 0 };
const LAST_WORDS = 4096;

let memory: MachineMemory;
let lock: TurnLock;
let own: TurnEventWriter;
let other: EventWriter;
let reader: EventReader;

beforeEach(() => {
  memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(SHAPE)), SHAPE);
  lock = new TurnLock(memory.words);
  own = new TurnEventWriter(memory, CLOCK, new Doorbell(memory.words), lock);
  other = new EventWriter(memory, CLOCK, new Doorbell(memory.words));
  reader = new EventReader(memory, true);
  lock.acquire();
});

function taken(): EventRecord[] {
  const batch = reader.take();
  return batch === null ? [] : [...decodeEvents(batch)];
}

const numbers = () => taken().map(({ payload }) => payload[0]);

describe('records of a round', () => {
  beforeEach(() => {
    own.write(EventKind.POST, 0, 1);
    own.write(EventKind.POST, NO_CPU, 2);
  });

  test('are nobody’s before its end', () => {
    expect(reader.take()).toBeNull();
    expect(memory.words[MachineWord.DOORBELL]).toBe(0);
  });

  test('are news at its end, once', () => {
    own.announce();
    expect(memory.words[MachineWord.DOORBELL]).toBe(1);
    expect(taken()).toMatchObject([
      { kind: EventKind.POST, cpu: 0, payload: [1, 0, 0, 0, 0] },
      { kind: EventKind.POST, cpu: NO_CPU, payload: [2, 0, 0, 0, 0] },
    ]);
    memory.words[MachineWord.DOORBELL] = 0;
    own.announce();
    expect(memory.words[MachineWord.DOORBELL]).toBe(0);
  });

  test('come before those of whoever gets the lock, and after them go on', () => {
    lock.release();
    other.write(EventKind.POST, NO_CPU, 3);
    lock.acquire();
    own.write(EventKind.POST, 0, 4);
    lock.release();
    expect(numbers()).toEqual([1, 2, 3, 4]);
  });
});

test('what it says when the machine stops has room, and what has none is counted', () => {
  for (let i = 0; i < EVENT_CAPACITY - LAST_WORDS; i++) own.write(EventKind.POST, 0, i);
  // The next one would wait for the reader.
  memory.words[MachineWord.STOPPING] = 1;
  for (let i = 0; i < LAST_WORDS + 3; i++) own.write(EventKind.EXIT, 0, i);
  own.announce();
  expect(taken()).toHaveLength(EVENT_CAPACITY + 1);
  expect(reader).toMatchObject({ taken: EVENT_CAPACITY, lost: 3 });
});

test('the counts may run over', () => {
  lock.release();
  memory.words[MachineWord.EVENT_HEAD] = memory.words[MachineWord.EVENT_TAIL] = 0x7ffffffe;
  lock.acquire();
  for (let i = 0; i < 5; i++) own.write(EventKind.POST, 0, i);
  own.announce();
  expect(numbers()).toEqual([0, 1, 2, 3, 4]);
});

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { joined, ThreadCode } from '../../test/support/thread';
import { Mutex } from '../base/mutex';
import { Doorbell } from './doorbell';
import { wakeWriters } from './room';
import { SerialReader, SerialWriter } from './serial-ring';
import { DEBUG_CONSOLE } from '../../preload/contract/ports';
import { MachineMemory, MachineWord, SERIAL_RING_BYTES } from './shared-memory';
import { heldWord } from './standstill';
import type { SerialWriterThread } from './testing/serial-writer-thread';

const SHAPE = { cpus: 1, ramSize: 0, needs: { runSize: 4096, staticBytes: 0, engineBytes: 0 } };
const PORT = 2;

let memory: MachineMemory;
let lock: Mutex;
let writer: SerialWriter;
let reader: SerialReader;

beforeEach(() => {
  memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(SHAPE)), SHAPE);
  lock = new Mutex(memory.words, MachineWord.LOCK);
  writer = new SerialWriter(memory, PORT, lock, new Doorbell(memory.words), heldWord(memory, 0));
  reader = new SerialReader(memory, PORT);
});

const sequence = (from: number, count: number) => Uint8Array.from({ length: count }, (_, i) => (from + i) % 251);
/** What `toEqual` says, some hundred times faster. */
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe('one thread', () => {
  test('an empty ring gives nothing', () => expect(reader.take()).toEqual(new Uint8Array(0)));

  test('bytes come out in order, once, and the doorbell rings', () => {
    for (const byte of [0, 0x41, 0xff]) writer.transmit(byte);
    expect(memory.words[MachineWord.DOORBELL]).toBe(1);
    expect([...reader.take()]).toEqual([0, 0x41, 0xff]);
    expect(reader.take()).toHaveLength(0);
  });

  test('the ports do not get into each other’s way', () => {
    const ports = [0, 1, 2, 3, DEBUG_CONSOLE];
    for (const port of ports)
      new SerialWriter(memory, port, lock, new Doorbell(memory.words), heldWord(memory, 0)).transmit(port);
    for (const port of ports) expect([...new SerialReader(memory, port).take()]).toEqual([port]);
  });

  test('the ring goes round, and its counts may run over', () => {
    const [head, tail] = [MachineWord.SERIAL + 2 * PORT, MachineWord.SERIAL + 2 * PORT + 1];
    memory.words[head] = memory.words[tail] = 0x7fffffff - 10;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < SERIAL_RING_BYTES; i++) writer.transmit((round * SERIAL_RING_BYTES + i) % 251);
      expect(same(reader.take(), sequence(round * SERIAL_RING_BYTES, SERIAL_RING_BYTES))).toBe(true);
    }
    expect(memory.words[head]).toBe(memory.words[tail]);
  });

  test('a machine that stops drops what has no room, and waits for nobody', () => {
    for (let i = 0; i < SERIAL_RING_BYTES; i++) writer.transmit(1);
    memory.words[MachineWord.STOPPING] = 1;
    writer.transmit(2);
    expect(reader.take().every((byte) => byte === 1)).toBe(true);
  });
});

describe('a full ring', () => {
  let code: ThreadCode;

  beforeAll(async () => {
    code = await ThreadCode.compile(new URL('./testing/serial-writer-thread.ts', import.meta.url));
  });

  /** Starts a thread that writes more than there is room for; settles when it waits. */
  async function blocked(bytes: number): Promise<{ ended: Promise<void> }> {
    const ended = joined(
      code.start({ buffer: memory.buffer, shape: SHAPE, port: PORT, bytes } satisfies SerialWriterThread),
    );
    const [head, tail] = [MachineWord.SERIAL + 2 * PORT, MachineWord.SERIAL + 2 * PORT + 1];
    const full = () => Atomics.load(memory.words, head) - Atomics.load(memory.words, tail) === SERIAL_RING_BYTES;
    while (!full()) await new Promise((resolve) => setTimeout(resolve, 1));
    return { ended };
  }

  test('makes its writer wait, without the lock, and loses nothing', async () => {
    const bytes = 5 * SERIAL_RING_BYTES + 17;
    const { ended } = await blocked(bytes);
    // Somebody else gets on meanwhile.
    lock.acquire();
    lock.release();
    let received = 0;
    while (received < bytes) {
      const some = reader.take();
      expect(same(some, sequence(received, some.length))).toBe(true);
      received += some.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect(reader.take()).toHaveLength(0);
  });

  test('a stop releases its writer, at whatever moment it comes', async () => {
    for (let round = 0; round < 8; round++) {
      const { ended } = await blocked(SERIAL_RING_BYTES + 1);
      // Now and then before the writer has gone to sleep.
      for (let pause = round * 5000; pause > 0; pause--);
      Atomics.store(memory.words, MachineWord.STOPPING, 1);
      wakeWriters(memory.words);
      await ended;
      expect(same(reader.take(), sequence(0, SERIAL_RING_BYTES))).toBe(true);
      memory.words[MachineWord.STOPPING] = 0;
    }
  });
});

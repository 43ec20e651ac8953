/** A thread of serial-ring.test.ts: writes a counted sequence of bytes to a port, under the lock as a UART does. */
import { workerData } from 'node:worker_threads';
import { Mutex } from '../../base/mutex';
import { Doorbell } from '../doorbell';
import { SerialWriter } from '../serial-ring';
import { MachineMemory, MachineWord, type MemoryShape } from '../shared-memory';
import { heldWord } from '../standstill';

export interface SerialWriterThread {
  buffer: SharedArrayBuffer;
  shape: MemoryShape;
  port: number;
  bytes: number;
}

const { buffer, shape, port, bytes } = workerData as SerialWriterThread;
const memory = new MachineMemory(buffer, shape);
const lock = new Mutex(memory.words, MachineWord.LOCK);
const writer = new SerialWriter(memory, port, lock, new Doorbell(memory.words), heldWord(memory, 0));
for (let i = 0; i < bytes; i++) {
  lock.acquire();
  // A prime period, so that no round of the ring is like another.
  writer.transmit(i % 251);
  lock.release();
}

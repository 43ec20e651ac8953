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
/** A prime period, so that no round of the ring is like another. */
const PERIOD = 251;
const pattern = Uint8Array.from({ length: 32 * PERIOD }, (_, i) => i % PERIOD);
const RUNS = [1, 2, 300, 4096, 7, 1000];
for (let sent = 0, turn = 0; sent < bytes; turn++) {
  const count = Math.min(RUNS[turn % RUNS.length], bytes - sent);
  const from = sent % PERIOD;
  lock.acquire();
  if (count === 1) writer.transmit(pattern[from]);
  else writer.transmitRun(pattern, from, from + count);
  lock.release();
  sent += count;
}

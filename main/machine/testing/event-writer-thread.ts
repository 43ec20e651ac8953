/** A thread of event-ring.test.ts: writes numbered records whose words belong together. */
import { workerData } from 'node:worker_threads';
import { Doorbell } from '../doorbell';
import { EventWriter } from '../event-ring';
import { MachineMemory, type MemoryShape } from '../shared-memory';

export interface EventWriterThread {
  buffer: SharedArrayBuffer;
  shape: MemoryShape;
  cpu: number;
  records: number;
}

export const KIND = 5;

/** Four words that only this number of this CPU has. */
export function wordsOf(cpu: number, number: number): [number, number, number, number] {
  const mixed = Math.imul(number ^ (cpu << 24), 0x9e3779b1) >>> 0;
  return [mixed, ~mixed >>> 0, Math.imul(mixed, 31) >>> 0, (mixed ^ cpu) >>> 0];
}

if (workerData !== null) {
  const { buffer, shape, cpu, records } = workerData as EventWriterThread;
  const memory = new MachineMemory(buffer, shape);
  const writer = new EventWriter(memory, { now: () => performance.now() }, new Doorbell(memory.words));
  for (let number = 0; number < records; number++) writer.write(KIND, cpu, number, ...wordsOf(cpu, number));
}

/** A thread of mutex.test.ts: increments a plain word under the lock. */
import { workerData } from 'node:worker_threads';
import { Mutex } from '../mutex';

export interface MutexThread {
  /** The lock, the counter, and the number of threads that have begun. */
  words: Int32Array;
  times: number;
  threads: number;
}

const { words, times, threads } = workerData as MutexThread;
const mutex = new Mutex(words, 0);
// All at once, so that they get into each other's way.
if (Atomics.add(words, 2, 1) + 1 === threads) Atomics.notify(words, 2);
for (let begun = Atomics.load(words, 2); begun < threads; begun = Atomics.load(words, 2))
  Atomics.wait(words, 2, begun, 10);
for (let i = 0; i < times; i++) {
  mutex.acquire();
  const value = words[1];
  for (let pause = i & 31; pause > 0; pause--);
  words[1] = value + 1;
  mutex.release();
}

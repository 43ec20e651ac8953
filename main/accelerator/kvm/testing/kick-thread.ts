/** A thread of vcpu.test.ts: kicks a vcpu's thread once for each run that it announces. */
import { workerData } from 'node:worker_threads';
import { KvmKicker } from '../vcpu';

export interface KickThread {
  /** The number of the run that is about to begin; 0: none yet. */
  words: Int32Array;
  threadId: number;
  kicks: number;
}

const { words, threadId, kicks } = workerData as KickThread;
const kicker = new KvmKicker();
for (let run = 1; run <= kicks; run++) {
  Atomics.wait(words, 0, run - 1);
  // At another moment each time: before the run, on its way into the guest, and in it.
  for (let pause = (run * 7919) % 20_000; pause > 0; pause--);
  kicker.kick(threadId);
}

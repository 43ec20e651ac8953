/** A thread of vcpu-control.test.ts: the loop of a vcpu whose guest runs until it is kicked. */
import { workerData } from 'node:worker_threads';
import { KvmKicker } from '../../accelerator/kvm/vcpu';
import { MachineMemory, type MemoryShape, VcpuWord } from '../shared-memory';
import { Attention, VcpuControl } from '../vcpu-control';

export interface VcpuThread {
  buffer: SharedArrayBuffer;
  shape: MemoryShape;
  /** Kicks of the guest; requests that were taken. */
  words: Int32Array;
  /** Every other turn it sleeps instead of running. */
  sleeps: boolean;
}

const { buffer, shape, words, sleeps } = workerData as VcpuThread;
const control = new VcpuControl(new MachineMemory(buffer, shape), 0, new KvmKicker());
for (let turn = 0; ; turn++) {
  if (Atomics.load(control.words, VcpuWord.ATTENTION) !== 0) {
    const attention = control.takeAttention();
    Atomics.add(words, 1, 1);
    Atomics.notify(words, 1);
    if ((attention & Attention.STOP) !== 0) break;
  }
  if (sleeps && turn % 2 === 0) {
    control.sleep(Infinity);
  } else {
    const kicks = Atomics.load(words, 0);
    if (!control.enterGuest()) continue;
    // The guest: as KVM_RUN, it ends with a kick, also with one that came before it began.
    Atomics.wait(words, 0, kicks);
    control.leaveGuest();
  }
}

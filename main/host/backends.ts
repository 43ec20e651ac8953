/** What a machine's devices have on the host, as one thread's objects. */
import { randomFillSync } from 'node:crypto';
import type { Backends } from '../machine/pci-board';
import { type DiskHandle, diskOf } from './disk/index';
import { ringBell } from './network/bell';

/** What is open on the host, as data that can be posted to a thread: descriptors are the process's. */
export interface HostHandles {
  disks: readonly DiskHandle[];
  /** The bell of the thread that carries the network's frames; null: there is no network. */
  bell: number | null;
}

export function backendsOf({ disks, bell }: HostHandles): Backends {
  return {
    disks: disks.map(diskOf),
    entropy: (bytes) => void randomFillSync(bytes),
    ringNetwork: () => {
      if (bell !== null) ringBell(bell);
    },
  };
}

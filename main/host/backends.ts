/** What a machine's devices have on the host, as one thread's objects. */
import { randomFillSync } from 'node:crypto';
import type { Backends } from '../machine/pci-board';
import { type DiskHandle, diskOf } from './disk/index';

export function backendsOf(disks: readonly DiskHandle[]): Backends {
  return { disks: disks.map(diskOf), entropy: (bytes) => void randomFillSync(bytes) };
}

/** What both Multiboot versions tell a guest. */
import { EBDA, HIGH_MEMORY, KIB } from '../firmware/memory-map';

export const BOOT_LOADER_NAME = 'Reveille';

/** Memory from 0 and from 1 MiB on. */
export function memoryBounds(ram: number): { lowerKib: number; upperKib: number } {
  return { lowerKib: EBDA / KIB, upperKib: (ram - HIGH_MEMORY) / KIB };
}

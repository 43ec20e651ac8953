/** A machine's image in its memory: a guest that is loaded, or a firmware ROM. */
import type { CpuState } from '../base/cpu-state';
import { MAX_ROM, ROM_BLOCK } from '../firmware/memory-map';
import { loadGuest } from '../loader/index';
import { loadRom } from '../loader/rom';
import type { MachineConfig } from '../../preload/contract/machine';
import type { MachineMemory } from './shared-memory';

/** Of the BSP: as it is after power-up, in a firmware ROM. */
export const AT_RESET_VECTOR = 'reset vector';

export function isRomSize(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= 0 && bytes <= MAX_ROM && bytes % ROM_BLOCK === 0;
}

/** Gives the state in which the BSP begins. */
export function loadImage(
  { ram, rom }: MachineMemory,
  { guest, cmdline, initrd: initrdPath }: MachineConfig,
  image: Uint8Array,
  initrd: Uint8Array | null,
): CpuState | typeof AT_RESET_VECTOR {
  const disk = initrd === null || initrdPath === null ? null : { name: initrdPath, bytes: initrd };
  if (rom.length === 0) return loadGuest(image, guest, ram, cmdline, disk).entry;
  loadRom({ name: guest, bytes: image }, rom, ram, disk);
  return AT_RESET_VECTOR;
}

/** A flat image without header: loaded to 0x7C00 and entered in real mode, as a BIOS starts a boot sector. */
import { type BootState, bootSectorState } from '../firmware/boot-state';
import { BOOT_SECTOR, EBDA } from '../firmware/memory-map';
import type { GuestImage } from './image';
import { hex, LoaderError } from './loader-error';

const FIRST_HARD_DISK = 0x80;

/** Linux x86 boot protocol, "The Real-Mode Kernel Header". */
const BOOT_FLAG = 0x1fe;
const BOOT_FLAG_VALUE = 0xaa55;
const HEADER_MAGIC = 0x202;
const HEADER_MAGIC_VALUE = 0x53726448; // HdrS

export function loadFlat(image: GuestImage, memory: Uint8Array): { entry: BootState; end: number } {
  const { name, bytes } = image;
  if (isLinuxKernel(image)) {
    throw new LoaderError(
      `${name} is a Linux kernel (bzImage), which needs its own boot protocol: Reveille loads ELF, Multiboot and flat images`,
    );
  }
  // A flat image brings its own tables, so that it may fill conventional memory up to the EBDA.
  const room = EBDA - BOOT_SECTOR;
  if (bytes.length > room) {
    throw new LoaderError(
      `${name} is neither ELF nor Multiboot, and as a flat image at ${hex(BOOT_SECTOR)} it may have ${room} bytes, but it has ` +
        `${bytes.length}: give it as an ELF or Multiboot image`,
    );
  }
  memory.set(bytes, BOOT_SECTOR);
  return { entry: bootSectorState(FIRST_HARD_DISK), end: BOOT_SECTOR + bytes.length };
}

function isLinuxKernel({ bytes, view }: GuestImage): boolean {
  return (
    bytes.length >= HEADER_MAGIC + 4 &&
    view.getUint16(BOOT_FLAG, true) === BOOT_FLAG_VALUE &&
    view.getUint32(HEADER_MAGIC, true) === HEADER_MAGIC_VALUE
  );
}

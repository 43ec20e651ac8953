/** A flat image without header: loaded to 0x7C00 and entered in real mode, as a BIOS starts a boot sector. */
import { type BootState, bootSectorState } from '../firmware/boot-state';
import { BOOT_SECTOR, EBDA } from '../firmware/memory-map';
import type { GuestImage } from './image';
import { hex, LoaderError } from './loader-error';

const FIRST_HARD_DISK = 0x80;

export function loadFlat(image: GuestImage, memory: Uint8Array): { entry: BootState; end: number } {
  const { name, bytes } = image;
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

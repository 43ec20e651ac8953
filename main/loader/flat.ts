/** A flat image without header: loaded to 0x7C00 and entered in real mode, as a BIOS starts a boot sector. */
import { type BootState, bootSectorState } from '../firmware/boot-state';
import { BOOT_SECTOR, EBDA } from '../firmware/memory-map';
import { type GuestImage, place } from './image';
import { hex, LoaderError } from './loader-error';
import { given, type ImagePlan } from './plan';

const FIRST_HARD_DISK = 0x80;

export function planFlat({ name, bytes }: GuestImage): ImagePlan {
  // It may fill conventional memory up to the EBDA.
  const room = EBDA - BOOT_SECTOR;
  if (bytes.length > room) {
    throw new LoaderError(
      `${name} is neither ELF nor Multiboot, and as a flat image at ${hex(BOOT_SECTOR)} it may have ${room} bytes, but it has ` +
        `${bytes.length}: give it as an ELF or Multiboot image`,
    );
  }
  const size = BigInt(bytes.length);
  return {
    kind: 'flat',
    protocol: null,
    description: null,
    entry: BOOT_SECTOR,
    mode: 'real',
    parts: [{ what: 'image', offset: 0n, fileSize: size, address: BigInt(BOOT_SECTOR), size, overFirmware: true }],
    beside: null,
    cmdline: 0,
    asks: [given('a boot drive', `DL is ${hex(FIRST_HARD_DISK)}, the first hard disk, but there are no BIOS calls`)],
  };
}

export function loadFlat(
  image: GuestImage,
  { parts }: ImagePlan,
  memory: Uint8Array,
): { entry: BootState; end: number } {
  return { entry: bootSectorState(FIRST_HARD_DISK), end: place(image, parts, memory) };
}

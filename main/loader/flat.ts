/** A flat image without header: loaded to 0x7C00 and entered in real mode, as a BIOS starts a boot sector. */
import { type BootState, bootSectorState } from '../firmware/boot-state';
import { BOOT_SECTOR, EBDA } from '../firmware/memory-map';
import { type GuestImage, place } from './image';
import { hex, LoaderError } from './loader-error';
import { optionRomSize } from './option-rom';
import { given, type ImagePlan } from './plan';

const FIRST_HARD_DISK = 0x80;

/** What disks begin with, and where: QCOW2, a boot sector's signature, the header of a GPT, the magic of an ext file system. */
const QCOW2 = { at: 0, bytes: [0x51, 0x46, 0x49, 0xfb] };
const RAW_DISKS = [
  { at: 510, bytes: [0x55, 0xaa] },
  { at: 512, bytes: [...'EFI PART'].map((letter) => letter.charCodeAt(0)) },
  { at: 1080, bytes: [0x53, 0xef] },
];

export function planFlat({ name, bytes }: GuestImage): ImagePlan {
  const optionRom = optionRomSize(bytes);
  if (optionRom > 0 && optionRom <= bytes.length) {
    throw new LoaderError(
      `${name} is an option ROM, which firmware calls: choose a firmware ROM, and put a VGA BIOS beside it as vgabios-isavga.bin`,
    );
  }
  if (has(bytes, QCOW2)) {
    throw new LoaderError(
      `${name} is a QCOW2 disk image: make a raw image of it ("qemu-img convert -O raw"), give that as a disk, and a kernel or a firmware ROM as the guest`,
    );
  }
  // It may fill conventional memory up to the EBDA.
  const room = EBDA - BOOT_SECTOR;
  if (bytes.length > room && RAW_DISKS.some((magic) => has(bytes, magic))) {
    throw new LoaderError(
      `${name} is a disk image: give it as a disk, and as the guest a kernel, or a firmware ROM that boots from it`,
    );
  }
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

function has(bytes: Uint8Array, { at, bytes: magic }: { at: number; bytes: readonly number[] }): boolean {
  return magic.every((byte, n) => bytes[at + n] === byte);
}

export function loadFlat(
  image: GuestImage,
  { parts }: ImagePlan,
  memory: Uint8Array,
): { entry: BootState; end: number } {
  return { entry: bootSectorState(FIRST_HARD_DISK), end: place(image, parts, memory) };
}

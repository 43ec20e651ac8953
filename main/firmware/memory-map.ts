/**
 * The guest-physical memory map, in address order.
 *
 * What the firmware leaves in low memory keeps out of two places: below 0x90000, where boot sectors (0x7C00) and the
 * start-up trampolines of guests live (customarily 0x8000 and 0x9000, but SIPI vectors 0x01 to 0x8F are all free), and
 * from 1 MiB on, where kernels are linked to. Boot structures lie in RAM that the guest may reuse, as with every boot
 * loader: it stops needing them when it has tables of its own.
 */

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** Real-mode interrupt vectors, then the BIOS data area (BDA). */
const REAL_MODE_AREA = 0x0;
export const BDA = 0x400;
const BDA_END = 0x500;

/** Where a boot sector is loaded and entered; its stack grows down from here. */
export const BOOT_SECTOR = 0x7c00;

/** What a guest that is not entered in real mode starts with. */
export const BOOT_GDT = 0x90000;
/** One PML4, one page-directory-pointer table and four page directories. */
export const BOOT_PAGE_TABLES = 0x91000;
/** What a boot protocol tells the guest; then the stack, as much again. */
export const BOOT_INFORMATION = 0x97000;
export const BOOT_INFORMATION_SIZE = 16 * KIB;
export const BOOT_STACK_TOP = 0x9f000;

/** Extended BIOS data area: the last KiB of conventional memory. */
export const EBDA = 0x9fc00;

/** Display memory and option ROMs of a PC. */
export const VIDEO_AREA = 0xa0000;

/** ACPI searches 0xE0000 to 0xFFFFF for the RSDP, the MultiProcessor Specification 0xF0000 to 0xFFFFF for its pointer. */
export const ACPI_TABLES = 0xe0000;
export const MP_TABLES = 0xf0000;
export const HIGH_MEMORY = 0x100000;

/** Guest RAM is one region from 0; it ends below the last GiB under 4 GiB, which belongs to devices. */
export const MIN_RAM = 1 * MIB;
export const MAX_RAM = 0xc0000000;

/** An option ROM such as a VGA BIOS: of the area from 0xC0000 on. */
export const MAX_OPTION_ROM = 64 * KIB;

/** What is handed on to PCI functions: up to the I/O APIC, below which SeaBIOS places them. */
export const PCI_WINDOW = 0xe0000000;
export const PCI_WINDOW_SIZE = 0x1ec00000;

export const IO_APIC = 0xfec00000;
export const LOCAL_APIC = 0xfee00000;
export const APIC_PAGE_SIZE = 0x1000;

/** A firmware ROM ends at 4 GiB, and its last 128 KiB show below 1 MiB, too. What KVM keeps for itself lies right below the largest. */
export const MAX_ROM = 256 * KIB;
export const ROM_BLOCK = 64 * KIB;
const ROM_SHADOW = 128 * KIB;
export const romShadowSize = (romSize: number): number => Math.min(romSize, ROM_SHADOW);

/** Longest kernel command line in bytes, without its terminating NUL: it has to fit into the boot information. */
export const MAX_COMMAND_LINE = 4095;

interface FirmwareArea {
  name: string;
  start: number;
  /** First address after it. */
  end: number;
}

/** What an image with addresses of its own must leave alone, in address order. */
const FIRMWARE_AREAS: readonly FirmwareArea[] = [
  { name: 'the real-mode interrupt vectors and the BIOS data area', start: REAL_MODE_AREA, end: BDA_END },
  { name: 'the boot structures (GDT, page tables, boot information, stack)', start: BOOT_GDT, end: BOOT_STACK_TOP },
  { name: 'the extended BIOS data area', start: EBDA, end: VIDEO_AREA },
  { name: 'the video and ROM area', start: VIDEO_AREA, end: ACPI_TABLES },
  { name: 'the ACPI and MP tables', start: ACPI_TABLES, end: HIGH_MEMORY },
];

/** The first firmware area that a range touches. */
export function firmwareAreaIn(start: number, end: number): FirmwareArea | undefined {
  return FIRMWARE_AREAS.find((area) => start < area.end && end > area.start);
}

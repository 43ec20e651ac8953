/** A machine's image in its memory: a guest that is loaded, or a firmware ROM. */
import type { CpuState } from '../base/cpu-state';
import { acpiTables, RSDP_SIZE } from '../firmware/acpi';
import { cpusInTableOrder } from '../firmware/cpu-list';
import { ACPI_TABLES, MAX_ROM, ROM_BLOCK } from '../firmware/memory-map';
import { clearText } from '../devices/vga-text';
import type { ImageFile } from '../loader/image';
import { loadGuest } from '../loader/index';
import { loadOptionRom } from '../loader/option-rom';
import { loadRom, romReport, romSizeOf } from '../loader/rom';
import type { ImageReport } from '../../preload/contract/image-report';
import type { MachineConfig } from '../../preload/contract/machine';
import type { MachineMemory } from './shared-memory';

/** Of the BSP: as it is after power-up, in a firmware ROM. */
export const AT_RESET_VECTOR = 'reset vector';

export function isRomSize(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= 0 && bytes <= MAX_ROM && bytes % ROM_BLOCK === 0;
}

export const isFirmware = (image: Uint8Array): boolean => romSizeOf(image) > 0;

/** What a guest may have beside its image. */
export interface GuestFiles {
  /** That of `config.initrd`. */
  initrd: Uint8Array | null;
  /** Of a firmware ROM: what makes the VGA a screen. */
  vgaBios: ImageFile | null;
}

export const NO_FILES: GuestFiles = { initrd: null, vgaBios: null };

export interface LoadedImage {
  /** The state in which the BSP begins. */
  entry: CpuState | typeof AT_RESET_VECTOR;
  report: ImageReport;
}

export function loadImage(
  { ram, rom, vgaBios }: MachineMemory,
  { guest, cmdline, initrd: initrdPath, acpi, vga, tableOrder, apicIds, bsp }: MachineConfig,
  image: Uint8Array,
  { initrd, vgaBios: optionRom }: GuestFiles,
): LoadedImage {
  const disk = initrd === null || initrdPath === null ? null : { name: initrdPath, bytes: initrd };
  const screen = vga === 'text';
  if (rom.length === 0) {
    const cpus = cpusInTableOrder(tableOrder, apicIds, bsp);
    const rsdp = () => acpiTables(ACPI_TABLES, cpus, screen).subarray(0, RSDP_SIZE);
    const loaded = loadGuest(image, guest, ram, cmdline, disk, { screen, rsdp: acpi ? rsdp : null });
    if (screen) clearText(ram);
    return loaded;
  }
  if (optionRom !== null) loadOptionRom(optionRom, vgaBios);
  loadRom({ name: guest, bytes: image }, rom, ram, disk);
  return { entry: AT_RESET_VECTOR, report: romReport(rom.length) };
}

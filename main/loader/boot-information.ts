/** What both Multiboot versions tell a guest. */
import { COLOUR_TEXT } from '../base/text-memory';
import { ByteWriter } from '../firmware/byte-writer';
import { EBDA, HIGH_MEMORY, KIB } from '../firmware/memory-map';
import type { BootModule } from './boot-module';

export const BOOT_LOADER_NAME = 'Reveille';

/** What a boot loader tells of a machine beside its memory. */
export interface BootMachine {
  /** It has a VGA in text mode. */
  screen: boolean;
  /** Makes the Root System Description Pointer that it will have; null: it has no ACPI tables. */
  rsdp: (() => Uint8Array) | null;
}

/** What the user and the machine hand over. */
export interface Handover {
  cmdline: Uint8Array;
  module: BootModule | null;
  machine: BootMachine;
}

/** Memory from 0 and from 1 MiB on. */
export function memoryBounds(ram: number): { lowerKib: number; upperKib: number } {
  return { lowerKib: EBDA / KIB, upperKib: (ram - HIGH_MEMORY) / KIB };
}

const COLUMNS = 80;
const ROWS = 25;
const BYTES_PER_CHARACTER = 2;
const EGA_TEXT = 2;

/**
 * The fields from framebuffer_addr on, the same in both versions (Multiboot 0.6.96, 3.3; Multiboot2 2.0, 3.6.12), up to
 * color_info, which a text mode has not. Its sizes are in characters.
 */
export function textFramebuffer(): Uint8Array {
  return new ByteWriter()
    .u64(COLOUR_TEXT)
    .u32(COLUMNS * BYTES_PER_CHARACTER, COLUMNS, ROWS)
    .u8(8 * BYTES_PER_CHARACTER, EGA_TEXT)
    .finish();
}

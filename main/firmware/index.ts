/**
 * What a guest finds in memory as a PC's firmware leaves it: BIOS data area, EBDA, ACPI and MP tables. Of
 * firmware code there is what says that a service is not there.
 */
import { acpiTables } from './acpi';
import { writeBiosServices } from './bios-services';
import { ByteWriter } from './byte-writer';
import type { FirmwareCpu } from './cpu-list';
import { ACPI_TABLES, BDA, EBDA, KIB, MP_TABLES, VIDEO_AREA } from './memory-map';
import { mpTables, type ProcessorIdentity } from './mp-table';
import { COM_PORTS } from './port-map';

export interface FirmwareConfig {
  /** In table order (cpusInTableOrder). */
  cpus: readonly FirmwareCpu[];
  identity: ProcessorIdentity;
  /** With ACPI tables. */
  acpi: boolean;
  /** There is a VGA. */
  vga: boolean;
}

/** Offsets in the BIOS data area. */
const BDA_COM_PORTS = 0x00;
const BDA_EBDA_SEGMENT = 0x0e;
const BDA_MEMORY_KIB = 0x13;

/** Writes it all into guest RAM. */
export function writeFirmware(memory: Uint8Array, config: FirmwareConfig): void {
  writeBiosServices(memory);
  memory.set(new ByteWriter().u16(...COM_PORTS).finish(), BDA + BDA_COM_PORTS);
  memory.set(new ByteWriter().u16(EBDA / 16).finish(), BDA + BDA_EBDA_SEGMENT);
  memory.set(new ByteWriter().u16(EBDA / KIB).finish(), BDA + BDA_MEMORY_KIB);
  // The EBDA starts with its own size in KiB.
  memory[EBDA] = (VIDEO_AREA - EBDA) / KIB;
  if (config.acpi) memory.set(acpiTables(ACPI_TABLES, config.cpus, config.vga), ACPI_TABLES);
  const mp = mpTables(MP_TABLES, config.cpus, config.identity);
  if (mp !== null) memory.set(mp, MP_TABLES);
}

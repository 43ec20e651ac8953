/**
 * The system address map as INT 15h, E820h reports it (ACPI 6.5, 15.1 and 15.4 "Assumptions and Limitations": fixed
 * addresses of board devices, such as APICs, are reported as reserved). Boot protocols hand it on.
 */
import { APIC_PAGE_SIZE, ACPI_TABLES, EBDA, HIGH_MEMORY, IO_APIC, LOCAL_APIC, VIDEO_AREA } from './memory-map';

/** Address range types; Multiboot numbers them the same. */
export const E820Type = { RAM: 1, RESERVED: 2 } as const;
export type E820Type = (typeof E820Type)[keyof typeof E820Type];

export interface E820Entry {
  address: number;
  length: number;
  type: E820Type;
}

/** The map of a machine with `ram` bytes, in address order. The video area is a hole, as on a PC. */
export function e820Map(ram: number): E820Entry[] {
  const map: E820Entry[] = [
    { address: 0, length: EBDA, type: E820Type.RAM },
    { address: EBDA, length: VIDEO_AREA - EBDA, type: E820Type.RESERVED },
    { address: ACPI_TABLES, length: HIGH_MEMORY - ACPI_TABLES, type: E820Type.RESERVED },
    { address: HIGH_MEMORY, length: ram - HIGH_MEMORY, type: E820Type.RAM },
    { address: IO_APIC, length: APIC_PAGE_SIZE, type: E820Type.RESERVED },
    { address: LOCAL_APIC, length: APIC_PAGE_SIZE, type: E820Type.RESERVED },
  ];
  return map.filter((entry) => entry.length > 0);
}

/**
 * The ACPI tables for a firmware that places them itself: as files, with a script of what to allocate, which fields to add an
 * address to and which checksums to mend (SeaBIOS, src/fw/romfile_loader.h; QEMU, hw/acpi/bios-linker-loader.c).
 */
import { acpiTables, RSDP_SIZE } from './acpi';
import { ByteWriter } from './byte-writer';
import type { FirmwareCpu } from './cpu-list';

const RSDP_FILE = 'etc/acpi/rsdp';
const TABLES_FILE = 'etc/acpi/tables';
const LOADER_FILE = 'etc/table-loader';

const Command = { ALLOCATE: 1, ADD_POINTER: 2, ADD_CHECKSUM: 3 } as const;
const COMMAND_BYTES = 128;
const NAME_BYTES = 56;
/** Where to allocate: anywhere, or where the operating system looks for the RSDP. */
const Zone = { HIGH: 1, FSEG: 2 } as const;
const ALIGNMENT = 64;

/** ACPI Specification 6.5, 5.2.5.3, 5.2.6, 5.2.9. */
const RSDP_RSDT = 16;
const RSDP_XSDT = 24;
const RSDP_CHECKSUMS: readonly [at: number, length: number][] = [
  [8, 20],
  [32, RSDP_SIZE],
];
const SDT_LENGTH = 4;
const SDT_CHECKSUM = 9;
const SDT_HEADER_SIZE = 36;
const FADT_POINTERS: readonly [at: number, size: number][] = [
  [36, 4], // FIRMWARE_CTRL
  [40, 4], // DSDT
  [140, 8], // X_DSDT
];

export function acpiFiles(cpus: readonly FirmwareCpu[], vga: boolean): [name: string, bytes: Uint8Array][] {
  // So placed, the address of a table is its offset in the second file.
  const block = acpiTables(-ALIGNMENT, cpus, vga);
  const rsdp = block.slice(0, RSDP_SIZE);
  const tables = block.slice(ALIGNMENT);
  const view = new DataView(tables.buffer);
  const roots = new DataView(rsdp.buffer);
  const rsdt = roots.getUint32(RSDP_RSDT, true);
  const xsdt = roots.getUint32(RSDP_XSDT, true);
  const end = (table: number) => table + view.getUint32(table + SDT_LENGTH, true);

  const script = new ByteWriter();
  allocate(script, RSDP_FILE, 16, Zone.FSEG);
  allocate(script, TABLES_FILE, ALIGNMENT, Zone.HIGH);
  addPointer(script, RSDP_FILE, RSDP_RSDT, 4);
  addPointer(script, RSDP_FILE, RSDP_XSDT, 8);
  for (let at = rsdt + SDT_HEADER_SIZE; at < end(rsdt); at += 4) addPointer(script, TABLES_FILE, at, 4);
  for (let at = xsdt + SDT_HEADER_SIZE; at < end(xsdt); at += 8) addPointer(script, TABLES_FILE, at, 8);
  // The first table of the list is the FADT.
  const fadt = view.getUint32(rsdt + SDT_HEADER_SIZE, true);
  for (const [at, size] of FADT_POINTERS) addPointer(script, TABLES_FILE, fadt + at, size);
  for (const table of [rsdt, xsdt, fadt]) {
    addChecksum(script, TABLES_FILE, table + SDT_CHECKSUM, table, end(table) - table);
  }
  for (const [at, length] of RSDP_CHECKSUMS) addChecksum(script, RSDP_FILE, at, 0, length);
  return [
    [RSDP_FILE, rsdp],
    [TABLES_FILE, tables],
    [LOADER_FILE, script.finish()],
  ];
}

function allocate(script: ByteWriter, file: string, alignment: number, zone: number): void {
  name(script.u32(Command.ALLOCATE), file).u32(alignment).u8(zone).align(COMMAND_BYTES);
}

/** Adds the address of the tables to a field. */
function addPointer(script: ByteWriter, file: string, at: number, size: number): void {
  name(name(script.u32(Command.ADD_POINTER), file), TABLES_FILE)
    .u32(at)
    .u8(size)
    .align(COMMAND_BYTES);
}

function addChecksum(script: ByteWriter, file: string, at: number, start: number, length: number): void {
  name(script.u32(Command.ADD_CHECKSUM), file).u32(at, start, length).align(COMMAND_BYTES);
}

function name(script: ByteWriter, file: string): ByteWriter {
  return script.ascii(file).zeros(NAME_BYTES - file.length);
}

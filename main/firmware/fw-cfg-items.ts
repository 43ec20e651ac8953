/** What a firmware ROM is told of the machine (QEMU, docs/specs/fw_cfg.rst; files as SeaBIOS knows them). */
import { FIRST_FILE_KEY, FwCfgKey } from '../base/fw-cfg-keys';
import { acpiFiles } from './acpi-files';
import { ByteWriter } from './byte-writer';
import type { FirmwareCpu } from './cpu-list';
import { E820Type } from './e820';
import { diskSlot, pciDevice } from './pci-layout';
import { COM_PORTS } from './port-map';

export interface FwCfgMachine {
  /** In table order. */
  cpus: readonly FirmwareCpu[];
  /** Bytes of RAM, from address 0 on. */
  memory: number;
  /** With ACPI tables. */
  acpi: boolean;
  vga: boolean;
  /** The option ROM that makes a VGA a screen; empty: there is none. */
  vgaBios: Uint8Array;
  disks: number;
}

/** Bytes of a file's name in the directory, its NUL included. */
const NAME_BYTES = 56;
/** What of the interface there is: selector and data register, requests in memory. */
const ID_TRADITIONAL = 1 << 0;
const ID_DMA = 1 << 1;
/** How long it asks for the key that leads to its boot menu, in ms. */
const BOOT_MENU_WAIT = 1000;

/** All items by their keys. */
export function fwCfgItems({ cpus, memory, acpi, vga, vgaBios, disks }: FwCfgMachine): Map<number, Uint8Array> {
  const files: [string, Uint8Array][] = [
    ['etc/e820', new ByteWriter().u64(0, memory).u32(E820Type.RAM).finish()],
    ...(acpi ? acpiFiles(cpus, vga) : []),
    // SeaBIOS has its text console there, beside the screen where it has one.
    ['etc/sercon-port', new ByteWriter().u64(COM_PORTS[0]).finish()],
  ];
  if (disks > 0) files.push(['bootorder', bootOrder(disks)]);
  // Somebody may look at the screen and press a key.
  const hasMenu = vgaBios.length > 0;
  if (hasMenu) {
    files.push(['vgaroms/vgabios.bin', vgaBios], ['etc/boot-menu-wait', new ByteWriter().u32(BOOT_MENU_WAIT).finish()]);
  }
  const items = new Map<number, Uint8Array>([
    [FwCfgKey.SIGNATURE, new ByteWriter().ascii('QEMU').finish()],
    [FwCfgKey.ID, new ByteWriter().u32(ID_TRADITIONAL | ID_DMA).finish()],
    [FwCfgKey.CPUS, new ByteWriter().u16(cpus.length).finish()],
    [FwCfgKey.MAX_CPUS, new ByteWriter().u16(cpus.length).finish()],
    [FwCfgKey.BOOT_MENU, new ByteWriter().u16(hasMenu ? 1 : 0).finish()],
    // The timer is wired to the I/O APIC's input 2.
    [FwCfgKey.IRQ0_OVERRIDE, Uint8Array.of(1)],
    [FwCfgKey.FILE_DIRECTORY, directory(files)],
  ]);
  for (const [index, [, bytes]] of files.entries()) items.set(FIRST_FILE_KEY + index, bytes);
  return items;
}

/** The disks in their order, before all else: Open Firmware's names of PCI devices, a line each, then a NUL. */
function bootOrder(disks: number): Uint8Array {
  const paths = Array.from(
    { length: disks },
    (_, n) => `/pci@i0cf8/scsi@${pciDevice(diskSlot(n)).toString(16)}/disk@0,0`,
  );
  return new ByteWriter().ascii(paths.join('\n')).u8(0).finish();
}

/** Its numbers are big-endian. */
function directory(files: readonly [string, Uint8Array][]): Uint8Array {
  const entry = 8 + NAME_BYTES;
  const bytes = new Uint8Array(4 + files.length * entry);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, files.length);
  for (const [index, [name, content]] of files.entries()) {
    const at = 4 + index * entry;
    view.setUint32(at, content.length);
    view.setUint16(at + 4, FIRST_FILE_KEY + index);
    bytes.set(new TextEncoder().encode(name), at + 8);
  }
  return bytes;
}

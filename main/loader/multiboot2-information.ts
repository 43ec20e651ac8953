/** What a kernel is told (Multiboot2 Specification 2.0, 3.6). */
import { RSDP_SIZE_1_0 } from '../firmware/acpi';
import { ByteWriter } from '../firmware/byte-writer';
import { e820Map } from '../firmware/e820';
import { BOOT_LOADER_NAME, type Handover, memoryBounds, textFramebuffer } from './boot-information';
import { moduleEnd } from './boot-module';

export const InfoTag = {
  END: 0,
  CMDLINE: 1,
  BOOT_LOADER_NAME: 2,
  MODULE: 3,
  BASIC_MEMINFO: 4,
  MMAP: 6,
  FRAMEBUFFER: 8,
  /** Copies of the RSDP: what ACPI 1.0 knew of it, and all of it. */
  ACPI_OLD: 14,
  ACPI_NEW: 15,
} as const;
const TAG_HEADER_SIZE = 8;
const MMAP_ENTRY_SIZE = 24;
/** Bytes of a module's name that the guest is told. */
const MODULE_NAME_LIMIT = 1024;

export function information(ram: number, { cmdline, module, machine }: Handover): Uint8Array {
  const tags = new ByteWriter();
  const tag = (type: number, content: Uint8Array): void => {
    tags
      .u32(type, TAG_HEADER_SIZE + content.length)
      .bytes(content)
      .align(8);
  };
  const map = new ByteWriter().u32(MMAP_ENTRY_SIZE, 0);
  for (const { address, length, type } of e820Map(ram)) map.u64(address, length).u32(type, 0);
  const { lowerKib, upperKib } = memoryBounds(ram);
  tag(InfoTag.CMDLINE, new ByteWriter().bytes(cmdline).u8(0).finish());
  tag(InfoTag.BOOT_LOADER_NAME, new ByteWriter().ascii(BOOT_LOADER_NAME).u8(0).finish());
  if (module !== null) {
    const name = new TextEncoder().encode(module.image.name).subarray(0, MODULE_NAME_LIMIT);
    tag(InfoTag.MODULE, new ByteWriter().u32(module.address, moduleEnd(module)).bytes(name).u8(0).finish());
  }
  tag(InfoTag.BASIC_MEMINFO, new ByteWriter().u32(lowerKib, upperKib).finish());
  tag(InfoTag.MMAP, map.finish());
  if (machine.screen) tag(InfoTag.FRAMEBUFFER, new ByteWriter().bytes(textFramebuffer()).u16(0).finish());
  const rsdp = machine.rsdp?.();
  if (rsdp !== undefined) {
    tag(InfoTag.ACPI_OLD, rsdp.subarray(0, RSDP_SIZE_1_0));
    tag(InfoTag.ACPI_NEW, rsdp);
  }
  tag(InfoTag.END, new Uint8Array());
  return new ByteWriter()
    .u32(TAG_HEADER_SIZE + tags.length, 0)
    .bytes(tags.finish())
    .finish();
}

/**
 * ELF kernels with a PVH entry (Xen, docs/misc/pvh.pandoc, "x86/HVM direct boot ABI"; xen/include/public/arch-x86/hvm/start_info.h):
 * entered in 32-bit protected mode without paging, EBX at hvm_start_info.
 */
import { e820Map } from '../firmware/e820';
import { type BootState, protectedModeState } from '../firmware/boot-state';
import { ByteWriter } from '../firmware/byte-writer';
import { ACPI_TABLES, BOOT_INFORMATION } from '../firmware/memory-map';
import type { Handover } from './boot-information';
import { moduleEnd, placeModule, roomBeside } from './boot-module';
import { findNote, planElf } from './elf';
import { type GuestImage, place } from './image';
import { ANY_COMMAND_LINE, type ImagePlan } from './plan';

/** xen/include/public/elfnote.h. */
const NOTE_NAME = 'Xen';
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

const MAGIC = 0x336ec578;
/** 1 is the first with a memory map. */
const VERSION = 1;
const START_INFO_SIZE = 56;
const MODULE_ENTRY_SIZE = 32;

/** Physical address of the entry point. */
export function findPvhEntry(image: GuestImage): bigint | undefined {
  const note = findNote(image, NOTE_NAME, XEN_ELFNOTE_PHYS32_ENTRY);
  if (note === undefined || note.length < 4) return undefined;
  const view = new DataView(note.buffer, note.byteOffset, note.byteLength);
  return note.length >= 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
}

export function planPvh(image: GuestImage, physicalEntry: bigint): ImagePlan {
  const { entry, parts } = planElf(image, { physicalEntry });
  return {
    kind: 'pvh',
    protocol: `PVH, start info version ${VERSION}`,
    description: null,
    entry,
    mode: 'protected',
    parts,
    beside: 'module',
    cmdline: ANY_COMMAND_LINE,
    asks: [],
  };
}

export function loadPvh(
  image: GuestImage,
  { entry, parts }: ImagePlan,
  memory: Uint8Array,
  handover: Handover,
): { entry: BootState; end: number } {
  const { module } = handover;
  const end = place(image, parts, roomBeside(module, memory));
  placeModule(module, memory);
  memory.set(startInfo(memory.length, handover), BOOT_INFORMATION);
  const state = protectedModeState(memory, entry);
  return { entry: { ...state, rbx: BigInt(BOOT_INFORMATION) }, end };
}

function startInfo(ram: number, { cmdline, module, machine }: Handover): Uint8Array {
  const map = e820Map(ram);
  const modulesAt = BOOT_INFORMATION + START_INFO_SIZE;
  const modules = new ByteWriter();
  if (module !== null) modules.u64(module.address, moduleEnd(module) - module.address, 0, 0);
  const mapAt = modulesAt + (module === null ? 0 : MODULE_ENTRY_SIZE);
  const entries = new ByteWriter();
  for (const { address, length, type } of map) entries.u64(address, length).u32(type, 0);
  const cmdlineAt = mapAt + entries.length;
  return new ByteWriter()
    .u32(MAGIC, VERSION, 0, module === null ? 0 : 1)
    .u64(module === null ? 0 : modulesAt, cmdlineAt, machine.rsdp === null ? 0 : ACPI_TABLES, mapAt)
    .u32(map.length, 0)
    .bytes(modules.finish())
    .bytes(entries.finish())
    .bytes(cmdline)
    .u8(0)
    .finish();
}

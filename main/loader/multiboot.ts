/** Multiboot Specification 0.6.96: header (3.1), machine state (3.2), boot information (3.3). */
import { e820Map } from '../firmware/e820';
import { type BootState, protectedModeState } from '../firmware/boot-state';
import { ByteWriter } from '../firmware/byte-writer';
import { BOOT_INFORMATION } from '../firmware/memory-map';
import { planByAddress } from './address-fields';
import { BOOT_LOADER_NAME, type Handover, memoryBounds, textFramebuffer } from './boot-information';
import { moduleEnd, placeModule, roomBeside } from './boot-module';
import { isElf, planElf } from './elf';
import { type GuestImage, type Part, place } from './image';
import { hex, LoaderError } from './loader-error';
import { ANY_COMMAND_LINE, given, ignored, type ImagePlan } from './plan';
import type { ImageAsk } from '../../preload/contract/image-report';

const HEADER_MAGIC = 0x1badb002;
const LOADER_MAGIC = 0x2badb002n;
const SEARCHED = 8192;
const HEADER_SIZE = 12;
const HEADER_SIZE_WITH_ADDRESSES = 32;
/** Behind the place of the addresses, whether there are some or not: mode_type, width, height, depth. */
const VIDEO_FIELDS = 32;
const HEADER_SIZE_WITH_VIDEO = 48;
const MODE_TEXT = 1;

/** 3.1.2 Flags of the header: those of the lower half have to be understood. */
const PAGE_ALIGN = 1 << 0;
const MEMORY_INFO = 1 << 1;
const VIDEO_MODE = 1 << 2;
const REQUIREMENTS = 0xffff;
const ADDRESS_FIELDS = 1 << 16;
const UNKNOWN_WISHES = ~(REQUIREMENTS | ADDRESS_FIELDS);

/** 3.3 Flags of the information structure, whose size has grown to this. */
const INFO_SIZE = 116;
const INFO_MEMORY = 1 << 0;
const INFO_CMDLINE = 1 << 2;
const INFO_MMAP = 1 << 6;
const INFO_MODULES = 1 << 3;
const INFO_BOOT_LOADER_NAME = 1 << 9;
const INFO_FRAMEBUFFER = 1 << 12;
const FRAMEBUFFER_AT = 88;
/** Bytes of a module's name that the guest is told. */
const MODULE_NAME_LIMIT = 1024;
/** A map entry's size field does not count itself. */
const MMAP_ENTRY_SIZE = 20;

/** Offset of the header in the file. */
export function findMultiboot({ bytes, view }: GuestImage): number | undefined {
  const last = Math.min(bytes.length, SEARCHED) - HEADER_SIZE;
  for (let at = 0; at <= last; at += 4) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const sum = HEADER_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}

export function planMultiboot(image: GuestImage, header: number): ImagePlan {
  const flags = image.view.getUint32(header + 4, true);
  const { entry, parts } = planParts(image, header, flags);
  return {
    kind: 'multiboot',
    protocol: 'Multiboot 0.6.96',
    description: null,
    entry,
    mode: 'protected',
    parts,
    beside: 'module',
    cmdline: ANY_COMMAND_LINE,
    needsScreen: (flags & VIDEO_MODE) !== 0,
    asks: [
      ...((flags & PAGE_ALIGN) === 0 ? [] : [given('modules at page boundaries', 'where every module is')]),
      ...((flags & MEMORY_INFO) === 0 ? [] : [given('the sizes and the map of memory', 'as every kernel')]),
      ...((flags & VIDEO_MODE) === 0 ? [] : [askForVideo(image, header)]),
      ...((flags & ADDRESS_FIELDS) === 0
        ? []
        : [given('loading by the addresses of its header', 'in the place of ELF')]),
      ...((flags & UNKNOWN_WISHES) === 0
        ? []
        : [
            ignored(
              `what bits ${hex((flags & UNKNOWN_WISHES) >>> 0)} of its flags mean`,
              'as they need not be understood',
            ),
          ]),
    ],
  };
}

export function loadMultiboot(
  image: GuestImage,
  { entry, parts }: ImagePlan,
  memory: Uint8Array,
  handover: Handover,
): { entry: BootState; end: number } {
  const end = place(image, parts, roomBeside(handover.module, memory));
  placeModule(handover.module, memory);
  memory.set(information(memory.length, handover), BOOT_INFORMATION);
  const state = protectedModeState(memory, entry);
  return { entry: { ...state, rax: LOADER_MAGIC, rbx: BigInt(BOOT_INFORMATION) }, end };
}

function planParts(image: GuestImage, header: number, flags: number): { entry: number; parts: Part[] } {
  const { name, view } = image;
  const unknown = flags & REQUIREMENTS & ~(PAGE_ALIGN | MEMORY_INFO | VIDEO_MODE);
  if (unknown !== 0) {
    throw new LoaderError(
      `${name}: its Multiboot header requires what Reveille does not know: clear bits ${hex(unknown)} of its flags`,
    );
  }
  if ((flags & ADDRESS_FIELDS) === 0) {
    if (isElf(image)) return planElf(image);
    throw new LoaderError(
      `${name} has a Multiboot header without addresses (bit 16 of its flags is clear), but is no ELF file, which would have them`,
    );
  }
  checkHeaderEnd(image, header + HEADER_SIZE_WITH_ADDRESSES);
  const field = (index: number): number => view.getUint32(header + HEADER_SIZE + index * 4, true);
  const fields = { headerAddress: field(0), loadAddress: field(1), loadEnd: field(2), bssEnd: field(3) };
  const entry = field(4);
  return { entry, parts: [planByAddress(image, header, fields, entry)] };
}

function checkHeaderEnd({ name, bytes }: GuestImage, end: number): void {
  if (end <= bytes.length) return;
  throw new LoaderError(
    `${name} is truncated: its Multiboot header ends at byte ${end}, but the file has ${bytes.length}`,
  );
}

/** 3.1.4: whatever mode it prefers, a boot loader may set a text mode. */
function askForVideo(image: GuestImage, header: number): ImageAsk {
  checkHeaderEnd(image, header + HEADER_SIZE_WITH_VIDEO);
  const [mode, width, height, depth] = [0, 4, 8, 12].map((at) =>
    image.view.getUint32(header + VIDEO_FIELDS + at, true),
  );
  if (mode === MODE_TEXT) return given('a text mode', 'of 80 columns and 25 rows');
  return ignored(
    `a video mode of ${width} x ${height} x ${depth}`,
    'the screen has text alone, which the kernel is told',
  );
}

function information(ram: number, { cmdline, module, machine }: Handover): Uint8Array {
  const map = new ByteWriter();
  for (const { address, length, type } of e820Map(ram)) map.u32(MMAP_ENTRY_SIZE).u64(address, length).u32(type);
  const mapAddress = BOOT_INFORMATION + INFO_SIZE;
  const nameAddress = mapAddress + map.length;
  const cmdlineAddress = nameAddress + BOOT_LOADER_NAME.length + 1;
  const { lowerKib, upperKib } = memoryBounds(ram);
  const moduleNameAddress = cmdlineAddress + cmdline.length + 1;
  const name = new TextEncoder().encode(module?.image.name ?? '').subarray(0, MODULE_NAME_LIMIT);
  const moduleAddress = Math.ceil((moduleNameAddress + name.length + 1) / 4) * 4;

  const info = new ByteWriter()
    .u32(
      INFO_MEMORY |
        INFO_CMDLINE |
        INFO_MMAP |
        INFO_BOOT_LOADER_NAME |
        (module === null ? 0 : INFO_MODULES) |
        (machine.screen ? INFO_FRAMEBUFFER : 0),
    )
    .u32(lowerKib, upperKib)
    .u32(0) // boot_device
    .u32(cmdlineAddress)
    .u32(module === null ? 0 : 1, module === null ? 0 : moduleAddress)
    .zeros(4 * 4) // symbols
    .u32(map.length, mapAddress)
    .zeros(3 * 4) // drives, ROM configuration table
    .u32(nameAddress);
  if (machine.screen) info.zeros(FRAMEBUFFER_AT - info.length).bytes(textFramebuffer());
  info
    .zeros(INFO_SIZE - info.length)
    .bytes(map.finish())
    .ascii(BOOT_LOADER_NAME)
    .u8(0)
    .bytes(cmdline)
    .u8(0);
  if (module === null) return info.finish();
  return info.bytes(name).u8(0).align(4).u32(module.address, moduleEnd(module), moduleNameAddress, 0).finish();
}

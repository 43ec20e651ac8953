/** Multiboot2 Specification 2.0: header (3.1), machine state (3.3, i386), boot information (3.6). */
import { e820Map } from '../firmware/e820';
import { type BootState, protectedModeState } from '../firmware/boot-state';
import { ByteWriter } from '../firmware/byte-writer';
import { BOOT_INFORMATION } from '../firmware/memory-map';
import { type AddressFields, planByAddress } from './address-fields';
import { BOOT_LOADER_NAME, memoryBounds } from './boot-information';
import { type BootModule, moduleEnd, placeModule, roomBeside } from './boot-module';
import { isElf, planElf } from './elf';
import { type GuestImage, type Part, place } from './image';
import { LoaderError } from './loader-error';
import { ANY_COMMAND_LINE, given, ignored, type ImagePlan } from './plan';
import type { ImageAsk } from '../../preload/contract/image-report';

const HEADER_MAGIC = 0xe85250d6;
const LOADER_MAGIC = 0x36d76289n;
const SEARCHED = 32768;
const HEADER_SIZE = 16;
const ARCHITECTURE_I386 = 0;

/** 3.1.3 Header tags. */
const HeaderTag = {
  END: 0,
  INFORMATION_REQUEST: 1,
  ADDRESS: 2,
  ENTRY_ADDRESS: 3,
  CONSOLE_FLAGS: 4,
  FRAMEBUFFER: 5,
  MODULE_ALIGNMENT: 6,
  EFI_BOOT_SERVICES: 7,
  EFI_I386_ENTRY: 8,
  EFI_AMD64_ENTRY: 9,
  RELOCATABLE: 10,
} as const;
const TAG_HEADER_SIZE = 8;
const OPTIONAL = 1;
const CONSOLE_REQUIRED = 1;
/** Sizes of the tags whose fields are read. */
const TAG_SIZES: Record<number, number> = {
  [HeaderTag.ADDRESS]: 24,
  [HeaderTag.ENTRY_ADDRESS]: 12,
  [HeaderTag.CONSOLE_FLAGS]: 12,
};

/** 3.6 Boot information tags. */
const InfoTag = { END: 0, CMDLINE: 1, BOOT_LOADER_NAME: 2, MODULE: 3, BASIC_MEMINFO: 4, MMAP: 6 } as const;
const PROVIDED: readonly number[] = Object.values(InfoTag);
const MMAP_ENTRY_SIZE = 24;
/** Bytes of a module's name that the guest is told. */
const MODULE_NAME_LIMIT = 1024;

interface Header {
  offset: number;
  address: AddressFields | undefined;
  entry: number | undefined;
  asks: ImageAsk[];
}

/** Offset of the header in the file. */
export function findMultiboot2({ bytes, view }: GuestImage): number | undefined {
  const last = Math.min(bytes.length, SEARCHED) - HEADER_SIZE;
  for (let at = 0; at <= last; at += 8) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const sum =
      HEADER_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true) + view.getUint32(at + 12, true);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}

export function planMultiboot2(image: GuestImage, offset: number): ImagePlan {
  const header = readHeader(image, offset);
  return {
    kind: 'multiboot2',
    protocol: 'Multiboot 2.0',
    description: null,
    ...planParts(image, header),
    mode: 'protected',
    beside: 'module',
    cmdline: ANY_COMMAND_LINE,
    asks: header.asks,
  };
}

export function loadMultiboot2(
  image: GuestImage,
  { entry, parts }: ImagePlan,
  memory: Uint8Array,
  cmdline: Uint8Array,
  module: BootModule | null,
): { entry: BootState; end: number } {
  const end = place(image, parts, roomBeside(module, memory));
  placeModule(module, memory);
  memory.set(information(memory.length, cmdline, module), BOOT_INFORMATION);
  const state = protectedModeState(memory, entry);
  return { entry: { ...state, rax: LOADER_MAGIC, rbx: BigInt(BOOT_INFORMATION) }, end };
}

function planParts(image: GuestImage, header: Header): { entry: number; parts: Part[] } {
  const { offset, address, entry } = header;
  if (address === undefined) {
    if (isElf(image)) return planElf(image, entry === undefined ? {} : { entry: BigInt(entry) });
    throw new LoaderError(
      `${image.name} has a Multiboot 2 header without an address tag, but is no ELF file, which would have the addresses`,
    );
  }
  if (entry === undefined) {
    throw new LoaderError(
      `${image.name} has a Multiboot 2 header with an address tag, but without an entry address tag`,
    );
  }
  return { entry, parts: [planByAddress(image, offset, address, entry)] };
}

function readHeader({ name, bytes, view }: GuestImage, offset: number): Header {
  const fail = (fault: string): LoaderError => new LoaderError(`${name}: its Multiboot 2 header ${fault}`);
  const u32 = (at: number): number => view.getUint32(at, true);
  const architecture = u32(offset + 4);
  if (architecture !== ARCHITECTURE_I386) {
    throw fail(`is for architecture ${architecture}, not ${ARCHITECTURE_I386} (i386)`);
  }
  const end = offset + u32(offset + 8);
  if (end > bytes.length) {
    throw new LoaderError(
      `${name} is truncated: its Multiboot 2 header ends at byte ${end}, but the file has ${bytes.length}`,
    );
  }
  const header: Header = { offset, address: undefined, entry: undefined, asks: [] };
  const { asks } = header;
  let at = offset + HEADER_SIZE;
  while (at + TAG_HEADER_SIZE <= end) {
    const type = view.getUint16(at, true);
    const required = (view.getUint16(at + 2, true) & OPTIONAL) === 0;
    const size = u32(at + 4);
    if (size < (TAG_SIZES[type] ?? TAG_HEADER_SIZE) || at + size > end) {
      throw fail(`is damaged: its tag of type ${type} at byte ${at} claims a size of ${size}`);
    }
    switch (type) {
      case HeaderTag.END:
        return header;
      case HeaderTag.INFORMATION_REQUEST:
        for (let request = at + TAG_HEADER_SIZE; request + 4 <= at + size; request += 4) {
          const wanted = u32(request);
          const what = `boot information of type ${wanted}`;
          if (PROVIDED.includes(wanted)) {
            // A module's is there where there is a module.
            asks.push(given(what, wanted === InfoTag.MODULE ? 'where there is a module' : 'as every kernel'));
          } else if (required) {
            throw fail(`requires ${what}, which Reveille does not have: mark the request as optional`);
          } else asks.push(ignored(what, 'Reveille does not have it'));
        }
        break;
      case HeaderTag.ADDRESS:
        header.address = {
          headerAddress: u32(at + 8),
          loadAddress: u32(at + 12),
          loadEnd: u32(at + 16),
          bssEnd: u32(at + 20),
        };
        asks.push(given('loading by the addresses of its header', 'in the place of ELF'));
        break;
      case HeaderTag.ENTRY_ADDRESS:
        header.entry = u32(at + 8);
        asks.push(given('an entry point of its own', 'in the place of ELF'));
        break;
      case HeaderTag.CONSOLE_FLAGS:
        if (required && (u32(at + 8) & CONSOLE_REQUIRED) !== 0) {
          throw fail(
            'requires a text console, and the machine has none but its serial ports: mark the tag as optional',
          );
        }
        asks.push(ignored('a text console', 'the machine has none but its serial ports'));
        break;
      case HeaderTag.FRAMEBUFFER:
        if (required) throw fail('requires a framebuffer, and the machine has no display: mark the tag as optional');
        asks.push(ignored('a framebuffer', 'the machine has no display'));
        break;
      case HeaderTag.MODULE_ALIGNMENT:
        asks.push(given('modules at page boundaries', 'where every module is'));
        break;
      case HeaderTag.EFI_BOOT_SERVICES:
        asks.push(ignored('EFI boot services', 'the machine has no EFI'));
        break;
      case HeaderTag.EFI_I386_ENTRY:
      case HeaderTag.EFI_AMD64_ENTRY:
        asks.push(ignored('an entry point for EFI', 'the machine has no EFI'));
        break;
      case HeaderTag.RELOCATABLE:
        asks.push(ignored('being moved where there is room', 'it may also stay where it is linked to'));
        break;
      default:
        if (required) throw fail(`has a tag of type ${type}, which Reveille does not know: mark it as optional`);
        asks.push(ignored(`what a tag of type ${type} means`, 'it is optional'));
    }
    // Tags start at multiples of 8 from the header, which does so itself.
    at += (size + 7) & ~7;
  }
  throw fail(`has no end tag within its ${end - offset} bytes`);
}

function information(ram: number, cmdline: Uint8Array, module: BootModule | null): Uint8Array {
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
  tag(InfoTag.END, new Uint8Array());
  return new ByteWriter()
    .u32(TAG_HEADER_SIZE + tags.length, 0)
    .bytes(tags.finish())
    .finish();
}

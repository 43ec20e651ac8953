/** What a kernel asks for by its header (Multiboot2 Specification 2.0, 3.1). */
import type { ImageAsk } from '../../preload/contract/image-report';
import type { AddressFields } from './address-fields';
import type { GuestImage } from './image';
import { LoaderError } from './loader-error';
import { InfoTag } from './multiboot2-information';
import { given, ignored } from './plan';

const HEADER_MAGIC = 0xe85250d6;
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
const CONSOLE_REQUIRED = 1 << 0;
const EGA_TEXT_SUPPORTED = 1 << 1;
/** Sizes of the tags whose fields are read. */
const TAG_SIZES: Record<number, number> = {
  [HeaderTag.ADDRESS]: 24,
  [HeaderTag.ENTRY_ADDRESS]: 12,
  [HeaderTag.CONSOLE_FLAGS]: 12,
  [HeaderTag.FRAMEBUFFER]: 20,
};

const PROVIDED: readonly number[] = Object.values(InfoTag);
/** Some of those are there where what they tell of is. */
const WHERE: Record<number, string> = {
  [InfoTag.MODULE]: 'where there is a module',
  [InfoTag.FRAMEBUFFER]: 'where there is a VGA',
};

/** What a boot loader need only tell where there is something to tell (3.1.4): boot device, VBE, APM, EFI, SMBIOS, network, load base. */
const NOTHING_OF: readonly number[] = [5, 7, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21];

export interface Header {
  offset: number;
  address: AddressFields | undefined;
  entry: number | undefined;
  asks: ImageAsk[];
  needsScreen: boolean;
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

export function readHeader({ name, bytes, view }: GuestImage, offset: number): Header {
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
  const header: Header = { offset, address: undefined, entry: undefined, asks: [], needsScreen: false };
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
            asks.push(given(what, WHERE[wanted] ?? 'as every kernel'));
          } else if (required && !NOTHING_OF.includes(wanted)) {
            throw fail(`requires ${what}, which Reveille does not have: mark the request as optional`);
          } else asks.push(ignored(what, 'there is none'));
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
      case HeaderTag.CONSOLE_FLAGS: {
        const flags = u32(at + 8);
        const needed = required && (flags & CONSOLE_REQUIRED) !== 0;
        if ((flags & EGA_TEXT_SUPPORTED) !== 0) asks.push(given('a text console', WHERE[InfoTag.FRAMEBUFFER]));
        else if (!needed) asks.push(ignored('a console without text', 'the screen has text alone'));
        else
          throw fail(
            'requires a console and supports none in text mode, which all screens here are: support it (bit 1)',
          );
        header.needsScreen ||= needed;
        break;
      }
      case HeaderTag.FRAMEBUFFER:
        // 3.1.10: what it prefers. It may be given another one.
        asks.push(
          ignored(
            `a video mode of ${u32(at + 8)} x ${u32(at + 12)} x ${u32(at + 16)}`,
            'the screen has text alone, which the kernel is told',
          ),
        );
        header.needsScreen ||= required;
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

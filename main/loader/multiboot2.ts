/** Multiboot2 Specification 2.0: machine state (3.3, i386); its header and the boot information are files of their own. */
import { type BootState, protectedModeState } from '../firmware/boot-state';
import { BOOT_INFORMATION } from '../firmware/memory-map';
import { planByAddress } from './address-fields';
import type { Handover } from './boot-information';
import { placeModule, roomBeside } from './boot-module';
import { isElf, planElf } from './elf';
import { type GuestImage, type Part, place } from './image';
import { LoaderError } from './loader-error';
import { type Header, readHeader } from './multiboot2-header';
import { information } from './multiboot2-information';
import { ANY_COMMAND_LINE, type ImagePlan } from './plan';

const LOADER_MAGIC = 0x36d76289n;

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
    needsScreen: header.needsScreen,
  };
}

export function loadMultiboot2(
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

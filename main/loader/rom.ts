/**
 * A firmware ROM, such as SeaBIOS: the machine begins in it, at the reset vector (SDM vol. 3A, "First Instruction Executed"),
 * and finds nothing else in memory.
 */
import { HIGH_MEMORY, MAX_ROM, ROM_BLOCK, romShadowSize } from '../firmware/memory-map';
import type { ImageReport } from '../../preload/contract/image-report';
import type { ImageFile } from './image';
import { LoaderError } from './loader-error';

const ADDRESS_SPACE = 2 ** 32;
const RESET_VECTOR = 16; // bytes before the end
/** The processor is in real mode, 16 bytes before the end of the address space: all it can do there is to jump. */
const JUMPS = [0xea, 0xe9, 0xeb]; // JMP ptr16:16, rel16, rel8

/** Bytes of the ROM that an image is; 0 where it is none. */
export function romSizeOf(image: Uint8Array): number {
  const { length } = image;
  if (length === 0 || length > MAX_ROM || length % ROM_BLOCK !== 0) return 0;
  return JUMPS.includes(image[length - RESET_VECTOR]) ? length : 0;
}

/** What becomes of a ROM of this size. */
export function romReport(size: number): ImageReport {
  const shadow = romShadowSize(size);
  return {
    kind: 'rom',
    protocol: null,
    description: null,
    entry: ADDRESS_SPACE - RESET_VECTOR,
    mode: 'real',
    segments: [
      { what: 'ROM', address: ADDRESS_SPACE - size, size },
      { what: 'copy of its end, in RAM', address: HIGH_MEMORY - shadow, size: shadow },
    ],
    moreSegments: 0,
    memory: HIGH_MEMORY,
    beside: null,
    cmdline: 0,
    asks: [],
    given: [],
  };
}

/** Puts it into the machine's ROM and, as a PC's chip set has it after a reset, into the last 128 KiB below 1 MiB. */
export function loadRom(
  { name, bytes }: ImageFile,
  rom: Uint8Array,
  memory: Uint8Array,
  initrd: ImageFile | null,
): void {
  if (initrd !== null) {
    throw new LoaderError(`${name} is a firmware ROM, which takes no initial RAM disk: leave ${initrd.name} out`);
  }
  const shadow = romShadowSize(bytes.length);
  rom.set(bytes);
  memory.set(bytes.subarray(bytes.length - shadow), HIGH_MEMORY - shadow);
}

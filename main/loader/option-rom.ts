/**
 * Option ROMs: code of a device that firmware copies below 1 MiB and calls (Plug and Play BIOS Specification 1.0A, section 3.2, "Option ROM Header").
 */
import { MAX_OPTION_ROM } from '../firmware/memory-map';
import type { ImageFile } from './image';
import { LoaderError } from './loader-error';

const SIGNATURE = [0x55, 0xaa];
/** In blocks of 512 bytes. */
const LENGTH = 2;
const BLOCK = 512;

/** Bytes of the option ROM that these begin with; 0: there is none. */
export function optionRomSize(bytes: Uint8Array): number {
  return SIGNATURE.every((byte, at) => bytes[at] === byte) ? bytes[LENGTH] * BLOCK : 0;
}

/** Puts it where firmware will be handed it from. */
export function loadOptionRom({ name, bytes }: ImageFile, to: Uint8Array): void {
  const size = optionRomSize(bytes);
  if (size === 0 || size > bytes.length) {
    throw new LoaderError(`${name} is no option ROM: it has to begin with 55 AA and its length, which it must have`);
  }
  if (size > to.length) {
    throw new LoaderError(`The option ROM ${name} has ${size} bytes: at most ${MAX_OPTION_ROM} are possible`);
  }
  to.set(bytes.subarray(0, size));
}

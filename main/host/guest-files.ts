/** The files that a machine begins with. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { MachineConfig } from '../../preload/contract/machine';
import { ReveilleError } from '../base/errors';
import { type GuestFiles, isFirmware } from '../machine/load-image';

/** SeaVGABIOS for a VGA that is no PCI device, as it is called beside SeaBIOS. */
const VGA_BIOS = 'vgabios-isavga.bin';

export class GuestFileError extends ReveilleError {}

export function readImage(what: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new GuestFileError('usage', `The ${what} ${path} cannot be read (${code ?? String(error)}).`);
  }
}

/** What firmware needs for a screen: it lies in the folder of its image, or there is none. */
export function vgaBiosOf({ guest, vga }: MachineConfig, image: Uint8Array): GuestFiles['vgaBios'] {
  const path = join(dirname(guest), VGA_BIOS);
  if (vga === 'none' || !isFirmware(image) || !existsSync(path)) return null;
  return { name: path, bytes: readImage('VGA BIOS', path) };
}

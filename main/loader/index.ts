/** Guest image in, entry point out: finds out what an image is and loads it into guest RAM. */
import { type BootState, longModeState, protectedModeState } from '../firmware/boot-state';
import { MAX_COMMAND_LINE } from '../firmware/memory-map';
import { planModule } from './boot-module';
import { isElf, loadElf } from './elf';
import { loadFlat } from './flat';
import { guestImage } from './image';
import { isLinux, loadLinux } from './linux';
import { LoaderError } from './loader-error';
import { findMultiboot, loadMultiboot } from './multiboot';
import { findMultiboot2, loadMultiboot2 } from './multiboot2';
import { findPvhEntry, loadPvh } from './pvh';

export { LoaderError };

type GuestKind = 'multiboot' | 'multiboot2' | 'linux' | 'pvh' | 'elf32' | 'elf64' | 'flat';

export interface LoadedGuest {
  kind: GuestKind;
  /** The state in which the BSP begins. */
  entry: BootState;
  /** First address after the loaded image. */
  end: number;
}

/** A file as it is to be loaded; its name is for messages. */
export interface ImageFile {
  name: string;
  bytes: Uint8Array;
}

/**
 * Loads an image of any kind that Reveille knows; `name` is for messages, `screen`: the machine has a VGA in text mode. An image with both Multiboot headers is loaded
 * by the first version, one that is a Linux kernel beside, or has a PVH entry, by Multiboot. A LoaderError leaves guest RAM as it was.
 */
export function loadGuest(
  bytes: Uint8Array,
  name: string,
  memory: Uint8Array,
  cmdline: string,
  initrd: ImageFile | null = null,
  screen = false,
): LoadedGuest {
  if (bytes.length === 0) throw new LoaderError(`${name} is empty: it has no guest to load`);
  const commandLine = new TextEncoder().encode(cmdline);
  if (commandLine.length > MAX_COMMAND_LINE) {
    throw new LoaderError(`The command line has ${commandLine.length} bytes: at most ${MAX_COMMAND_LINE} are possible`);
  }
  const image = guestImage(bytes, name);
  const disk = initrd === null ? null : guestImage(initrd.bytes, initrd.name);
  const multiboot = findMultiboot(image);
  if (multiboot === undefined && isLinux(image)) {
    return { kind: 'linux', ...loadLinux(image, memory, commandLine, disk, screen) };
  }
  const multiboot2 = findMultiboot2(image);
  const isPlainElf = multiboot === undefined && multiboot2 === undefined && isElf(image);
  const pvh = isPlainElf ? findPvhEntry(image) : undefined;
  if (multiboot !== undefined || multiboot2 !== undefined || pvh !== undefined) {
    const module = planModule(disk, memory.length);
    if (multiboot !== undefined)
      return { kind: 'multiboot', ...loadMultiboot(image, multiboot, memory, commandLine, module) };
    if (multiboot2 !== undefined)
      return { kind: 'multiboot2', ...loadMultiboot2(image, multiboot2, memory, commandLine, module) };
    if (pvh !== undefined) return { kind: 'pvh', ...loadPvh(image, pvh, memory, commandLine, module) };
  }
  if (initrd !== null) {
    throw new LoaderError(
      `${name} is neither a Linux, a Multiboot nor a PVH kernel, so that it takes no initial RAM disk or module: ` +
        `leave ${initrd.name} out`,
    );
  }
  if (!isElf(image)) return { kind: 'flat', ...loadFlat(image, memory) };
  const { bits, entry, end } = loadElf(image, memory);
  return bits === 32
    ? { kind: 'elf32', entry: protectedModeState(memory, entry), end }
    : { kind: 'elf64', entry: longModeState(memory, entry), end };
}

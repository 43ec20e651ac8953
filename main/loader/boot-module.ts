/** A file beside the kernel (--initrd), as Multiboot and PVH hand it over: whole, at an address of the loader's choice. */
import { HIGH_MEMORY, MIB } from '../firmware/memory-map';
import type { GuestImage } from './image';
import { LoaderError } from './loader-error';

/** Both Multiboot versions and PVH want modules at page boundaries. */
const PAGE = 4096;

export interface BootModule {
  address: number;
  image: GuestImage;
}

/** As high as it goes: kernels are low, and what they use next lies behind them. */
export function planModule(image: GuestImage | null, ram: number): BootModule | null {
  if (image === null) return null;
  const address = Math.floor((ram - image.bytes.length) / PAGE) * PAGE;
  if (address >= HIGH_MEMORY) return { address, image };
  throw new LoaderError(
    `${image.name} has ${image.bytes.length} bytes, for which the machine's ${ram / MIB} MiB have no room: give it more memory`,
  );
}

/** The RAM that is left for the kernel itself. */
export function roomBeside(module: BootModule | null, memory: Uint8Array): Uint8Array {
  return module === null ? memory : memory.subarray(0, module.address);
}

/** After the kernel, so that one that cannot be loaded leaves RAM as it was. */
export function placeModule(module: BootModule | null, memory: Uint8Array): void {
  if (module !== null) memory.set(module.image.bytes, module.address);
}

/** First address after it. */
export function moduleEnd({ address, image }: BootModule): number {
  return address + image.bytes.length;
}

/** What a guest image is and asks for, as the loader finds it by its headers; in a machine also where everything is. */

export type ImageKind = 'linux' | 'multiboot' | 'multiboot2' | 'pvh' | 'elf32' | 'elf64' | 'flat' | 'rom';

/** A range of guest RAM; addresses are guest-physical. */
export interface ImageRange {
  what: string;
  address: number;
  size: number;
}

/** Something that the image asks for or offers, and what becomes of it. */
export interface ImageAsk {
  what: string;
  answer: 'given' | 'ignored';
  why: string;
}

export interface ImageReport {
  kind: ImageKind;
  /** The boot protocol with its version; null: there is none. */
  protocol: string | null;
  /** What the image says of itself: of a Linux kernel its version. */
  description: string | null;
  /** Physical address of the first instruction, and the mode in which it is executed. */
  entry: number;
  mode: 'real' | 'protected' | 'long';
  /** What is loaded, the first of it. */
  segments: ImageRange[];
  /** How many segments are not among them. */
  moreSegments: number;
  /** Bytes of RAM without which it cannot be loaded; what it needs to run is known to itself alone. */
  memory: number;
  /** As what it gets a file beside it; null: it takes none. */
  beside: 'initial RAM disk' | 'module' | null;
  /** Most bytes of its command line; 0: it gets none. */
  cmdline: number;
  asks: ImageAsk[];
  /** In a machine: what the loader has put beside the image. */
  given: ImageRange[];
}

export const IMAGE_KIND_NAMES: Record<ImageKind, string> = {
  linux: 'Linux kernel (bzImage)',
  multiboot: 'Multiboot kernel',
  multiboot2: 'Multiboot 2 kernel',
  pvh: 'ELF kernel with a PVH entry',
  elf32: '32-bit ELF image',
  elf64: '64-bit ELF image',
  flat: 'flat image, entered as a boot sector',
  rom: 'firmware ROM',
};

const hex = (value: number): string => `0x${value.toString(16)}`;

function sizeText(bytes: number): string {
  if (bytes < 2 ** 10) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const [unit, name] = bytes < 2 ** 20 ? [2 ** 10, 'KiB'] : [2 ** 20, 'MiB'];
  return `${Number((bytes / unit).toFixed(1))} ${name}`;
}

export function rangeText({ what, address, size }: ImageRange): string {
  return `${what}: ${sizeText(size)} at ${hex(address)}`;
}

/** `Multiboot kernel, Multiboot 0.6.96: entry 0x100020 in protected mode`. */
export function imageHeadline({ kind, protocol, description, entry, mode }: ImageReport): string {
  const says = description === null ? '' : `, ${description}`;
  const by = protocol === null ? '' : `, ${protocol}`;
  return `${IMAGE_KIND_NAMES[kind]}${says}${by}: entry ${hex(entry)} in ${mode} mode`;
}

/** All of it, a line each. */
export function imageLines(report: ImageReport): string[] {
  const { segments, moreSegments, memory, beside, cmdline, asks, given } = report;
  return [
    imageHeadline(report),
    ...segments.map((segment) => `loads ${rangeText(segment)}`),
    ...(moreSegments === 0 ? [] : [`loads ${moreSegments} more segments`]),
    memory === 0 ? 'needs no RAM to be loaded' : `needs ${sizeText(memory)} of RAM to be loaded`,
    beside === null ? 'takes no file beside it' : `takes a file beside it as ${beside}`,
    cmdline === 0 ? 'takes no command line' : `takes a command line of at most ${cmdline} bytes`,
    ...asks.map(({ what, answer, why }) => `asks for ${what}: ${answer}, ${why}`),
    ...given.map((range) => `is given ${rangeText(range)}`),
  ];
}

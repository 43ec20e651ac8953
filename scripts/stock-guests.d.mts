/** Paths of what is in the cache. */
export interface StockGuests {
  /** The kernel of Debian's linux-image-cloud-amd64. */
  cloud: string;
  /** The kernel of Debian's linux-image-amd64. */
  generic: string;
  /** busybox, and what starts it. */
  initrd: string;
  /** A disk with a root file system (root-image.mjs); missing where the host has no e2fsprogs. */
  root?: string;
  /** SeaBIOS, of 256 KiB. */
  seabios: string;
  /** The first sectors of a disk that starts GRUB (grub-image.mjs); missing where the host cannot run grub-mkimage. */
  grub?: string;
  /** GRUB as an ELF kernel with a PVH entry; missing as `grub`. */
  grubPvh?: string;
  /** memtest86+ for x86-64, and for i386. */
  memtest64: string;
  memtest32: string;
  /** iPXE as a Linux kernel that begins in real mode. */
  ipxe: string;
  /** Xen, compressed with gzip. */
  xen: string;
  /** A game as a Multiboot kernel. */
  invaders: string;
  /** Of each package. */
  versions: Record<string, string>;
}

/** Null: they are not there. */
export function stockGuests(): StockGuests | null;

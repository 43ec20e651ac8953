/** Paths of what is in the cache. */
export interface StockGuests {
  /** The kernel of Debian's linux-image-cloud-amd64. */
  cloud: string;
  /** The kernel of Debian's linux-image-amd64. */
  generic: string;
  /** busybox, and what starts it. */
  initrd: string;
  /** Of each package. */
  versions: Record<string, string>;
}

/** Null: they are not there. */
export function stockGuests(): StockGuests | null;

/** A disk image as a device sees it, and as the host implements it. Offsets and lengths are bytes of whole sectors. */
export interface Disk {
  readonly sectors: number;
  readonly readonly: boolean;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  /** Comes back when all that was written survives a crash of the host. */
  flush(): void;
}

/** What the host could not do; for the guest it is an I/O error. */
export class DiskError extends Error {}

export const SECTOR = 512;

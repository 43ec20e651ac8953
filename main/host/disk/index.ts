/** The disks of a machine: their files are opened once, and each vcpu's thread makes its own objects over the descriptors. */
import { closeSync, fdatasyncSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DiskConfig } from '../../../preload/contract/machine';
import { type Disk, SECTOR } from '../../base/disk';
import { asDiskError, DiskFileError, openImage, readAt, writeAt } from './image-file';
import { openOverlay, OverlayDisk } from './overlay';

/** An open disk as data that can be posted to a thread. */
export interface DiskHandle {
  fd: number;
  size: number;
  readonly: boolean;
  /** The descriptor of the file that has its changes. */
  overlay: number | null;
}

export function openDisk({ path, readonly, overlay }: DiskConfig): DiskHandle {
  const { fd, size } = openImage(path, !readonly && overlay === null);
  try {
    if (size === 0 || size % SECTOR !== 0) {
      throw new DiskFileError(
        `The disk image ${path} has ${size} bytes: a disk is one or more whole sectors of ${SECTOR} bytes.`,
      );
    }
    return { fd, size, readonly, overlay: overlay === null ? null : openOverlay(overlay, resolve(path), size) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export function diskOf({ fd, size, readonly, overlay }: DiskHandle): Disk {
  return overlay === null ? new RawDisk(fd, size, readonly) : new OverlayDisk(overlay, fd, size);
}

class RawDisk implements Disk {
  readonly sectors: number;
  readonly readonly: boolean;
  readonly #fd: number;

  constructor(fd: number, size: number, readonly: boolean) {
    this.sectors = size / SECTOR;
    this.readonly = readonly;
    this.#fd = fd;
  }

  read(offset: number, into: Uint8Array): void {
    readAt(this.#fd, into, offset);
  }

  write(offset: number, from: Uint8Array): void {
    writeAt(this.#fd, from, offset);
  }

  flush(): void {
    asDiskError(() => fdatasyncSync(this.#fd));
  }
}

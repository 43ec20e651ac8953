/**
 * A disk whose changes go into a file of their own, over an image that stays as it is (qcow2-layout.ts).
 *
 * Whenever the process is killed the file is consistent: a cluster's data and its refcount are written before the L2 entry that
 * leads to it, and without that entry it is unused room at the file's end, which the next machine takes off. Between the two is an
 * fdatasync, so that this holds where the host itself goes down, too.
 *
 * An object keeps nothing of the file: each vcpu's thread has its own, and they take turns under the machine lock.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  rmSync,
} from 'node:fs';
import { type Disk, DiskError, SECTOR } from '../../base/disk';
import { asDiskError, failure, openImage, readAt, writeAt } from './image-file';
import {
  checkOverlay,
  CLUSTER,
  COMPRESSED,
  COPIED,
  endOfData,
  type Layout,
  layoutOf,
  L2_ENTRY,
  newOverlay,
  OFFSET,
  REFCOUNT,
  refcountsOfOne,
  ZERO,
} from './qcow2-layout';

/** Opens the overlay of an image of this size, and makes it where there is none; gives its descriptor. */
export function openOverlay(path: string, backing: string, size: number): number {
  const layout = layoutOf(size);
  if (!existsSync(path)) makeOverlay(path, backing, layout);
  const { fd } = openImage(path, true);
  try {
    checkOverlay(path, backing, layout, (at, length) => {
      const bytes = Buffer.alloc(length);
      readAt(fd, bytes, at);
      return bytes;
    });
    dropUnused(fd, layout);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Takes off what a killed machine had made room for, and nothing leads to: else there would be too few refcounts in the end. */
function dropUnused(fd: number, layout: Layout): void {
  let end = layout.data;
  const table = Buffer.alloc(CLUSTER);
  for (let at = layout.l2; at < layout.data; at += CLUSTER) {
    readAt(fd, table, at);
    end = Math.max(end, endOfData(table));
  }
  const first = end / CLUSTER;
  const clusters = Math.min(Math.ceil(fstatSync(fd).size / CLUSTER), layout.counted);
  if (clusters <= first) return;
  writeAt(fd, new Uint8Array((clusters - first) * REFCOUNT), layout.refcounts + first * REFCOUNT);
  fdatasyncSync(fd);
  ftruncateSync(fd, end);
}

/** Beside its place and then linked there, so that a file with its name is whole. */
function makeOverlay(path: string, backing: string, layout: Layout): void {
  // A killed machine leaves it, and another process may have its number.
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    const fd = openSync(partial, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o644);
    try {
      ftruncateSync(fd, layout.data);
      for (const { at, bytes } of newOverlay(layout, backing)) writeAt(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    linkSync(partial, path);
  } catch (error) {
    throw failure(`The overlay ${path} cannot be made`, error);
  } finally {
    rmSync(partial, { force: true });
  }
}

export class OverlayDisk implements Disk {
  readonly sectors: number;
  readonly readonly = false;
  readonly #fd: number;
  readonly #backing: number;
  readonly #layout: Layout;

  constructor(fd: number, backing: number, size: number) {
    this.sectors = size / SECTOR;
    this.#fd = fd;
    this.#backing = backing;
    this.#layout = layoutOf(size);
  }

  read(offset: number, into: Uint8Array): void {
    const table = this.#entries(offset, into.length);
    for (let done = 0; done < into.length;) {
      const at = offset + done;
      const within = at % CLUSTER;
      const piece = into.subarray(done, done + CLUSTER - within);
      this.#readCluster(this.#entry(table, offset, at), at, within, piece);
      done += piece.length;
    }
  }

  /** Clusters that are there already are written in place; the new ones get their room and their entries together. */
  write(offset: number, from: Uint8Array): void {
    const table = this.#entries(offset, from.length);
    const fresh: { at: number; piece: Uint8Array }[] = [];
    for (let done = 0; done < from.length;) {
      const at = offset + done;
      const piece = from.subarray(done, done + CLUSTER - (at % CLUSTER));
      const entry = this.#entry(table, offset, at);
      const place = (entry & ZERO) !== 0n ? 0 : this.#place(entry);
      if (place === 0) fresh.push({ at, piece });
      else writeAt(this.#fd, piece, place + (at % CLUSTER));
      done += piece.length;
    }
    if (fresh.length > 0) this.#allocate(fresh, table, offset);
  }

  flush(): void {
    asDiskError(() => fdatasyncSync(this.#fd));
  }

  #allocate(fresh: readonly { at: number; piece: Uint8Array }[], table: Buffer, offset: number): void {
    const first = Math.ceil(asDiskError(() => fstatSync(this.#fd).size) / CLUSTER);
    if (first + fresh.length > this.#layout.counted) {
      throw new DiskError(
        'The overlay has no refcounts for more clusters: writes that failed have left too many unused.',
      );
    }
    const data = Buffer.alloc(fresh.length * CLUSTER);
    fresh.forEach(({ at, piece }, n) => {
      const cluster = data.subarray(n * CLUSTER, (n + 1) * CLUSTER);
      const start = at - (at % CLUSTER);
      if (piece.length < CLUSTER) this.#readCluster(this.#entry(table, offset, at), start, 0, cluster);
      cluster.set(piece, at - start);
    });
    writeAt(this.#fd, data, first * CLUSTER);
    writeAt(this.#fd, refcountsOfOne(fresh.length), this.#layout.refcounts + first * REFCOUNT);
    this.flush();
    fresh.forEach(({ at }, n) => {
      const entry = Buffer.alloc(L2_ENTRY);
      entry.writeBigUInt64BE(BigInt((first + n) * CLUSTER) | COPIED);
      writeAt(this.#fd, entry, this.#layout.l2 + Math.floor(at / CLUSTER) * L2_ENTRY);
    });
  }

  #readCluster(entry: bigint, at: number, within: number, into: Uint8Array): void {
    const place = this.#place(entry);
    if ((entry & ZERO) !== 0n) into.fill(0);
    else if (place === 0) readAt(this.#backing, into, at);
    else readAt(this.#fd, into, place + within);
  }

  /** The L2 entries of a range. */
  #entries(offset: number, length: number): Buffer {
    const first = Math.floor(offset / CLUSTER);
    const end = Math.ceil((offset + length) / CLUSTER);
    const table = Buffer.alloc((end - first) * L2_ENTRY);
    readAt(this.#fd, table, this.#layout.l2 + first * L2_ENTRY);
    return table;
  }

  #entry(table: Buffer, offset: number, at: number): bigint {
    return table.readBigUInt64BE((Math.floor(at / CLUSTER) - Math.floor(offset / CLUSTER)) * L2_ENTRY);
  }

  /** Where a cluster is in the file; 0: nowhere. An entry that leads among the metadata would have them overwritten. */
  #place(entry: bigint): number {
    const place = Number(entry & OFFSET);
    if ((entry & COMPRESSED) !== 0n || place % CLUSTER !== 0 || (place !== 0 && place < this.#layout.data)) {
      throw new DiskError(`L2 entry 0x${entry.toString(16)} of the overlay is none that Reveille has written.`);
    }
    return place;
  }
}

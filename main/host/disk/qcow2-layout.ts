/**
 * An overlay's file format: QCOW2, version 3 (QEMU's docs/interop/qcow2.txt), with all metadata in place from the start. So an
 * entry of a table is found by arithmetic, nothing but data is ever allocated, and that at the file's end:
 *
 *     header | refcount table | L1 table | refcount blocks | L2 tables | data clusters, as they come
 *
 * QEMU's tools read, check and convert it like any other; what they have laid out otherwise is refused here.
 */
import { DiskFileError } from './image-file';

export const CLUSTER = 65536;
const CLUSTER_BITS = 16;
export const L2_ENTRY = 8;
const TABLE_ENTRIES = CLUSTER / L2_ENTRY;
/** A refcount has 16 bits. */
export const REFCOUNT = 2;
const REFCOUNT_ORDER = 4;
const BLOCK_REFCOUNTS = CLUSTER / REFCOUNT;
/** What one L1 table of a cluster reaches. */
const MOST_BYTES = TABLE_ENTRIES * TABLE_ENTRIES * CLUSTER;

const MAGIC = 0x514649fb;
const VERSION = 3;
const HEADER_LENGTH = 104;
const BACKING_FORMAT = 0xe2792aca;
const RAW = 'raw';
/** Where the backing file's name is: after the header's extensions. */
const NAME_AT = HEADER_LENGTH + 16 + 8;
const MAX_NAME = 1023;

/** Bits of an L1 or L2 entry. */
export const COPIED = 1n << 63n;
export const COMPRESSED = 1n << 62n;
export const ZERO = 1n;
export const OFFSET = 0x00ff_ffff_ffff_fe00n;

export interface Layout {
  /** Bytes of the disk. */
  size: number;
  l1Entries: number;
  refcountBlocks: number;
  /** Clusters that have a refcount. */
  counted: number;
  /** Where they begin in the file. */
  refcountTable: number;
  l1: number;
  refcounts: number;
  l2: number;
  data: number;
}

export function layoutOf(size: number): Layout {
  if (size > MOST_BYTES) throw new DiskFileError(`An overlay's disk has ${MOST_BYTES} bytes at most, not ${size}.`);
  const l1Entries = Math.max(1, Math.ceil(size / (CLUSTER * TABLE_ENTRIES)));
  const fixed = 3 + l1Entries + Math.ceil(size / CLUSTER);
  // Refcounts count their own blocks, too.
  let refcountBlocks = 1;
  while (refcountBlocks * BLOCK_REFCOUNTS < fixed + refcountBlocks) refcountBlocks++;
  const refcounts = 3 * CLUSTER;
  const l2 = refcounts + refcountBlocks * CLUSTER;
  return {
    size,
    l1Entries,
    refcountBlocks,
    counted: refcountBlocks * BLOCK_REFCOUNTS,
    refcountTable: CLUSTER,
    l1: 2 * CLUSTER,
    refcounts,
    l2,
    data: l2 + l1Entries * CLUSTER,
  };
}

/** The clusters that are not zero in a new overlay, each with its place in the file. */
export function newOverlay(layout: Layout, backing: string): { at: number; bytes: Buffer }[] {
  const name = Buffer.from(backing);
  if (name.length > MAX_NAME) {
    throw new DiskFileError(
      `The path of an overlay's image has at most ${MAX_NAME} bytes; ${backing} has ${name.length}.`,
    );
  }
  return [
    { at: 0, bytes: headerOf(layout, name) },
    { at: layout.refcountTable, bytes: entries(layout.refcountBlocks, layout.refcounts, 0n) },
    { at: layout.l1, bytes: entries(layout.l1Entries, layout.l2, COPIED) },
    { at: layout.refcounts, bytes: refcountsOfOne(layout.data / CLUSTER) },
  ];
}

function headerOf(layout: Layout, name: Buffer): Buffer {
  const header = Buffer.alloc(NAME_AT + name.length);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(VERSION, 4);
  header.writeBigUInt64BE(BigInt(NAME_AT), 8);
  header.writeUInt32BE(name.length, 16);
  header.writeUInt32BE(CLUSTER_BITS, 20);
  header.writeBigUInt64BE(BigInt(layout.size), 24);
  header.writeUInt32BE(layout.l1Entries, 36);
  header.writeBigUInt64BE(BigInt(layout.l1), 40);
  header.writeBigUInt64BE(BigInt(layout.refcountTable), 48);
  header.writeUInt32BE(1, 56); // refcount_table_clusters
  header.writeUInt32BE(REFCOUNT_ORDER, 96);
  header.writeUInt32BE(HEADER_LENGTH, 100);
  header.writeUInt32BE(BACKING_FORMAT, HEADER_LENGTH);
  header.writeUInt32BE(RAW.length, HEADER_LENGTH + 4);
  header.write(RAW, HEADER_LENGTH + 8);
  name.copy(header, NAME_AT);
  return header;
}

function entries(count: number, first: number, flags: bigint): Buffer {
  const table = Buffer.alloc(count * L2_ENTRY);
  for (let i = 0; i < count; i++) table.writeBigUInt64BE(BigInt(first + i * CLUSTER) | flags, i * L2_ENTRY);
  return table;
}

/** Where the last data cluster ends to which one of these L2 entries leads; 0: none does. */
export function endOfData(table: Buffer): number {
  let end = 0;
  for (let at = 0; at < table.length; at += L2_ENTRY) {
    const low = table.readUInt32BE(at + 4);
    const place = (table.readUInt32BE(at) & 0x00ff_ffff) * 2 ** 32 + low - (low % CLUSTER);
    if (place !== 0) end = Math.max(end, place + CLUSTER);
  }
  return end;
}

export function refcountsOfOne(count: number): Buffer {
  const refcounts = Buffer.alloc(count * REFCOUNT);
  for (let i = 0; i < count; i++) refcounts.writeUInt16BE(1, i * REFCOUNT);
  return refcounts;
}

/** Throws where the file is not an overlay of this image with the layout above. `read`: so many bytes from there on. */
export function checkOverlay(
  path: string,
  backing: string,
  layout: Layout,
  read: (at: number, length: number) => Buffer,
): void {
  const refuse = (why: string): never => {
    throw new DiskFileError(`The overlay ${path} ${why}.`);
  };
  const [header, ...tables] = newOverlay(layout, backing);
  const found = read(0, header.bytes.length);
  if (found.readUInt32BE(0) !== MAGIC) refuse('is no QCOW2 file');
  if (found.readBigUInt64BE(24) !== BigInt(layout.size)) {
    refuse(`is of a disk with ${found.readBigUInt64BE(24)} bytes, and ${backing} has ${layout.size}`);
  }
  if (found.readUInt32BE(4) === VERSION && found.readBigUInt64BE(72) !== 0n) {
    refuse('is marked as dirty or damaged, or uses a newer format: see what "qemu-img check" says of it');
  }
  const name = (bytes: Buffer) => bytes.subarray(NAME_AT).toString();
  if (name(found) !== name(header.bytes)) refuse(`is not one of ${backing}`);
  // The refcounts of the metadata are the last of these and may differ in their block's rest.
  const same = [header, ...tables].every(({ at, bytes }) => read(at, bytes.length).equals(bytes));
  if (!same) refuse('was laid out by another program: Reveille writes to overlays that it has made itself');
}

/**
 * A plugin as one file: a gzipped tar archive of regular files (IEEE Std 1003.1, "pax", ustar Interchange Format). What is
 * written is the same to the byte for the same files; what is read comes from anywhere.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { PluginError } from './plugin-error';

export interface PackedFile {
  /** With / between its parts. */
  path: string;
  bytes: Uint8Array;
}

export const MAX_PACKED = 8 * 2 ** 20;
const MAX_UNPACKED = 32 * 2 ** 20;
const MAX_FILES = 1000;
const MAX_PATH = 200;

const BLOCK = 512;
/** Offset and length of the header's fields. */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const UID = [108, 8] as const;
const GID = [116, 8] as const;
const SIZE = [124, 12] as const;
const MTIME = [136, 12] as const;
const CHECKSUM = [148, 8] as const;
const TYPE = [156, 1] as const;
const MAGIC = [257, 8] as const;
const PREFIX = [345, 155] as const;
type Field = readonly [offset: number, length: number];

const REGULAR = ['0', '\0'];
const DIRECTORY = '5';

/** The archive; the files' order, owner and times leave no trace in it. */
export function packFiles(files: readonly PackedFile[]): Uint8Array {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const blocks = sorted.flatMap(({ path, bytes }) => [header(path, bytes.length), padded(bytes)]);
  const tar = Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
  if (tar.length > MAX_UNPACKED)
    throw new PluginError(`The files have ${tar.length} bytes: at most ${MAX_UNPACKED} fit.`);
  if (files.length > MAX_FILES) throw new PluginError(`There are ${files.length} files: at most ${MAX_FILES} fit.`);
  return gzipSync(tar, { level: 9 });
}

/** The files of an archive, each path a safe one; a PluginError says what it holds that a plugin does not. */
export function unpackFiles(archive: Uint8Array): PackedFile[] {
  if (archive.length > MAX_PACKED) {
    throw new PluginError(`The package has ${archive.length} bytes: at most ${MAX_PACKED} are possible.`);
  }
  const files = withoutTop(readTar(gunzip(archive)));
  const paths = new Set<string>();
  for (const { path } of files) {
    if (paths.has(path)) throw new PluginError(`The package has ${quote(path)} twice.`);
    paths.add(path);
  }
  const blocked = files.find(({ path }) => foldersOf(path).some((folder) => paths.has(folder)));
  if (blocked !== undefined) throw new PluginError(`The package has ${quote(blocked.path)} inside of what is a file.`);
  return files;
}

function gunzip(archive: Uint8Array): Buffer {
  try {
    return gunzipSync(archive, { maxOutputLength: MAX_UNPACKED });
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
        ? `it unpacks to more than ${MAX_UNPACKED} bytes`
        : (error as Error).message;
    throw new PluginError(`The package cannot be unpacked: ${reason}. "reveille plugin pack" makes one.`, {
      cause: error,
    });
  }
}

function readTar(tar: Buffer): PackedFile[] {
  const files: PackedFile[] = [];
  let at = 0;
  while (at + BLOCK <= tar.length && tar[at] !== 0) {
    const block = tar.subarray(at, at + BLOCK);
    if (numberAt(block, CHECKSUM) !== checksum(block)) {
      throw new PluginError(`The package is damaged: the checksum of its header at byte ${at} is wrong.`);
    }
    const path = pathOf(block);
    const size = numberAt(block, SIZE);
    const type = String.fromCharCode(block[TYPE[0]]);
    at += BLOCK;
    if (type !== DIRECTORY) {
      if (!REGULAR.includes(type)) {
        throw new PluginError(
          `The package has ${quote(path)} of type ${quote(type)}: a plugin is regular files, as "reveille plugin pack" packs them.`,
        );
      }
      if (!(size <= tar.length - at)) throw new PluginError(`The package ends in the middle of ${quote(path)}.`);
      if (files.length === MAX_FILES) throw new PluginError(`The package has more than ${MAX_FILES} files.`);
      files.push({ path: checkPath(path), bytes: Uint8Array.from(tar.subarray(at, at + size)) });
      at += Math.ceil(size / BLOCK) * BLOCK;
    }
  }
  return files;
}

/** A path that stays in the folder where it is unpacked. */
function checkPath(path: string): string {
  const plain = path.replace(/^(\.\/)+/, '');
  const safe =
    plain.length <= MAX_PATH &&
    !/[\\\p{Cc}\ufffd]/u.test(plain) &&
    plain.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!safe) throw new PluginError(`The package has a file ${quote(path)}, which is no path inside of a folder.`);
  return plain;
}

/** npm and others put everything into one folder: that is left out. */
function withoutTop(files: PackedFile[]): PackedFile[] {
  const top = files[0]?.path.split('/')[0];
  if (!files.every(({ path }) => path.startsWith(`${top}/`))) return files;
  return files.map(({ path, bytes }) => ({ path: path.slice(top.length + 1), bytes }));
}

function foldersOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, n) => parts.slice(0, n + 1).join('/'));
}

function pathOf(block: Buffer): string {
  const prefix = textAt(block, MAGIC).startsWith('ustar') ? textAt(block, PREFIX) : '';
  return prefix === '' ? textAt(block, NAME) : `${prefix}/${textAt(block, NAME)}`;
}

function textAt(block: Buffer, [offset, length]: Field): string {
  const text = block.toString('utf8', offset, offset + length);
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Octal digits; NaN where there is something else. */
function numberAt(block: Buffer, field: Field): number {
  const text = textAt(block, field).trim();
  return /^[0-7]{1,12}$/.test(text) ? Number.parseInt(text, 8) : NaN;
}

/** Of all bytes of a header, with blanks in the checksum's own place. */
function checksum(block: Buffer): number {
  const [offset, length] = CHECKSUM;
  return block.reduce((sum, byte, n) => sum + (n >= offset && n < offset + length ? 0x20 : byte), 0);
}

function header(path: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = ([offset]: Field, text: string): number => block.write(text, offset, 'utf8');
  const octal = ([offset, length]: Field, value: number): number =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  const [prefix, name] = split(path);
  put(NAME, name);
  octal(MODE, 0o644);
  octal(UID, 0);
  octal(GID, 0);
  octal(SIZE, size);
  octal(MTIME, 0);
  put(TYPE, '0');
  put(MAGIC, 'ustar\x0000');
  put(PREFIX, prefix);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, CHECKSUM[0], 'latin1');
  return block;
}

/** A long path goes into two fields, cut at a slash. */
function split(path: string): [prefix: string, name: string] {
  checkPath(path);
  if (Buffer.byteLength(path) <= NAME[1]) return ['', path];
  const cuts = [...path.matchAll(/\//g)].map(({ index }) => [path.slice(0, index), path.slice(index + 1)] as const);
  const cut = cuts.find(
    ([prefix, name]) => Buffer.byteLength(prefix) <= PREFIX[1] && Buffer.byteLength(name) <= NAME[1],
  );
  if (cut === undefined) throw new PluginError(`The name of ${quote(path)} is too long for a package.`);
  return [...cut];
}

function padded(bytes: Uint8Array): Buffer {
  const block = Buffer.alloc(Math.ceil(bytes.length / BLOCK) * BLOCK);
  block.set(bytes);
  return block;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, MAX_PATH));
}

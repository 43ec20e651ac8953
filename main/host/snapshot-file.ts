/**
 * A snapshot of an emulated machine as a file. All numbers are little-endian:
 *
 *     8 bytes  magic
 *     u32      version of this format
 *     u32      length of the header
 *     header   JSON: SnapshotHeader
 *     runs     u32 first page of the machine's memory, u32 number of pages, the pages; those in no run are zero
 *     u32 u32  END and 0
 *     u32      CRC-32 of all before
 *
 * It is written beside its place and renamed, so that a file with its name is whole.
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { MachineConfig } from '../../preload/contract/machine';
import { ReveilleError } from '../base/errors';
import { isRomSize } from '../machine/load-image';
import type { Machine, MachinePosition } from '../machine/machine';

const MAGIC = Buffer.from('RVLSNAP\n');
const VERSION = 1;
const PREFIX = MAGIC.length + 8;
const MAX_HEADER = 1 << 20;
const PAGE = 65536;
const END = 0xffffffff;
/** Pages that are copied and written at a time. */
const PIECE_PAGES = 16;

class SnapshotError extends ReveilleError {}

interface SnapshotHeader {
  config: MachineConfig;
  /** Of the emulator's core, whose state is in the memory. */
  core: string;
  /** Bytes of the machine's memory. */
  size: number;
  /** Bytes of ROM, which are part of it. */
  romSize: number;
  position: MachinePosition;
}

/** Saves a machine that stands still; gives the file's size in bytes. */
export async function writeSnapshot(machine: Machine, core: string, path: string): Promise<number> {
  if (existsSync(path))
    throw new SnapshotError('usage', `${path} exists already: choose another name for the snapshot.`);
  const partial = `${path}.${process.pid}.partial`;
  try {
    const file = await open(partial, 'wx');
    let size: number;
    try {
      size = await new SnapshotWriter(file).write(machine, core);
    } finally {
      await file.close();
    }
    await rename(partial, path);
    return size;
  } catch (error) {
    await rm(partial, { force: true });
    throw asSnapshotError(error, `The snapshot ${path} cannot be written`);
  }
}

class SnapshotWriter {
  readonly #file: FileHandle;
  #crc = 0;
  #size = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(machine: Machine, core: string): Promise<number> {
    const memory = machine.bytes;
    const { config, romSize, position } = machine;
    const header = Buffer.from(
      JSON.stringify({ config, core, size: memory.length, romSize, position } satisfies SnapshotHeader),
    );
    await this.#put(MAGIC);
    await this.#words(VERSION, header.length);
    await this.#put(header);
    const piece = Buffer.alloc(PIECE_PAGES * PAGE);
    for (let at = 0; at < memory.length; at += piece.length) {
      if (machine.stopping) throw new SnapshotError('usage', 'The machine has ended');
      const length = Math.min(piece.length, memory.length - at);
      piece.set(memory.subarray(at, at + length));
      await this.#pages(at / PAGE, piece.subarray(0, length));
    }
    await this.#words(END, 0);
    await this.#words(this.#crc);
    await this.#file.sync();
    return this.#size;
  }

  /** The runs of pages in a piece that are not all zero. */
  async #pages(first: number, piece: Buffer): Promise<void> {
    const count = piece.length / PAGE;
    for (let page = 0; page < count;) {
      let end = page;
      while (end < count && !isZero(piece, end)) end++;
      if (end > page) {
        await this.#words(first + page, end - page);
        await this.#put(piece.subarray(page * PAGE, end * PAGE));
      }
      page = end + 1;
    }
  }

  async #words(...values: number[]): Promise<void> {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, index) => bytes.writeUInt32LE(value, 4 * index));
    await this.#put(bytes);
  }

  async #put(bytes: Uint8Array): Promise<void> {
    this.#crc = crc32(bytes, this.#crc);
    this.#size += bytes.length;
    await this.#file.writeFile(bytes);
  }
}

const ZERO = Buffer.alloc(PAGE);

function isZero(piece: Buffer, page: number): boolean {
  return piece.compare(ZERO, 0, PAGE, page * PAGE, (page + 1) * PAGE) === 0;
}

/** Puts a machine of the same configuration, which has not begun, where the snapshot was taken. */
export function restoreSnapshot(machine: Machine, core: string, path: string): void {
  withReader(path, (reader) => {
    const header = reader.header();
    reader.check(header, machine, core);
    reader.fill(machine.bytes);
    machine.continueAt(header.position);
  });
}

/** What the machine that is to continue has to be made with. */
export function snapshotRomSize(path: string): number {
  return withReader(path, (reader) => reader.romSize(reader.header()));
}

function withReader<T>(path: string, use: (reader: SnapshotReader) => T): T {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw asSnapshotError(error, `The snapshot ${path} cannot be read`);
  }
  try {
    return use(new SnapshotReader(fd, path));
  } finally {
    closeSync(fd);
  }
}

class SnapshotReader {
  readonly #fd: number;
  readonly #path: string;
  #crc = 0;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  header(): SnapshotHeader {
    const prefix = this.#take(PREFIX);
    if (!prefix.subarray(0, MAGIC.length).equals(MAGIC)) throw this.#error('is no snapshot of Reveille');
    const version = prefix.readUInt32LE(MAGIC.length);
    if (version !== VERSION) {
      throw this.#error(`has format version ${version}, and this Reveille reads version ${VERSION}`);
    }
    const length = prefix.readUInt32LE(MAGIC.length + 4);
    if (length > MAX_HEADER) throw this.#error(`is damaged: a header of ${length} bytes is not possible`);
    try {
      return JSON.parse(this.#take(length).toString()) as SnapshotHeader;
    } catch (error) {
      if (error instanceof SyntaxError) throw this.#error('is damaged: its header is not JSON');
      throw error;
    }
  }

  romSize(header: SnapshotHeader): number {
    const size = header?.romSize;
    if (isRomSize(size)) return size;
    throw this.#error('is damaged: its header does not say how much ROM the machine has');
  }

  /** Nothing else of the header is used before it equals what this machine is made from. */
  check(header: SnapshotHeader, machine: Machine, core: string): void {
    if (typeof header !== 'object' || header === null) throw this.#error('is damaged: its header is not an object');
    if (header.core !== core) throw this.#error('was taken by another version of Reveille, whose emulator differs');
    const differing = Object.entries(likeness(machine.config)).find(
      ([name, value]) =>
        JSON.stringify(value) !== JSON.stringify((header.config as unknown as Record<string, unknown>)?.[name]),
    );
    if (differing !== undefined) {
      throw this.#error(`is of a machine with another configuration: its ${differing[0]} differs`);
    }
    if (header.size !== machine.bytes.length) {
      throw this.#error(`has ${header.size} bytes of memory, and this machine has ${machine.bytes.length}`);
    }
    const { time, events, lost } = header.position ?? {};
    if (![time, events, lost].every((value) => Number.isFinite(value) && value >= 0)) {
      throw this.#error('is damaged: its header does not say where the machine stood');
    }
  }

  fill(memory: Uint8Array): void {
    const pages = memory.length / PAGE;
    let next = 0;
    for (;;) {
      const head = this.#take(8);
      const first = head.readUInt32LE(0);
      const count = head.readUInt32LE(4);
      if (first === END) break;
      if (first < next || count < 1 || count > PIECE_PAGES || first + count > pages) {
        throw this.#error(
          `is damaged: ${count} pages from page ${first} on do not fit behind page ${next} of ${pages}`,
        );
      }
      memory.fill(0, next * PAGE, first * PAGE);
      memory.set(this.#take(count * PAGE), first * PAGE);
      next = first + count;
    }
    memory.fill(0, next * PAGE);
    const crc = this.#crc;
    if (this.#take(4).readUInt32LE(0) !== crc) throw this.#error('is damaged: its checksum is wrong');
  }

  #take(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const read = readSync(this.#fd, bytes, done, length - done, null);
      if (read === 0) throw this.#error('is cut off');
      done += read;
    }
    this.#crc = crc32(bytes, this.#crc);
    return bytes;
  }

  #error(what: string): SnapshotError {
    return new SnapshotError('usage', `${this.#path} ${what}.`);
  }
}

/** What of a configuration the state depends on: not where the image was, nor what the serial ports are connected to. */
function likeness({ guest: _guest, serial: _serial, ...rest }: MachineConfig): Record<string, unknown> {
  return rest;
}

function asSnapshotError(error: unknown, what: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  return code === undefined ? error : new SnapshotError('usage', `${what} (${code}).`);
}

/** A disk's files on the host: opened and locked by the machine thread, used by every vcpu's, as descriptors are the process's. */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { DiskError } from '../../base/disk';
import { ReveilleError } from '../../base/errors';

/** Why a machine with this disk cannot be made. */
export class DiskFileError extends ReveilleError {
  constructor(message: string) {
    super('usage', message);
  }
}

/** sys/file.h: flock(2) locks go with the process, whatever ends it. */
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const flock: (fd: number, operation: number) => number = koffi
  .load('libc.so.6')
  .func('int flock(int fd, int operation)');

/** Opens an image; whoever writes to it has it alone. */
export function openImage(path: string, writes: boolean): { fd: number; size: number } {
  let fd: number;
  try {
    fd = openSync(path, writes ? constants.O_RDWR : constants.O_RDONLY);
  } catch (error) {
    throw failure(`The disk image ${path} cannot be opened`, error);
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    throw new DiskFileError(`The disk image ${path} is no regular file: make an image of it.`);
  }
  lock(fd, path, writes);
  return { fd, size: stat.size };
}

function lock(fd: number, path: string, alone: boolean): void {
  if (flock(fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) === 0) return;
  closeSync(fd);
  const use = alone ? 'is in use' : 'is being written';
  throw new DiskFileError(
    `The disk image ${path} ${use} by another machine, or twice by this one: end that one first.`,
  );
}

export function failure(what: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error : new DiskFileError(`${what} (${code}).`);
}

/** Reads all of it; what is past the end of the file reads 0. */
export function readAt(fd: number, into: Uint8Array, at: number): void {
  asDiskError(() => {
    for (let done = 0; done < into.length;) {
      const read = readSync(fd, into, done, into.length - done, at + done);
      if (read === 0) return void into.fill(0, done);
      done += read;
    }
  });
}

export function writeAt(fd: number, from: Uint8Array, at: number): void {
  asDiskError(() => {
    for (let done = 0; done < from.length;) done += writeSync(fd, from, done, from.length - done, at + done);
  });
}

/** What the host refuses is an I/O error for the guest. */
export function asDiskError<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new DiskError((error as Error).message);
  }
}

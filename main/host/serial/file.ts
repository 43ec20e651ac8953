/** The back end `file:PATH`: a regular file, a FIFO or a character device such as a terminal. */
import { closeSync, constants, createWriteStream, fstatSync, openSync, statSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { portName } from '../../../preload/contract/ports';
import { nonBlockingWriter } from './non-blocking-writer';
import { SerialError } from './serial-error';

/** O_NONBLOCK: a FIFO without a reader fails with ENXIO instead of holding up the machine until one comes (fifo(7)). */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK | constants.O_NOCTTY;

export interface OpenFile {
  stream: Writable;
  /** What is written waits for somebody to read it, who may never do so. */
  hasReader: boolean;
}

export function openFile(path: string, port: number): OpenFile {
  const fd = openWithoutWaiting(path, port);
  const stats = fstatSync(fd);
  // On a regular file O_NONBLOCK has no effect, and libuv's threads write it.
  if (stats.isFile()) return { stream: createWriteStream(path, { fd }), hasReader: false };
  if (stats.isFIFO() || stats.isCharacterDevice()) {
    return { stream: nonBlockingWriter(fd).once('close', () => closeSync(fd)), hasReader: true };
  }
  closeSync(fd);
  throw new SerialError(
    'usage',
    `${portName(port)}: ${path} is no file, FIFO or character device; choose another path.`,
  );
}

function openWithoutWaiting(path: string, port: number): number {
  try {
    return openSync(path, FLAGS, 0o666);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO' && statSync(path).isFIFO()) {
      throw new SerialError('usage', `${portName(port)}: nobody reads the FIFO ${path}; start its reader first.`);
    }
    throw new SerialError('usage', `${portName(port)} cannot be written to ${path}: ${message}.`);
  }
}

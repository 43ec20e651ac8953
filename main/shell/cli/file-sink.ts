/** A file that a run is recorded into. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { AppError, systemReason } from '../../app/errors';
import { UsageError } from './usage';

/**
 * Writes at once and waits for it: what was written is in the file however the process ends. A slow disk slows down
 * the reading of events from the machine's process, and with it what that process sends.
 */
export class FileSink {
  readonly #path: string;
  readonly #fd: number;
  readonly #created: boolean;
  #broken = false;

  /** Opens the file but leaves what is in it; `option` names it in sentences. */
  constructor(option: string, path: string) {
    this.#path = path;
    try {
      ({ fd: this.#fd, created: this.#created } = open(path));
    } catch (error) {
      throw new UsageError(`${option}: ${path} cannot be written: ${systemReason(error)}.`);
    }
  }

  /** Drops what was in the file. */
  begin(): void {
    if (fstatSync(this.#fd).isFile()) ftruncateSync(this.#fd);
  }

  write(chunk: Uint8Array): void {
    if (this.#broken) return;
    try {
      for (let done = 0; done < chunk.length;) done += writeSync(this.#fd, chunk, done);
    } catch (error) {
      // Said once: what is still to come, at the end of the run, is no news.
      this.#broken = true;
      throw new AppError('host', `${this.#path} cannot be written any further: ${systemReason(error)}.`);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** For a run that never began: nothing is left behind. */
  discard(): void {
    this.close();
    if (this.#created) unlinkSync(this.#path);
  }
}

function open(path: string): { fd: number; created: boolean } {
  try {
    return { fd: openSync(path, 'wx'), created: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { fd: openSync(path, constants.O_WRONLY), created: false };
  }
}

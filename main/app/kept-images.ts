/** Images that came to the app as bytes: each has a file of its own beside the machines, as long as some machine is made from it. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { GuestChoice } from '../../preload/contract/app';
import { AppError, systemReason } from './errors';
import { fileName } from './file-name';

export class KeptImages {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = resolve(directory);
  }

  /** The path of the copy. */
  keep(name: string, bytes: Uint8Array): string {
    const folder = join(this.#directory, randomUUID());
    const path = join(folder, fileName(basename(name)));
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, bytes, { flag: 'wx' });
    } catch (error) {
      throw new AppError('host', `${path} cannot be written: ${systemReason(error)}.`);
    }
    return path;
  }

  /** Whether it is one of the copies. */
  has(guest: GuestChoice): boolean {
    return this.#folderOf(guest) !== null;
  }

  /** A machine is no longer made from `guest`; `others`: what all machines are made from now. */
  release(guest: GuestChoice, others: readonly GuestChoice[]): void {
    const folder = this.#folderOf(guest);
    if (folder !== null && !others.some((other) => this.#folderOf(other) === folder)) remove(folder);
  }

  /** Those that no machine has been made from: whoever brought them thought better of it. */
  sweep(used: readonly GuestChoice[]): void {
    const folders = new Set(used.map((guest) => this.#folderOf(guest)));
    for (const name of foldersIn(this.#directory)) {
      const folder = join(this.#directory, name);
      if (!folders.has(folder)) remove(folder);
    }
  }

  /** The folder of a copy; null: it is none of ours. */
  #folderOf(guest: GuestChoice): string | null {
    if (guest.kind !== 'file') return null;
    // Resolved, or a path through `.` or `..` would name a folder that is no copy's.
    const folder = dirname(resolve(guest.path));
    return dirname(folder) === this.#directory ? folder : null;
  }
}

function foldersIn(directory: string): string[] {
  mkdirSync(directory, { recursive: true });
  return readdirSync(directory);
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

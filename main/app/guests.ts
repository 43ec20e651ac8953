/** The bundled guests: `guests.json`, and an image beside it for each. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AppError, systemReason } from './errors';

export interface Guest {
  name: string;
  title: string;
  description: string;
  /** What it is one of; most are nothing in particular. */
  group?: string;
  /** Words that the guest understands on its command line. */
  options: { name: string; description: string }[];
  /** The command line that it has where none is given; most have none. */
  cmdline?: string;
}

/** PLUGIN/NAME, as a plugin's guest is called; it may be a path as well. */
export const PLUGIN_GUEST = /^([a-z0-9-]{1,50})\/([a-z0-9-]{1,50})$/;

/** The guests in a directory, whose URL ends in a slash. */
export function bundledGuests(directory: URL): Guest[] {
  return JSON.parse(readFileSync(new URL('guests.json', directory), 'utf8'));
}

/** In bytes; the hash of one takes about a millisecond. */
const PIECE = 2 ** 20;

/** SHA-256 of an image, hexadecimal. Piece by piece, so that a large one holds up nothing else. Throws an AppError. */
export async function imageDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, { highWaterMark: PIECE })) hash.update(piece as Buffer);
    return hash.digest('hex');
  } catch (error) {
    throw new AppError('usage', `The image ${path} cannot be read: ${systemReason(error)}`);
  }
}

/** The path of an image: of the bundled guest of that name, else what is at that path. */
export function resolveGuest(nameOrPath: string, directory: URL): string {
  const guests = bundledGuests(directory);
  if (guests.some(({ name }) => name === nameOrPath)) return fileURLToPath(new URL(`${nameOrPath}.bin`, directory));
  const names = guests.map(({ name }) => name).join(', ');
  if (!existsSync(nameOrPath)) {
    throw new AppError('usage', `"${nameOrPath}" is neither a file nor a bundled guest, which are ${names}`);
  }
  if (statSync(nameOrPath).isDirectory()) {
    throw new AppError('usage', `"${nameOrPath}" is a directory; a guest is an image file, or one of ${names}`);
  }
  return nameOrPath;
}

/** The path of a file that goes with a guest; `what` it is begins the sentence where there is none. */
export function resolveCompanion(what: string, path: string): string {
  if (!existsSync(path)) throw new AppError('usage', `${what} "${path}" does not exist`);
  if (statSync(path).isDirectory()) throw new AppError('usage', `${what} "${path}" is a directory`);
  return path;
}

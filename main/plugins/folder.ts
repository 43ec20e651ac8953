/** A plugin's folder: the bounds within which files of it are read. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { PluginError } from './plugin-error';

/** Bytes of one source file, and of any file that a plugin may have. */
export const MAX_SOURCE = 2 ** 20;
export const MAX_FILE = 8 * 2 ** 20;

/** The text of a file in a plugin's folder. */
export function readBounded(folder: string, file: string, max: number): string {
  return readFileSync(checkFile(folder, resolve(folder, file), max), 'utf8');
}

/** The real path of a plugin's folder. */
export function folderPath(folder: string): string {
  return realPath(folder);
}

/** The real path of a file, which is a regular one, in the folder, and no bigger than `max`; a PluginError where not. */
export function checkFile(folder: string, path: string, max: number): string {
  const root = folderPath(folder);
  const real = realPath(path);
  if (!real.startsWith(root + sep)) throw new PluginError(`${path} leads out of the plugin's folder, to ${real}.`);
  const status = statSync(real);
  if (!status.isFile()) throw new PluginError(`${path} is no regular file.`);
  if (status.size > max) throw new PluginError(`${path} has ${status.size} bytes: at most ${max} are possible.`);
  return real;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new PluginError(missing ? `There is no ${path}.` : `${path} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

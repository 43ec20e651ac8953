/** Small JSON files that must survive a crash whole: written beside and renamed over. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError, systemReason } from './errors';

/** Undefined where there is no such file; throws an AppError where it is there and not JSON. */
export function readJson(path: string): unknown {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AppError('host', `${path} cannot be read: ${systemReason(error)}. Mend it, or move it away.`);
  }
}

export function writeJson(path: string, value: unknown): void {
  const temporary = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(temporary, 'w', 0o600);
    writeSync(fd, `${JSON.stringify(value, null, 2)}\n`);
    fsyncSync(fd);
    closeSync(fd);
    renameSync(temporary, path);
  } catch (error) {
    throw new AppError('host', `${path} cannot be written: ${systemReason(error)}.`);
  }
}

/** Files of symbols on the host: the one that was asked for, or the one that lies beside a kernel. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ImageReport } from '../../preload/contract/image-report';
import { readSymbols, SymbolError } from '../symbols/index';
import type { SymbolTable } from '../symbols/symbol-table';

/** A vmlinux with all its debugging information comes close to it. */
const MOST_BYTES = 2 ** 30;

/** Throws a SymbolError where there are none in it. */
export function readSymbolFile(path: string): SymbolTable {
  return readSymbols(read(path), path);
}

/** A distribution's System.map-VERSION beside vmlinuz-VERSION; null: there is none, or it only says where the real one is. */
export function symbolsBeside(kernel: string, report: ImageReport | null): SymbolTable | null {
  if (report?.kind !== 'linux' || report.description === null || report.description.includes('/')) return null;
  try {
    return readSymbolFile(join(dirname(kernel), `System.map-${report.description}`));
  } catch (error) {
    if (!(error instanceof SymbolError)) throw error;
    return null;
  }
}

function read(path: string): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size <= MOST_BYTES) return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SymbolError('usage', `The symbols ${path} cannot be read (${code ?? String(error)}).`);
  }
  throw new SymbolError('usage', `The symbols ${path} have more than ${MOST_BYTES} bytes: give a System.map.`);
}

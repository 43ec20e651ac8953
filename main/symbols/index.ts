/** A file of symbols, of whatever kind. */
import { ReveilleError } from '../base/errors';
import { isElf, parseElfSymbols } from './elf-symbols';
import type { SymbolTable } from './symbol-table';
import { parseSystemMap } from './system-map';

export class SymbolError extends ReveilleError {}

/** `name`: for messages. */
export function readSymbols(bytes: Uint8Array, name: string): SymbolTable {
  const table = isElf(bytes) ? parseElfSymbols(bytes) : parseSystemMap(bytes);
  if (table !== null) return table;
  throw new SymbolError(
    'usage',
    isElf(bytes)
      ? `${name} is an ELF file without symbols (.symtab): give the one that was not stripped, or a System.map`
      : `${name} is neither a System.map nor an ELF file with symbols`,
  );
}

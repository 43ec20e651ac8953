/** System.map and /proc/kallsyms: a line for each symbol, `ffffffff81000000 T _text`, in whose place the second may have `[module]` after it. */
import { SymbolCollector, type SymbolTable } from './symbol-table';

const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
/** Types of code (nm(1)): t, weak, and an indirect function; in small letters. */
const CODE = [0x74, 0x77, 0x69];
/** Of a line, about. */
const USUAL_LINE = 40;

/** Null: this is no such file. Lines that are none of a symbol are left out. */
export function parseSystemMap(bytes: Uint8Array): SymbolTable | null {
  const collector = new SymbolCollector(bytes, Math.ceil(bytes.length / USUAL_LINE));
  for (let at = 0; at < bytes.length;) {
    let end = bytes.indexOf(LF, at);
    if (end < 0) end = bytes.length;
    addLine(bytes, at, end, collector);
    at = end + 1;
  }
  const table = collector.finish();
  // One line says where the real one is (Debian's).
  return table.size < 2 ? null : table;
}

function addLine(bytes: Uint8Array, from: number, end: number, collector: SymbolCollector): void {
  let at = from;
  let low = 0;
  let high = 0;
  for (; at < end; at++) {
    const digit = hexDigit(bytes[at]);
    if (digit < 0) break;
    high = ((high << 4) | (low >>> 28)) >>> 0;
    low = ((low << 4) | digit) >>> 0;
  }
  const digits = at - from;
  if (digits === 0 || digits > 16 || bytes[at] !== SPACE || bytes[at + 2] !== SPACE) return;
  const type = bytes[at + 1] | 0x20;
  // Only code is named: variables of each CPU count from 0, where other code is.
  if (!CODE.includes(type)) return;
  const start = at + 3;
  let stop = start;
  while (stop < end && bytes[stop] !== SPACE && bytes[stop] !== TAB) stop++;
  if (stop > start) collector.add(low, high, start, stop - start);
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

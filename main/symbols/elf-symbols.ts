/** The symbol table of an ELF file (System V ABI gABI 4.1, chapter 4, "Sections" and "Symbol Table"), of either class. */
import { SymbolCollector, type SymbolTable } from './symbol-table';

const MAGIC = 0x7f454c46;
const SHT_SYMTAB = 2;
const STT_SECTION = 3;
const STT_FILE = 4;
const STT_TLS = 6;
const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;

/** Where the fields are, in the header, a section header and a symbol. */
const LAYOUTS = {
  32: {
    shoff: 32,
    shentsize: 46,
    section: { offset: 16, size: 20, link: 24 },
    symbol: { size: 16, info: 12, shndx: 14, value: 4 },
  },
  64: {
    shoff: 40,
    shentsize: 58,
    section: { offset: 24, size: 32, link: 40 },
    symbol: { size: 24, info: 4, shndx: 6, value: 8 },
  },
} as const;

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 20 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === MAGIC;
}

/** Null: it has none, or what it says of itself does not hold. */
export function parseElfSymbols(bytes: Uint8Array): SymbolTable | null {
  if (!isElf(bytes) || (bytes[4] !== 1 && bytes[4] !== 2)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[4] === 2;
  const layout = LAYOUTS[wide ? 64 : 32];
  if (bytes.length < layout.shentsize + 6) return null;
  const word = (at: number): number => (wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true));
  const sections = word(layout.shoff);
  const entry = view.getUint16(layout.shentsize, true);
  const count = view.getUint16(layout.shentsize + 2, true);
  if (entry < layout.section.link + 4 || sections + entry * count > bytes.length) return null;
  const part = (index: number): { start: number; end: number } => {
    const at = sections + index * entry;
    const start = word(at + layout.section.offset);
    return { start, end: Math.min(start + word(at + layout.section.size), bytes.length) };
  };
  for (let index = 0; index < count; index++) {
    const at = sections + index * entry;
    const link = view.getUint32(at + layout.section.link, true);
    if (view.getUint32(at + 4, true) !== SHT_SYMTAB || link >= count) continue;
    const table = collect(bytes, view, wide, part(index), part(link));
    return table.size === 0 ? null : table;
  }
  return null;
}

interface Range {
  start: number;
  end: number;
}

function collect(bytes: Uint8Array, view: DataView, wide: boolean, symbols: Range, names: Range): SymbolTable {
  const { size, info, shndx, value } = LAYOUTS[wide ? 64 : 32].symbol;
  const collector = new SymbolCollector(bytes, Math.max(0, Math.floor((symbols.end - symbols.start) / size)));
  for (let at = symbols.start; at + size <= symbols.end; at += size) {
    const type = bytes[at + info] & 0xf;
    const section = view.getUint16(at + shndx, true);
    if (section === SHN_UNDEF || section === SHN_ABS) continue;
    if (type === STT_SECTION || type === STT_FILE || type === STT_TLS) continue;
    const start = names.start + view.getUint32(at, true);
    if (start >= names.end) continue;
    const end = bytes.indexOf(0, start);
    if (end <= start || end > names.end) continue;
    const high = wide ? view.getUint32(at + value + 4, true) : 0;
    collector.add(view.getUint32(at + value, true), high, start, end - start);
  }
  return collector.finish();
}

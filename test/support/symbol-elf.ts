/** An ELF file that holds nothing but the symbols of a kernel, for a debugger (System V ABI gABI 4.1, chapter 4). */
import type { SymbolTable } from '../../main/symbols/symbol-table';

const HEADER = 64;
const SYMBOL = 24;
const SECTION = 64;
const SECTION_NAMES = '\0.text\0.symtab\0.strtab\0';
const GLOBAL_FUNCTION = 0x12;

/** Those from `first` to `last` are functions of one section, whose bytes the file does not have. */
export function symbolElf(table: SymbolTable, first: string, last: string): Uint8Array {
  const [from, to] = [first, last].map((name) => table.addressOf(name) ?? 0n);
  const chosen = [...table].filter(({ address }) => address >= from && address < to);
  const symbols = Buffer.alloc((chosen.length + 1) * SYMBOL);
  let names = '\0';
  chosen.forEach(({ address, name }, index) => {
    const at = (index + 1) * SYMBOL;
    symbols.writeUInt32LE(names.length, at);
    symbols.writeUInt8(GLOBAL_FUNCTION, at + 4);
    symbols.writeUInt16LE(1, at + 6);
    symbols.writeBigUInt64LE(address, at + 8);
    names += `${name}\0`;
  });
  const namesAt = HEADER + symbols.length;
  const sectionsAt = namesAt + names.length + SECTION_NAMES.length;
  const header = Buffer.alloc(HEADER);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  // An executable for x86-64.
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(sectionsAt), 40);
  [HEADER, 0, 0, SECTION, 4, 3].forEach((value, index) => header.writeUInt16LE(value, 52 + 2 * index));
  const sections = [
    section('.text', names.length, { type: 8, flags: 6, address: from, offset: HEADER, size: Number(to - from) }),
    // Linked to its names; its first symbol is global.
    section('.symtab', names.length, {
      type: 2,
      offset: HEADER,
      size: symbols.length,
      link: 3,
      info: 1,
      entry: SYMBOL,
    }),
    section('.strtab', names.length, { type: 3, offset: namesAt, size: names.length + SECTION_NAMES.length }),
  ];
  const text = Buffer.from(names + SECTION_NAMES, 'latin1');
  return Buffer.concat([header, symbols, text, Buffer.alloc(SECTION), ...sections]);
}

interface Fields {
  type: number;
  flags?: number;
  address?: bigint;
  offset: number;
  size: number;
  link?: number;
  info?: number;
  entry?: number;
}

/** `base`: where the names of sections begin, in the section that has all names. */
function section(name: string, base: number, fields: Fields): Buffer {
  const { type, flags = 0, address = 0n, offset, size, link = 0, info = 0, entry = 0 } = fields;
  const bytes = Buffer.alloc(SECTION);
  bytes.writeUInt32LE(base + SECTION_NAMES.indexOf(`\0${name}\0`) + 1, 0);
  bytes.writeUInt32LE(type, 4);
  [BigInt(flags), address, BigInt(offset), BigInt(size)].forEach((value, index) =>
    bytes.writeBigUInt64LE(value, 8 + 8 * index),
  );
  bytes.writeUInt32LE(link, 40);
  bytes.writeUInt32LE(info, 44);
  bytes.writeBigUInt64LE(BigInt(entry), 56);
  return bytes;
}

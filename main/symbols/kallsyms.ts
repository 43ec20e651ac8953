/**
 * The symbols that a Linux kernel carries in its own memory (CONFIG_KALLSYMS; scripts/kallsyms.c, "write_src", of Linux 6.1 to 6.12),
 * found without any other knowledge of it. Names are sequences of tokens, one for each byte value; a token's text is in
 * kallsyms_token_table. As the addresses are those of the running kernel, KASLR is in them.
 *
 * In memory, each aligned to 8 bytes (until 6.3 the two of addresses first, since then behind the tokens):
 *
 *     kallsyms_offsets       i32 each      kallsyms_names        a length, and as many tokens, each
 *     kallsyms_relative_base u64           kallsyms_markers      u32 for every 256th name
 *     kallsyms_num_syms      u32           kallsyms_token_table  256 texts, each with a NUL
 *                                          kallsyms_token_index  u16 each
 */
import { SymbolCollector, type SymbolTable } from './symbol-table';

const TOKENS = 256;
const MARKED = 256;
const DIGIT_0 = 0x30;
/** Digits are rare in names, so that their tokens are themselves: these 20 bytes are in every table. */
const DIGITS = Uint8Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? DIGIT_0 + at / 2 : 0));
const LONGEST_TOKEN = 64;
const MOST_SYMBOLS = 1 << 21;
/** A guest that is no kernel may have what looks like one, and as often as it likes. */
const MOST_TABLES = 8;
const MOST_TEXT = 1 << 26;
const LONGEST_NAME = 512;
/** kallsyms_relative_base is in the kernel's part of the address space. */
const KERNEL_HALF = 0xffff8000;

const align8 = (value: number): number => Math.ceil(value / 8) * 8;

/** Of the first kernel in this memory; null: there is none. `memory` begins at a multiple of 8. */
export function findKallsyms(memory: Uint8Array): SymbolTable | null {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >>> 2);
  let tables = 0;
  // Of 20 bytes anywhere, four that begin at a multiple of 16 are a part.
  for (let at = 0; at < words.length; at += 4) {
    const word = words[at];
    if ((word & 0xff00ff) !== 0 && (word & 0xff00ff00) !== 0) continue;
    if (word === 0) continue;
    const start = digitsAround(memory, at * 4);
    if (start < 0) continue;
    const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    const tokens = readTokens(memory, view, start);
    if (tokens === null) continue;
    const table = readTables(memory, view, tokens);
    if (table !== null || ++tables === MOST_TABLES) return table;
  }
  return null;
}

/** Where the digits begin that these four bytes are a part of; -1: they are none. */
function digitsAround(memory: Uint8Array, at: number): number {
  const first = memory[at] !== 0 ? at : at + 1;
  const digit = memory[first] - DIGIT_0;
  const start = first - 2 * digit;
  if (digit < 0 || digit > 9 || start < 0) return -1;
  return DIGITS.every((byte, offset) => memory[start + offset] === byte) ? start : -1;
}

function readTables(memory: Uint8Array, view: DataView, { starts, end }: Tokens): SymbolTable | null {
  const names = findNames(memory, view, starts[0]);
  return names === null ? null : readAddresses(memory, view, names, starts, end);
}

/** Where each token's text begins, and where kallsyms_token_index ends. */
interface Tokens {
  starts: number[];
  end: number;
}

/** Null where the index does not agree with the texts. */
function readTokens(memory: Uint8Array, view: DataView, digits: number): Tokens | null {
  const starts: number[] = Array.from({ length: TOKENS }, () => 0);
  let at = digits;
  for (let token = DIGIT_0; token < TOKENS; token++) {
    starts[token] = at;
    const end = memory.indexOf(0, at);
    if (end < 0 || end - at > LONGEST_TOKEN) return null;
    at = end + 1;
  }
  const index = align8(at);
  const end = index + TOKENS * 2;
  if (end > memory.length) return null;
  const first = digits - view.getUint16(index + DIGIT_0 * 2, true);
  if (first < 8 || first % 8 !== 0) return null;
  for (let token = 0; token < DIGIT_0; token++) starts[token] = first + view.getUint16(index + token * 2, true);
  for (let token = 0; token < TOKENS; token++) {
    if (view.getUint16(index + token * 2, true) !== starts[token] - first) return null;
    if (token > 0 && (starts[token] <= starts[token - 1] || memory[starts[token] - 1] !== 0)) return null;
  }
  return { starts, end };
}

interface Names {
  start: number;
  count: number;
}

/** The names, whose markers end right before `end`, or have a number of three bytes for each name behind them (6.2, and 6.1's later versions). */
function findNames(memory: Uint8Array, view: DataView, end: number): Names | null {
  const direct = directMarkers(view, end);
  const found = direct === null ? null : namesBefore(memory, view, direct);
  if (found !== null) return found;
  let last = -1;
  for (let count = MARKED; count <= MOST_SYMBOLS; count++) {
    const markers = Math.ceil(count / MARKED);
    const start = end - align8(count * 3) - align8(markers * 4);
    if (start < 0) return null;
    if (start === last || !ascends(view, start, markers)) continue;
    last = start;
    const names = namesBefore(memory, view, { start, count: markers });
    if (names !== null) return names;
  }
  return null;
}

interface Markers {
  start: number;
  count: number;
}

function directMarkers(view: DataView, end: number): Markers | null {
  // Padding.
  const last = end - (view.getUint32(end - 4, true) === 0 ? 8 : 4);
  for (let at = last; at >= 0; at -= 4) {
    const marker = view.getUint32(at, true);
    if (marker === 0) return { start: at, count: (last - at) / 4 + 1 };
    if (at < last && marker >= view.getUint32(at + 4, true)) return null;
  }
  return null;
}

/** A name has two bytes at least, its length and a token. */
function ascends(view: DataView, start: number, count: number): boolean {
  if (view.getUint32(start, true) !== 0) return false;
  for (let marker = 1; marker < count; marker++) {
    const at = start + marker * 4;
    if (view.getUint32(at, true) < view.getUint32(at - 4, true) + 2 * MARKED) return false;
  }
  return true;
}

/** kallsyms_names ends before the markers, and its number of names stands before it: where both agree with all markers. */
function namesBefore(memory: Uint8Array, view: DataView, { start: end, count }: Markers): Names | null {
  const highest = end - view.getUint32(end + (count - 1) * 4, true);
  // The last 256 have some KiB at most.
  for (let start = align8(highest) - 8; start >= 8 && start > highest - 0x8000; start -= 8) {
    const symbols = view.getUint32(start - 8, true);
    if (symbols <= (count - 1) * MARKED || symbols > count * MARKED) continue;
    if (agrees(memory, view, { start, count: symbols }, end)) return { start, count: symbols };
  }
  return null;
}

function agrees(memory: Uint8Array, view: DataView, { start, count }: Names, end: number): boolean {
  let at = start;
  for (let name = 0; name < count; name++) {
    if (at >= end) return false;
    if (name % MARKED === 0 && view.getUint32(end + (name / MARKED) * 4, true) !== at - start) return false;
    const length = memory[at] + longer(memory, at);
    if (length > LONGEST_NAME) return false;
    at += 1 + length;
  }
  return at <= end && align8(at) === end;
}

/** A length beyond 127 has a second byte (since 6.1): what it adds, itself included. */
function longer(memory: Uint8Array, at: number): number {
  return memory[at] < 0x80 ? 0 : 1 - 0x80 + memory[at + 1] * 0x80;
}

function readAddresses(
  memory: Uint8Array,
  view: DataView,
  names: Names,
  tokens: readonly number[],
  index: number,
): SymbolTable | null {
  const size = align8(names.count * 4);
  const older = { base: names.start - 16, offsets: names.start - 16 - size };
  const newer = { base: align8(index) + size, offsets: align8(index) };
  for (const { base, offsets } of [older, newer]) {
    if (offsets < 0 || base + 8 > memory.length) continue;
    if (view.getUint32(base + 4, true) >= KERNEL_HALF) return decode(memory, view, names, tokens, base, offsets);
  }
  return null;
}

function decode(
  memory: Uint8Array,
  view: DataView,
  names: Names,
  tokens: readonly number[],
  baseAt: number,
  offsets: number,
): SymbolTable | null {
  const base = view.getBigUint64(baseAt, true);
  // Where offsets below 0 are the symbols' (CONFIG_KALLSYMS_ABSOLUTE_PERCPU), the others are of per-CPU variables.
  const reversed = view.getInt32(offsets + (names.count - 1) * 4, true) < 0;
  const text = new TextWriter(names.count * 24);
  const symbols: { address: bigint; start: number; length: number }[] = [];
  let at = names.start;
  for (let name = 0; name < names.count; name++) {
    const more = longer(memory, at);
    const first = at + (more === 0 ? 1 : 2);
    const end = at + 1 + memory[at] + more;
    const start = text.length;
    for (let token = first; token < end; token++) {
      for (let from = tokens[memory[token]]; memory[from] !== 0; from++) text.push(memory[from]);
    }
    at = end;
    if (text.length > MOST_TEXT) return null;
    const offset = view.getInt32(offsets + name * 4, true);
    if (reversed && offset >= 0) continue;
    const address = reversed ? base - 1n - BigInt(offset) : base + BigInt(offset >>> 0);
    // Its first letter is its type.
    symbols.push({ address, start: start + 1, length: text.length - start - 1 });
  }
  const collector = new SymbolCollector(text.finish(), symbols.length);
  for (const { address, start, length } of symbols) {
    collector.add(Number(address & 0xffffffffn), Number((address >> 32n) & 0xffffffffn), start, length);
  }
  return collector.finish();
}

class TextWriter {
  #bytes: Uint8Array;
  length = 0;

  constructor(expected: number) {
    this.#bytes = new Uint8Array(expected);
  }

  push(byte: number): void {
    if (this.length === this.#bytes.length) {
      const grown = new Uint8Array(this.length * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.length++] = byte;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

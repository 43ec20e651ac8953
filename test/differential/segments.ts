/**
 * The modes that cases run in, and their segments: Linux's flat ones (arch/x86/include/asm/segment.h), and the process's own
 * in its local descriptor table, which the host makes by modify_ldt(2) and the emulator finds as it is here. Segments
 * of the LDT are 64 KiB long and begin every CHUNK bytes of the arena, so that each window and each slot lies in one.
 */
import { BATCH, LOW, SLOT, SLOTS, WINDOW } from './arena';

export interface Mode {
  name: string;
  /** Of the code segment. */
  bits: 64 | 32 | 16;
  /** Segments of the LDT; else flat ones. */
  segmented: boolean;
  /** Of the stack pointer. */
  stackBits: 64 | 32 | 16;
}

export const MODE_64: Mode = { name: '64-bit', bits: 64, segmented: false, stackBits: 64 };
export const MODES: readonly Mode[] = [
  MODE_64,
  { name: '32-bit flat', bits: 32, segmented: false, stackBits: 32 },
  { name: '32-bit', bits: 32, segmented: true, stackBits: 32 },
  { name: '32-bit, 16-bit stack', bits: 32, segmented: true, stackBits: 16 },
  { name: '16-bit', bits: 16, segmented: true, stackBits: 16 },
  { name: '16-bit, 32-bit stack', bits: 16, segmented: true, stackBits: 32 },
];

const USER_CODE_32 = 0x23;
export const USER_DATA = 0x2b;
export const USER_CODE_64 = 0x33;
const IN_LDT = 7;

export const CHUNK = 0x8000;
const DATA_CHUNKS = Math.ceil((BATCH * WINDOW) / CHUNK);
const CODE_CHUNKS = Math.ceil((BATCH * SLOT) / CHUNK);

/** What modify_ldt(2) takes: struct user_desc. */
export interface LocalSegment {
  base: number;
  limit: number;
  code: boolean;
  expandDown: boolean;
  writable: boolean;
  big: boolean;
  present: boolean;
}

const local = (base: number, code: boolean, big: boolean, more: Partial<LocalSegment> = {}): LocalSegment => ({
  base,
  limit: 0xffff,
  code,
  expandDown: false,
  // Of code: it can be read.
  writable: true,
  big,
  present: true,
  ...more,
});

const dataAt = (n: number, big: boolean) => local(LOW + n * CHUNK, false, big);
const codeAt = (n: number, big: boolean) => local(LOW + SLOTS + n * CHUNK, true, big);
const several = (count: number, make: (n: number) => LocalSegment) => Array.from({ length: count }, (_, n) => make(n));

/** The LDT, by index. */
export const LOCAL_SEGMENTS: readonly LocalSegment[] = [
  ...several(DATA_CHUNKS, (n) => dataAt(n, false)),
  ...several(DATA_CHUNKS, (n) => dataAt(n, true)),
  ...several(CODE_CHUNKS, (n) => codeAt(n, false)),
  ...several(CODE_CHUNKS, (n) => codeAt(n, true)),
  // For selectors that are refused, or that VERR, VERW, LAR and LSL tell apart.
  local(LOW, false, true, { present: false }),
  local(LOW, true, true, { present: false }),
  local(LOW, false, true, { writable: false }),
  local(LOW, true, true, { writable: false }),
  local(LOW, false, false, { expandDown: true, limit: 0xfff }),
];

const selectorOf = (index: number) => (index << 3) | IN_LDT;
const SPECIAL = 2 * (DATA_CHUNKS + CODE_CHUNKS);
const UNREADABLE_CODE = 3;

/** Selectors for instructions that take one: of all kinds, null, beyond the tables, with other RPLs. */
export const SELECTORS: readonly number[] = [
  ...[0, 1, 3, 0x10, 0x13, 0x18, USER_CODE_32, USER_DATA, USER_DATA, USER_DATA & ~3, USER_CODE_64, 0x43, 0x63, 0x83],
  ...[0, 1, DATA_CHUNKS, DATA_CHUNKS + 1, 2 * DATA_CHUNKS].map(selectorOf),
  ...[0, 1, 2, 3, 4, 5].map((n) => selectorOf(SPECIAL + n)),
  selectorOf(0) & ~3,
  selectorOf(8190),
];

/** Those of code that can be jumped to. */
export const CODE_SELECTORS = new Set([
  USER_CODE_32,
  USER_CODE_64,
  selectorOf(2 * DATA_CHUNKS),
  selectorOf(SPECIAL + UNREADABLE_CODE),
]);

export function dataChunk(window: number): number {
  return Math.floor(window / CHUNK);
}

export function codeChunk(slot: number): number {
  return Math.floor((slot - SLOTS) / CHUNK);
}

export function dataSelector(mode: Mode, window: number, big: boolean): number {
  if (!mode.segmented) return USER_DATA;
  return selectorOf(dataChunk(window) + (big ? DATA_CHUNKS : 0));
}

export function codeSelector(mode: Mode, slot: number): number {
  if (mode.bits === 64) return USER_CODE_64;
  if (!mode.segmented) return USER_CODE_32;
  return selectorOf(2 * DATA_CHUNKS + codeChunk(slot) + (mode.bits === 32 ? CODE_CHUNKS : 0));
}

/** A descriptor as Linux makes it (arch/x86/include/asm/desc.h, fill_ldt). */
export function descriptorOf(segment: LocalSegment): bigint {
  const { base, limit, code, expandDown, writable, big, present } = segment;
  const type = 1 | (writable ? 2 : 0) | (expandDown ? 4 : 0) | (code ? 8 : 0);
  const access = BigInt(type | 0x70 | (present ? 0x80 : 0));
  const low = BigInt(limit & 0xffff) | (BigInt(base & 0xff_ffff) << 16n) | (access << 40n);
  return low | (BigInt((limit >> 16) | (big ? 0x40 : 0)) << 48n) | (BigInt(base >>> 24) << 56n);
}

/** Linux's global descriptor table, as far as user mode can tell. */
export const GLOBAL_DESCRIPTORS: readonly bigint[] = [
  0n,
  0x00cf_9b00_0000_ffffn,
  0x00af_9b00_0000_ffffn,
  0x00cf_9300_0000_ffffn,
  0x00cf_fb00_0000_ffffn,
  0x00cf_f300_0000_ffffn,
  0x00af_fb00_0000_ffffn,
  0n,
];

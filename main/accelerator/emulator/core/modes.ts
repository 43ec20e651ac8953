/** What decoded code depends on besides its bytes: a key of blocks. */
import { CR0_EM, CR0_TS, CR4_OSFXSR, CR4_OSXSAVE } from './bits';
import {
  CPL,
  CR0,
  CR4,
  CS,
  DS,
  EFER,
  ES,
  MODE,
  RFLAGS,
  SEGMENTS,
  SEGMENT_SIZE,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_UNUSABLE,
  SS,
  XCR0,
} from './state';

export const CODE_SIZE: u32 = 3;
export const CODE_16: u32 = 0;
export const CODE_32: u32 = 1;
export const CODE_64: u32 = 2;
export const STACK_32: u32 = 1 << 2;
/** Offsets are linear addresses: CS, DS, ES and SS begin at 0 and cover 4 GiB, or the mode is 64-bit. */
export const FLAT: u32 = 1 << 3;
export const USER: u32 = 1 << 4;
/** Selectors name descriptors: neither real-address nor virtual-8086 mode. The latter is USER without this. */
export const PROTECTED: u32 = 1 << 5;
/** MMX, legacy SSE, or VEX-encoded instructions run; where not, they are #UD or #NM (core/simd/availability.ts). */
export const MMX: u32 = 1 << 6;
export const SSE: u32 = 1 << 7;
export const AVX: u32 = 1 << 8;
export const MODE_BITS: u32 = 9;

const CR0_PE: u64 = 1;
const RFLAGS_VM: u64 = 1 << 17;
const EFER_LMA: u64 = 1 << 10;
const ACCESS_CODE: u32 = 8;
const ACCESS_EXPAND_DOWN: u32 = 4;
const ACCESS_WRITABLE: u32 = 2;
const ACCESS_L: u32 = 1 << 13;
const ACCESS_DB: u32 = 1 << 14;

// @ts-ignore: decorator
@inline
function segment(cpu: usize, index: i32): usize {
  return cpu + SEGMENTS + <usize>index * SEGMENT_SIZE;
}

function coversAll(cpu: usize, index: i32): bool {
  const s = segment(cpu, index);
  return load<u64>(s, SEG_BASE) == 0 && load<u32>(s, SEG_LIMIT) == 0xffffffff && load<u8>(s, SEG_UNUSABLE) == 0;
}

function isFlatData(cpu: usize, index: i32): bool {
  const access: u32 = load<u16>(segment(cpu, index), SEG_ACCESS);
  if ((access & (ACCESS_CODE | ACCESS_EXPAND_DOWN | ACCESS_WRITABLE)) != ACCESS_WRITABLE) return false;
  return coversAll(cpu, index);
}

/** Components of XCR0 that VEX-encoded instructions need: SSE and AVX. */
export const XCR0_VEX: u64 = 6;

function vectors(cpu: usize): u32 {
  const cr0 = load<u64>(cpu, CR0);
  const cr4 = load<u64>(cpu, CR4);
  if ((cr0 & CR0_TS) != 0) return 0;
  let mode = (cr4 & CR4_OSXSAVE) != 0 && (load<u64>(cpu, XCR0) & XCR0_VEX) == XCR0_VEX ? AVX : 0;
  if ((cr0 & CR0_EM) != 0) return mode;
  if ((cr4 & CR4_OSFXSR) != 0) mode |= SSE;
  return mode | MMX;
}

/** To be called after every change of CR0, CR4, XCR0, EFER, CPL, RFLAGS.VM or a segment. */
export function updateMode(cpu: usize): void {
  let mode: u32 = load<u8>(cpu, CPL) == 3 ? USER : 0;
  const code: u32 = load<u16>(segment(cpu, CS), SEG_ACCESS);
  if ((load<u64>(cpu, CR0) & CR0_PE) != 0 && (load<u64>(cpu, RFLAGS) & RFLAGS_VM) == 0) mode |= PROTECTED;
  if ((load<u64>(cpu, EFER) & EFER_LMA) != 0 && (code & ACCESS_L) != 0) {
    mode |= CODE_64 | FLAT;
  } else {
    if ((code & ACCESS_DB) != 0) mode |= CODE_32;
    if ((load<u16>(segment(cpu, SS), SEG_ACCESS) & ACCESS_DB) != 0) mode |= STACK_32;
    if (coversAll(cpu, CS) && isFlatData(cpu, DS) && isFlatData(cpu, ES) && isFlatData(cpu, SS)) mode |= FLAT;
  }
  store<u32>(cpu, mode | vectors(cpu), MODE);
}

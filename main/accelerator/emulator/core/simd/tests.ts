/** Vector comparisons that set flags: PTEST, VTESTPS, and the string comparisons of SSE4.2 (SDM vol. 1, "PCMPESTRI…"; vol. 2B). */
import { CF, OF, SF, ZF, setStatusFlags } from '../flags';
import * as T from '../opcode-table';
import { RAX, RCX, RDX } from '../state';
import { FAULT, RETIRED } from '../status';
import { SHAPE_VEX128, SHAPE_VEX256, U_DST, U_IMMEDIATE, V_GENERAL, V_SHAPE } from '../uop';
import { sourceAt, vectorAt, zero128 } from './registers';

export function test(cpu: usize, u: usize, op: i32): i32 {
  const b = sourceAt(cpu, u);
  if (b == 0) return FAULT;
  const a = vectorAt(cpu, load<u8>(u, U_DST));
  if (op > T.TESTPD) return compareStrings(cpu, u, op, a, b);
  let both = significant(op, v128.and(v128.load(a), v128.load(b)));
  let second = significant(op, v128.andnot(v128.load(b), v128.load(a)));
  if (load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256) {
    both = v128.or(both, significant(op, v128.and(v128.load(a, 16), v128.load(b, 16))));
    second = v128.or(second, significant(op, v128.andnot(v128.load(b, 16), v128.load(a, 16))));
  }
  setStatusFlags(cpu, (v128.any_true(both) ? 0 : ZF) | (v128.any_true(second) ? 0 : CF));
  return RETIRED;
}

/** PTEST looks at all bits, the others at signs. */
function significant(op: i32, value: v128): v128 {
  if (op == T.PTEST) return value;
  return op == T.TESTPS ? i32x4.shr_u(value, 31) : i64x2.shr_u(value, 63);
}

// Fields of the immediate.
const WORDS: u32 = 1;
const SIGNED: u32 = 2;
const EQUAL_ANY: u32 = 0;
const RANGES: u32 = 1;
const EQUAL_EACH: u32 = 2;
const NEGATIVE: u32 = 1 << 4;
const MASKED: u32 = 1 << 5;
const LAST_OR_MASK: u32 = 1 << 6;

function element(p: usize, n: u32, control: u32): i32 {
  if ((control & WORDS) != 0) return (control & SIGNED) != 0 ? load<i16>(p + (n << 1)) : load<u16>(p + (n << 1));
  return (control & SIGNED) != 0 ? load<i8>(p + n) : load<u8>(p + n);
}

/** Elements before the first zero. */
function implicitLength(p: usize, control: u32): u32 {
  const count: u32 = (control & WORDS) != 0 ? 8 : 16;
  let n: u32 = 0;
  while (n < count && element(p, n, control) != 0) n++;
  return n;
}

/** The absolute value in RAX or RDX, at most all elements. */
function explicitLength(cpu: usize, slot: usize, size: i32, control: u32): u32 {
  const count: u64 = (control & WORDS) != 0 ? 8 : 16;
  const value = size == 8 ? load<i64>(cpu + slot) : <i64>load<i32>(cpu + slot);
  const length = value < 0 ? -<u64>value : <u64>value;
  return <u32>min<u64>(length, count);
}

function compareStrings(cpu: usize, u: usize, op: i32, a: usize, b: usize): i32 {
  const control: u32 = load<u8>(u, U_IMMEDIATE);
  const count: u32 = (control & WORDS) != 0 ? 8 : 16;
  const isExplicit = op == T.PCMPESTRM || op == T.PCMPESTRI;
  const size: i32 = load<u8>(u, V_GENERAL);
  const lengthA = isExplicit ? explicitLength(cpu, RAX, size, control) : implicitLength(a, control);
  const lengthB = isExplicit ? explicitLength(cpu, RDX, size, control) : implicitLength(b, control);
  const all: u32 = (1 << count) - 1;
  const raw = aggregate(a, b, lengthA, lengthB, control, count);
  let result = raw;
  if ((control & NEGATIVE) != 0) result = (control & MASKED) != 0 ? raw ^ ((1 << lengthB) - 1) : ~raw & all;
  if (op == T.PCMPESTRI || op == T.PCMPISTRI) {
    const index = result == 0 ? count : (control & LAST_OR_MASK) != 0 ? 31 - clz<u32>(result) : ctz<u32>(result);
    store<u64>(cpu, index, RCX);
  } else writeMask(cpu, u, result, control, count);
  let flags: u64 = result != 0 ? CF : 0;
  if (lengthB < count) flags |= ZF;
  if (lengthA < count) flags |= SF;
  if ((result & 1) != 0) flags |= OF;
  setStatusFlags(cpu, flags);
  return RETIRED;
}

/** IntRes1: a bit for each element of b. */
function aggregate(a: usize, b: usize, lengthA: u32, lengthB: u32, control: u32, count: u32): u32 {
  const kind = (control >> 2) & 3;
  let result: u32 = 0;
  for (let n: u32 = 0; n < count; n++) {
    let bit = false;
    if (kind == EQUAL_EACH) {
      const inA = n < lengthA;
      const inB = n < lengthB;
      bit = inA && inB ? element(a, n, control) == element(b, n, control) : inA == inB;
    } else if (kind == EQUAL_ANY || kind == RANGES) {
      if (n < lengthB) bit = matches(a, lengthA, element(b, n, control), control, kind);
    } else {
      // Equal ordered: all of a stands in b from here on, as far as b reaches.
      bit = true;
      for (let m: u32 = 0; bit && m < lengthA && n + m < count; m++) {
        bit = n + m < lengthB && element(a, m, control) == element(b, n + m, control);
      }
    }
    if (bit) result |= 1 << n;
  }
  return result;
}

/** Whether a value is one of a set, or lies in one of its ranges, each of two elements. */
function matches(set: usize, length: u32, value: i32, control: u32, kind: u32): bool {
  if (kind == EQUAL_ANY) {
    for (let n: u32 = 0; n < length; n++) if (element(set, n, control) == value) return true;
    return false;
  }
  for (let n: u32 = 0; n + 1 < length; n += 2) {
    if (element(set, n, control) <= value && value <= element(set, n + 1, control)) return true;
  }
  return false;
}

/** To XMM0: a bit or a whole element for each. */
function writeMask(cpu: usize, u: usize, result: u32, control: u32, count: u32): void {
  const p = vectorAt(cpu, 0);
  v128.store(p, zero128());
  if ((control & LAST_OR_MASK) == 0) store<u16>(p, <u16>result);
  else if (count == 8) {
    for (let n: u32 = 0; n < 8; n++) if (((result >> n) & 1) != 0) store<u16>(p + (n << 1), 0xffff);
  } else {
    for (let n: u32 = 0; n < 16; n++) if (((result >> n) & 1) != 0) store<u8>(p + n, 0xff);
  }
  if (load<u8>(u, V_SHAPE) >= <u8>SHAPE_VEX128) v128.store(p, zero128(), 16);
}

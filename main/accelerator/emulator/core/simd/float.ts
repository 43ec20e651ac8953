/** Floating-point arithmetic of two sources, and of one (SDM vol. 2A, ADDPS and its like; vol. 2B, SQRTPS). */
import { begin, finish } from '../float/environment';
import { reciprocal, reciprocalRoot } from '../float/estimate';
import { ADD, MUL, SUB, scalar } from '../float/fast';
import { packed } from '../float/packed';
import * as T from '../opcode-table';
import { FAULT, RETIRED } from '../status';
import { SHAPE_VEX256, SHAPE_XMM, V_SHAPE, immediate } from '../uop';
import { destinationAt, firstAt, setVector, sourceAt } from './registers';

/** Operations of each kind: the order of fast.ts is that of the rows. */
const KIND: i32 = 7;

export function float(cpu: usize, u: usize, op: i32): i32 {
  const b = sourceAt(cpu, u);
  if (b == 0) return FAULT;
  const a = firstAt(cpu, u);
  begin(cpu);
  if (op >= T.ADDSS && op <= T.SQRTSD) {
    const isLegacy = load<u8>(u, V_SHAPE) == <u8>SHAPE_XMM;
    if (op < T.ADDSD) {
      const r = scalar<f32>(op - T.ADDSS, load<f32>(a), load<f32>(b));
      if (!finish(cpu)) return FAULT;
      if (isLegacy) store<f32>(a, r);
      else setVector(cpu, u, f32x4.replace_lane(v128.load(a), 0, r));
    } else {
      const r = scalar<f64>(op - T.ADDSD, load<f64>(a), load<f64>(b));
      if (!finish(cpu)) return FAULT;
      if (isLegacy) store<f64>(a, r);
      else setVector(cpu, u, f64x2.replace_lane(v128.load(a), 0, r));
    }
    return RETIRED;
  }
  if (op == T.DPPS || op == T.DPPD) return dotProduct(cpu, u, op, a, b);
  if (op == T.RCPSS || op == T.RSQRTSS) {
    const x: u64 = load<u32>(b);
    const r = op == T.RCPSS ? reciprocal(x) : reciprocalRoot(x);
    setVector(cpu, u, i32x4.replace_lane(v128.load(a), 0, <i32>r));
    return RETIRED;
  }
  const low = half(op, v128.load(a), v128.load(b));
  if (load<u8>(u, V_SHAPE) != <u8>SHAPE_VEX256) {
    if (!finish(cpu)) return FAULT;
    setVector(cpu, u, low);
    return RETIRED;
  }
  const high = half(op, v128.load(a, 16), v128.load(b, 16));
  if (!finish(cpu)) return FAULT;
  const d = destinationAt(cpu, u);
  v128.store(d, low);
  v128.store(d, high, 16);
  return RETIRED;
}

/** Sixteen bytes of the result. */
function half(op: i32, a: v128, b: v128): v128 {
  if (op < T.ADDPD) return packed<f32>(op - T.ADDPS, op == T.SQRTPS ? b : a, b);
  if (op < T.ADDPD + KIND) return packed<f64>(op - T.ADDPD, op == T.SQRTPD ? b : a, b);
  switch (op) {
    case T.HADDPS:
      return packed<f32>(ADD, v128.shuffle<f32>(a, b, 0, 2, 4, 6), v128.shuffle<f32>(a, b, 1, 3, 5, 7));
    case T.HSUBPS:
      return packed<f32>(SUB, v128.shuffle<f32>(a, b, 0, 2, 4, 6), v128.shuffle<f32>(a, b, 1, 3, 5, 7));
    case T.HADDPD:
      return packed<f64>(ADD, v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
    case T.HSUBPD:
      return packed<f64>(SUB, v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
    case T.ADDSUBPS:
      return packed<f32>(ADD, a, negated<f32>(b, i64x2.splat(0x80000000)));
    case T.ADDSUBPD:
      return packed<f64>(ADD, a, negated<f64>(b, i64x2(i64.MIN_VALUE, 0)));
    case T.RCPPS:
      return estimates(b, false);
    default:
      return estimates(b, true);
  }
}

/** Numbers with some signs changed; NaNs stay what they are. */
// @ts-ignore: decorator
@inline
export function negated<T>(x: v128, signs: v128): v128 {
  return v128.xor(x, v128.and(signs, v128.eq<T>(x, x)));
}

function estimates(x: v128, ofRoot: bool): v128 {
  let r = x;
  r = i32x4.replace_lane(r, 0, estimate(i32x4.extract_lane(x, 0), ofRoot));
  r = i32x4.replace_lane(r, 1, estimate(i32x4.extract_lane(x, 1), ofRoot));
  r = i32x4.replace_lane(r, 2, estimate(i32x4.extract_lane(x, 2), ofRoot));
  return i32x4.replace_lane(r, 3, estimate(i32x4.extract_lane(x, 3), ofRoot));
}

function estimate(x: i32, ofRoot: bool): i32 {
  return <i32>(ofRoot ? reciprocalRoot(<u32>x) : reciprocal(<u32>x));
}

/** DPPS and DPPD: products of chosen lanes, then their sum; each step may end the instruction with its exceptions. */
function dotProduct(cpu: usize, u: usize, op: i32, a: usize, b: usize): i32 {
  const choice = <u32>immediate(u);
  const isWide = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256;
  const factors = lanesOf(choice >> 4, op);
  let low = products(op, v128.load(a), v128.load(b), factors);
  let high = isWide ? products(op, v128.load(a, 16), v128.load(b, 16), factors) : i64x2.splat(0);
  if (!finish(cpu)) return FAULT;
  if (op == T.DPPS) {
    low = pairSums(low);
    if (isWide) high = pairSums(high);
    if (!finish(cpu)) return FAULT;
  }
  low = total(op, low);
  if (isWide) high = total(op, high);
  if (!finish(cpu)) return FAULT;
  const places = lanesOf(choice, op);
  setVector(cpu, u, v128.and(low, places));
  if (isWide) v128.store(destinationAt(cpu, u), v128.and(high, places), 16);
  return RETIRED;
}

/** All bits of the lanes that the low bits of an immediate choose. */
function lanesOf(choice: u32, op: i32): v128 {
  if (op == T.DPPD) return v128.ne<i64>(v128.and(i64x2.splat(choice), i64x2(1, 2)), i64x2.splat(0));
  return v128.ne<i32>(v128.and(i32x4.splat(choice), i32x4(1, 2, 4, 8)), i32x4.splat(0));
}

function products(op: i32, a: v128, b: v128, factors: v128): v128 {
  const x = v128.and(a, factors);
  const y = v128.and(b, factors);
  return op == T.DPPS ? packed<f32>(MUL, x, y) : packed<f64>(MUL, x, y);
}

function pairSums(p: v128): v128 {
  return packed<f32>(ADD, v128.shuffle<f32>(p, p, 0, 2, 0, 2), v128.shuffle<f32>(p, p, 1, 3, 1, 3));
}

/** The sum of the first two lanes, in all lanes. */
function total(op: i32, x: v128): v128 {
  if (op == T.DPPD) return packed<f64>(ADD, v128.shuffle<f64>(x, x, 0, 0), v128.shuffle<f64>(x, x, 1, 1));
  return packed<f32>(ADD, v128.shuffle<f32>(x, x, 0, 0, 0, 0), v128.shuffle<f32>(x, x, 1, 1, 1, 1));
}

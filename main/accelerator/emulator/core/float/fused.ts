/**
 * Fused multiply-add: x * y + z, rounded once. WebAssembly has none, but error-free transformations of ordinary numbers
 * give it (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd").
 */
import { multiplyAdd } from './arithmetic';
import { PRECISION, isPlain, signal, wantsPrecision } from './environment';
import { bitsOf, isDenormal, isWithin, valueOf } from './fast';
import { all, denormals, turned, within } from './packed';

/** Where neither a product nor its error, nor a part of a splitted factor, leaves the range. */
const LEAST_FACTOR: f64 = 2.0e-144;
const LARGEST_FACTOR: f64 = 1.0e144;
const LEAST_TERM: f64 = 1.0e-290;
const LARGEST_TERM: f64 = 1.0e290;
/** 2^27 + 1: splits a significand in halves (Veltkamp). */
const SPLITTER: f64 = 134217729;

export function fused<T>(x: T, y: T, z: T): T {
  if (isPlain) {
    if (sizeof<T>() == 4) {
      if (!isDenormal<f32>(<f32>x) && !isDenormal<f32>(<f32>y) && !isDenormal<f32>(<f32>z)) {
        const p = <f64>x * <f64>y;
        const s = <f64>z + p;
        const r = <f32>odd(s, error(p, <f64>z, s));
        if (isWithin<f32>(r) || s == 0) {
          if (wantsPrecision && (<f64>r != s || error(p, <f64>z, s) != 0)) signal(PRECISION);
          return <T>r;
        }
      }
    } else if (!wantsPrecision && isTame(<f64>x, <f64>y, <f64>z)) {
      const a = v128.splat<f64>(<f64>x);
      const r = f64x2.extract_lane(fusedPair(a, v128.splat<f64>(<f64>y), v128.splat<f64>(<f64>z)), 0);
      if (isWithin<f64>(r)) return <T>r;
    }
  }
  return valueOf<T>(multiplyAdd<T>(bitsOf<T>(x), bitsOf<T>(y), bitsOf<T>(z)));
}

function isTame(x: f64, y: f64, z: f64): bool {
  return areTame(v128.splat<f64>(x), v128.splat<f64>(y), v128.splat<f64>(z));
}

/** What the sum s of a and b lacks (Knuth's TwoSum). */
// @ts-ignore: decorator
@inline
function error(a: f64, b: f64, s: f64): f64 {
  const bPart = s - a;
  return a - (s - bPart) + (b - bPart);
}

/** A sum rounded to odd, by its rounded value and what that lacks: a second rounding to fewer bits is then right. */
// @ts-ignore: decorator
@inline
function odd(s: f64, lacking: f64): f64 {
  const bits = reinterpret<u64>(s);
  if (lacking == 0 || (bits & 1) != 0) return s;
  return reinterpret<f64>(lacking > 0 == s > 0 ? bits + 1 : bits - 1);
}

/** Four lanes of f32, or two of f64. */
export function fusedPacked<T>(x: v128, y: v128, z: v128): v128 {
  if (isPlain && !wantsPrecision) {
    if (sizeof<T>() == 4) {
      if (!v128.any_true(v128.or(v128.or(denormals<f32>(x), denormals<f32>(y)), denormals<f32>(z)))) {
        const r = fusedQuad(x, y, z);
        if (all(within<f32>(r))) return r;
      }
    } else if (areTame(x, y, z)) {
      const r = fusedPair(x, y, z);
      if (all(within<f64>(r))) return r;
    }
  }
  let r = z;
  r = v128.replace_lane<T>(r, 0, fusedLane<T>(x, y, z));
  if (sizeof<T>() == 8)
    return v128.replace_lane<T>(r, 1, fusedLane<T>(turned<T>(x, 1), turned<T>(y, 1), turned<T>(z, 1)));
  r = v128.replace_lane<T>(r, 1, fusedLane<T>(turned<T>(x, 1), turned<T>(y, 1), turned<T>(z, 1)));
  r = v128.replace_lane<T>(r, 2, fusedLane<T>(turned<T>(x, 2), turned<T>(y, 2), turned<T>(z, 2)));
  return v128.replace_lane<T>(r, 3, fusedLane<T>(turned<T>(x, 3), turned<T>(y, 3), turned<T>(z, 3)));
}

function fusedLane<T>(x: v128, y: v128, z: v128): T {
  return fused<T>(v128.extract_lane<T>(x, 0), v128.extract_lane<T>(y, 0), v128.extract_lane<T>(z, 0));
}

function areTame(x: v128, y: v128, z: v128): bool {
  const factors = v128.and(between(x, LEAST_FACTOR, LARGEST_FACTOR), between(y, LEAST_FACTOR, LARGEST_FACTOR));
  const terms = v128.or(between(z, LEAST_TERM, LARGEST_TERM), v128.eq<f64>(z, v128.splat<f64>(0)));
  return all(v128.and(factors, terms));
}

// @ts-ignore: decorator
@inline
function between(x: v128, least: f64, largest: f64): v128 {
  const size = v128.abs<f64>(x);
  return v128.and(v128.ge<f64>(size, v128.splat<f64>(least)), v128.le<f64>(size, v128.splat<f64>(largest)));
}

// @ts-ignore: decorator
@inline
function errors(a: v128, b: v128, s: v128): v128 {
  const bPart = v128.sub<f64>(s, a);
  return v128.add<f64>(v128.sub<f64>(a, v128.sub<f64>(s, bPart)), v128.sub<f64>(b, bPart));
}

/** `odd` for two lanes. */
// @ts-ignore: decorator
@inline
function odds(s: v128, lacking: v128): v128 {
  const one = v128.splat<i64>(1);
  const isEven = v128.eq<i64>(v128.and(s, one), v128.splat<i64>(0));
  const wanted = v128.and(isEven, v128.ne<f64>(lacking, v128.splat<f64>(0)));
  // 1 where the signs are the same, else -1: away from zero, or towards it.
  const step = v128.or(v128.shr<i64>(v128.xor(s, lacking), 63), one);
  return v128.add<i64>(s, v128.and(wanted, step));
}

/** A factor's upper half; what it lacks is the lower one. */
// @ts-ignore: decorator
@inline
function upperHalf(x: v128): v128 {
  const scaled = v128.mul<f64>(x, v128.splat<f64>(SPLITTER));
  return v128.sub<f64>(scaled, v128.sub<f64>(scaled, x));
}

/** f64: the product as a number and its error (Dekker), then the sum of three numbers, the two small ones rounded to odd. */
function fusedPair(x: v128, y: v128, z: v128): v128 {
  const product = v128.mul<f64>(x, y);
  const xHigh = upperHalf(x);
  const yHigh = upperHalf(y);
  const xLow = v128.sub<f64>(x, xHigh);
  const yLow = v128.sub<f64>(y, yHigh);
  let rest = v128.sub<f64>(v128.mul<f64>(xHigh, yHigh), product);
  rest = v128.add<f64>(rest, v128.mul<f64>(xHigh, yLow));
  rest = v128.add<f64>(rest, v128.mul<f64>(xLow, yHigh));
  rest = v128.add<f64>(rest, v128.mul<f64>(xLow, yLow));
  const small = v128.add<f64>(z, rest);
  const smallRest = errors(z, rest, small);
  const large = v128.add<f64>(product, small);
  const largeRest = errors(product, small, large);
  const rests = v128.add<f64>(smallRest, largeRest);
  return v128.add<f64>(large, odds(rests, errors(smallRest, largeRest, rests)));
}

/** f32: products are exact in f64. */
function fusedQuad(x: v128, y: v128, z: v128): v128 {
  const low = fusedHalf(x, y, z);
  const high = fusedHalf(turned<f64>(x, 1), turned<f64>(y, 1), turned<f64>(z, 1));
  return v128.shuffle<f64>(low, high, 0, 2);
}

function fusedHalf(x: v128, y: v128, z: v128): v128 {
  const term = f64x2.promote_low_f32x4(z);
  const product = v128.mul<f64>(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(y));
  const sum = v128.add<f64>(product, term);
  return f32x4.demote_f64x2_zero(odds(sum, errors(product, term, sum)));
}

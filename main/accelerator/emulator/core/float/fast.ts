/**
 * Arithmetic as the instructions need it. WebAssembly's own rounds to nearest and knows no exceptions, so it gives the guest's
 * result where MXCSR asks for that rounding and masks inexact results, where operands and result are zeros or normal numbers
 * and far enough from both ends of their range; everything else is done in arithmetic.ts. A NaN never comes from here,
 * since WebAssembly does not say which one it would be.
 */
import { add, divide, multiply, squareRoot, subtract } from './arithmetic';
import { maximum, minimum } from './compare';
import { PRECISION, isPlain, signal, wantsPrecision } from './environment';

/** Operations by their numbers; the next one is the square root of the second operand. */
export const ADD: i32 = 0;
export const MUL: i32 = 1;
export const SUB: i32 = 2;
export const MIN: i32 = 3;
export const DIV: i32 = 4;
export const MAX: i32 = 5;

// @ts-ignore: decorator
@inline
export function bitsOf<T>(x: T): u64 {
  return sizeof<T>() == 8 ? reinterpret<u64>(x) : <u64>reinterpret<u32>(x);
}

// @ts-ignore: decorator
@inline
export function valueOf<T>(bits: u64): T {
  return sizeof<T>() == 8 ? <T>reinterpret<f64>(bits) : <T>reinterpret<f32>(<u32>bits);
}

// @ts-ignore: decorator
@inline
export function leastNormal<T>(): T {
  return <T>(sizeof<T>() == 8 ? 2.2250738585072014e-308 : 1.1754943508222875e-38);
}

// @ts-ignore: decorator
@inline
export function isDenormal<T>(x: T): bool {
  return abs<T>(x) < leastNormal<T>() && x != 0;
}

/** A finite number that no rounding has brought up to the least normal one. */
// @ts-ignore: decorator
@inline
export function isWithin<T>(x: T): bool {
  return abs<T>(x) >= 2 * leastNormal<T>() && abs<T>(x) < <T>Infinity;
}

/** Whether r is the product of a and b itself: of the odd numbers that they are, but for powers of 2, it has all bits. */
function isProduct<T>(a: T, b: T, r: T): bool {
  if (sizeof<T>() == 4) return <f64>a * <f64>b == <f64>r;
  const p = oddPart(reinterpret<u64>(a));
  const q = oddPart(reinterpret<u64>(b));
  const bits = 128 - clz(p) - clz(q);
  return bits <= 53 || (bits == 54 && (p * q) >> 53 == 0);
}

function oddPart(bits: u64): u64 {
  const significand = (bits & 0xfffffffffffff) | 0x10000000000000;
  return significand >> ctz(significand);
}

/** Whether r is the sum of a and b itself: what it lacks is a number, too (Knuth's TwoSum). */
// @ts-ignore: decorator
@inline
function isSum<T>(a: T, b: T, r: T): bool {
  const bPart = r - a;
  return a - (r - bPart) + (b - bPart) == 0;
}

function isQuotient<T>(a: T, b: T, r: T): bool {
  return r * b == a && isProduct<T>(r, b, a);
}

function sum<T>(a: T, b: T): T {
  const r = a + b;
  if (isPlain && !isDenormal<T>(a) && !isDenormal<T>(b) && (isWithin<T>(r) || r == 0)) {
    if (wantsPrecision && !isSum<T>(a, b, r)) signal(PRECISION);
    return r;
  }
  return valueOf<T>(add<T>(bitsOf<T>(a), bitsOf<T>(b)));
}

function difference<T>(a: T, b: T): T {
  const r = a - b;
  if (isPlain && !isDenormal<T>(a) && !isDenormal<T>(b) && (isWithin<T>(r) || r == 0)) {
    if (wantsPrecision && !isSum<T>(a, -b, r)) signal(PRECISION);
    return r;
  }
  return valueOf<T>(subtract<T>(bitsOf<T>(a), bitsOf<T>(b)));
}

function product<T>(a: T, b: T): T {
  const r = a * b;
  if (isPlain && !isDenormal<T>(a) && !isDenormal<T>(b)) {
    if (isWithin<T>(r)) {
      if (wantsPrecision && !isProduct<T>(a, b, r)) signal(PRECISION);
      return r;
    }
    if (r == 0 && (a == 0 || b == 0)) return r;
  }
  return valueOf<T>(multiply<T>(bitsOf<T>(a), bitsOf<T>(b)));
}

function quotient<T>(a: T, b: T): T {
  const r = a / b;
  if (isPlain && !isDenormal<T>(a) && !isDenormal<T>(b)) {
    if (isWithin<T>(r)) {
      if (wantsPrecision && !isQuotient<T>(a, b, r)) signal(PRECISION);
      return r;
    }
    if (r == 0 && a == 0) return r;
  }
  return valueOf<T>(divide<T>(bitsOf<T>(a), bitsOf<T>(b)));
}

function root<T>(a: T): T {
  const r = sqrt<T>(a);
  if (isPlain && !isDenormal<T>(a) && (isWithin<T>(r) || r == 0)) {
    if (wantsPrecision && r != 0 && !isQuotient<T>(a, r, r)) signal(PRECISION);
    return r;
  }
  return valueOf<T>(squareRoot<T>(bitsOf<T>(a)));
}

/** One of the operations above, on one lane. */
export function scalar<T>(operation: i32, a: T, b: T): T {
  switch (operation) {
    case ADD:
      return sum<T>(a, b);
    case SUB:
      return difference<T>(a, b);
    case MUL:
      return product<T>(a, b);
    case DIV:
      return quotient<T>(a, b);
    case MIN:
      return valueOf<T>(minimum<T>(bitsOf<T>(a), bitsOf<T>(b)));
    case MAX:
      return valueOf<T>(maximum<T>(bitsOf<T>(a), bitsOf<T>(b)));
    default:
      return root<T>(b);
  }
}

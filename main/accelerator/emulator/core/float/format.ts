/**
 * Binary floating-point formats (IEEE 754; SDM vol. 1, "Floating-Point Data Types"): their parts, NaNs, and rounding. T is f64,
 * f32, or u16 for half precision; values are their bits in an u64. A significand has its leading bit in bit 63.
 */
import {
  DENORMAL,
  DOWN,
  INVALID,
  NEAREST,
  OVERFLOW,
  PRECISION,
  TRUNCATE,
  UNDERFLOW,
  UP,
  denormalsAreZeros,
  flushesToZero,
  isMasked,
  rounding,
  signal,
} from './environment';

const HALF_BIT: u64 = 1 << 63;

// @ts-ignore: decorator
@inline
export function fractionBits<T>(): u64 {
  return sizeof<T>() == 8 ? 52 : sizeof<T>() == 4 ? 23 : 10;
}

// @ts-ignore: decorator
@inline
export function bias<T>(): i32 {
  return sizeof<T>() == 8 ? 1023 : sizeof<T>() == 4 ? 127 : 15;
}

// @ts-ignore: decorator
@inline
export function signBit<T>(): u64 {
  return (<u64>1) << (8 * sizeof<T>() - 1);
}

// @ts-ignore: decorator
@inline
export function infinity<T>(): u64 {
  return (<u64>(2 * bias<T>() + 1)) << fractionBits<T>();
}

// @ts-ignore: decorator
@inline
function quietBit<T>(): u64 {
  return (<u64>1) << (fractionBits<T>() - 1);
}

/** What an invalid operation comes to: the QNaN floating-point indefinite. */
// @ts-ignore: decorator
@inline
export function defaultNaN<T>(): u64 {
  return signBit<T>() | infinity<T>() | quietBit<T>();
}

// @ts-ignore: decorator
@inline
export function magnitude<T>(x: u64): u64 {
  return x & (signBit<T>() - 1);
}

// @ts-ignore: decorator
@inline
export function isNegative<T>(x: u64): bool {
  return (x & signBit<T>()) != 0;
}

// @ts-ignore: decorator
@inline
export function isNaN<T>(x: u64): bool {
  return magnitude<T>(x) > infinity<T>();
}

// @ts-ignore: decorator
@inline
export function isSignaling<T>(x: u64): bool {
  return isNaN<T>(x) && (x & quietBit<T>()) == 0;
}

// @ts-ignore: decorator
@inline
export function isInfinite<T>(x: u64): bool {
  return magnitude<T>(x) == infinity<T>();
}

// @ts-ignore: decorator
@inline
export function isZero<T>(x: u64): bool {
  return magnitude<T>(x) == 0;
}

// @ts-ignore: decorator
@inline
function isDenormal<T>(x: u64): bool {
  return magnitude<T>(x) - 1 < ((<u64>1) << fractionBits<T>()) - 1;
}

// @ts-ignore: decorator
@inline
export function quiet<T>(x: u64): u64 {
  return x | quietBit<T>();
}

export function invalid<T>(): u64 {
  signal(INVALID);
  return defaultNaN<T>();
}

/** The result where one operand is a NaN: the first one that is (SDM vol. 1, table "Rules for Handling NaNs"). */
export function propagate<T>(a: u64, b: u64): u64 {
  if (isSignaling<T>(a) || isSignaling<T>(b)) signal(INVALID);
  return quiet<T>(isNaN<T>(a) ? a : b);
}

/** An operand as the operation sees it. */
export function flushed<T>(x: u64): u64 {
  return denormalsAreZeros() && isDenormal<T>(x) ? x & signBit<T>() : x;
}

export function noteDenormal<T>(x: u64): void {
  if (isDenormal<T>(x)) signal(DENORMAL);
}

/** Of a number that is neither 0 nor infinite: its value is significand / 2^63 * 2^exponent. */
export function exponentOf<T>(x: u64): i32 {
  const field = <i32>(magnitude<T>(x) >> fractionBits<T>());
  return field != 0 ? field - bias<T>() : 1 - bias<T>() - (<i32>clz(magnitude<T>(x)) - (63 - <i32>fractionBits<T>()));
}

export function significandOf<T>(x: u64): u64 {
  const bits = magnitude<T>(x);
  if (bits >> fractionBits<T>() == 0) return bits << clz(bits);
  return HALF_BIT | (bits << (63 - fractionBits<T>()));
}

/** Shifts right; what falls out stays as bit 0. */
export function shiftRightSticky(x: u64, count: i32): u64 {
  if (count <= 0) return x;
  if (count > 63) return x != 0 ? 1 : 0;
  return (x >> <u64>count) | (x << (<u64>(64 - count)) != 0 ? 1 : 0);
}

/** Whether an integer is to be incremented whose dropped bits stand at the top of `rest`. */
// @ts-ignore: decorator
@inline
export function roundsUp(integer: u64, rest: u64, negative: bool, mode: u32): bool {
  if (mode == NEAREST) return rest > HALF_BIT || (rest == HALF_BIT && (integer & 1) != 0);
  return rest != 0 && mode == (negative ? DOWN : UP);
}

/** Rounds significand / 2^63 * 2^exponent to the format, with the exceptions that this meets; bit 0 may be sticky. */
export function pack<T>(negative: bool, exponent: i32, significand: u64): u64 {
  const sign = negative ? signBit<T>() : 0;
  const dropped = 63 - fractionBits<T>();
  const field = exponent + bias<T>();
  if (field <= 0) return packTiny<T>(negative, field, significand);
  let integer = significand >> dropped;
  const rest = significand << (64 - dropped);
  if (roundsUp(integer, rest, negative, rounding)) integer++;
  // A carry out of the fraction goes into the exponent.
  const bits = ((<u64>(field - 1)) << fractionBits<T>()) + integer;
  if (field > 2 * bias<T>() || bits >= infinity<T>()) {
    signal(rest != 0 || isMasked(OVERFLOW) ? OVERFLOW | PRECISION : OVERFLOW);
    const toLargest = rounding == TRUNCATE || rounding == (negative ? UP : DOWN);
    return sign | (infinity<T>() - (toLargest ? 1 : 0));
  }
  if (rest != 0) signal(PRECISION);
  return sign | bits;
}

/** A result is tiny by what it would be rounded to if exponents had no limit (SDM vol. 1, "Numeric Underflow Exception"). */
function packTiny<T>(negative: bool, field: i32, significand: u64): u64 {
  const sign = negative ? signBit<T>() : 0;
  const dropped = 63 - fractionBits<T>();
  let integer = significand >> dropped;
  let rest = significand << (64 - dropped);
  const isTiny =
    field < 0 || !roundsUp(integer, rest, negative, rounding) || integer + 1 < (<u64>2) << fractionBits<T>();
  if (isTiny && !isMasked(UNDERFLOW)) {
    // There is no result; it would be the rounded one with a larger exponent.
    signal(rest != 0 ? UNDERFLOW | PRECISION : UNDERFLOW);
    return sign;
  }
  // Conversion to half precision does not flush.
  if (isTiny && sizeof<T>() > 2 && flushesToZero()) {
    signal(UNDERFLOW | PRECISION);
    return sign;
  }
  const shifted = shiftRightSticky(significand, 1 - field);
  integer = shifted >> dropped;
  rest = shifted << (64 - dropped);
  if (rest != 0) signal(isTiny ? UNDERFLOW | PRECISION : PRECISION);
  if (roundsUp(integer, rest, negative, rounding)) integer++;
  return sign | integer;
}

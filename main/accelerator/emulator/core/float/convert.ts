/** Conversions between integers and floating-point formats, and rounding to integral values. Values are bits, as in format.ts. */
import { INVALID, PRECISION, rounding, signal } from './environment';
import {
  bias,
  exponentOf,
  flushed,
  fractionBits,
  infinity,
  isInfinite,
  isNaN,
  isNegative,
  isSignaling,
  isZero,
  noteDenormal,
  pack,
  quiet,
  roundsUp,
  shiftRightSticky,
  signBit,
  significandOf,
} from './format';

export function fromInteger<T>(value: i64): u64 {
  if (value == 0) return 0;
  const size = value < 0 ? 0 - <u64>value : <u64>value;
  const shift = clz(size);
  return pack<T>(value < 0, 63 - <i32>shift, size << shift);
}

/** To an integer of 32 or 64 bits, by a rounding mode; what does not fit is the integer indefinite, and invalid. */
export function toInteger<T>(x: u64, bits: i32, mode: u32): u64 {
  const indefinite: u64 = (<u64>1) << (<u64>(bits - 1));
  const a = flushed<T>(x);
  if (isZero<T>(a)) return 0;
  const negative = isNegative<T>(a);
  const exponent = isNaN<T>(a) ? 64 : exponentOf<T>(a);
  if (exponent >= bits) {
    signal(INVALID);
    return indefinite;
  }
  const significand = significandOf<T>(a);
  let integer: u64 = 0;
  let rest: u64 = 1;
  if (exponent >= 0) {
    integer = significand >> <u64>(63 - exponent);
    rest = exponent == 63 ? 0 : significand << (<u64>(exponent + 1));
  } else rest = shiftRightSticky(significand, -1 - exponent);
  if (roundsUp(integer, rest, negative, mode)) integer++;
  if (integer > indefinite - (negative ? 0 : 1)) {
    signal(INVALID);
    return indefinite;
  }
  if (rest != 0) signal(PRECISION);
  const value = negative ? 0 - integer : integer;
  return bits == 32 ? value & 0xffffffff : value;
}

/** To an integral value of the same format (ROUNDSS and its kin). A denormal operand is not reported. */
export function toIntegral<T>(x: u64): u64 {
  if (isNaN<T>(x)) {
    if (isSignaling<T>(x)) signal(INVALID);
    return quiet<T>(x);
  }
  const a = flushed<T>(x);
  if (isZero<T>(a) || isInfinite<T>(a)) return a;
  const exponent = exponentOf<T>(a);
  if (exponent >= <i32>fractionBits<T>()) return a;
  const negative = isNegative<T>(a);
  const significand = significandOf<T>(a);
  let integer: u64 = 0;
  let rest: u64;
  if (exponent >= 0) {
    integer = significand >> <u64>(63 - exponent);
    rest = significand << (<u64>(exponent + 1));
  } else rest = shiftRightSticky(significand, -1 - exponent);
  if (rest != 0) signal(PRECISION);
  if (roundsUp(integer, rest, negative, rounding)) integer++;
  const sign = negative ? signBit<T>() : 0;
  if (integer == 0) return sign;
  const shift = clz(integer);
  return (
    sign |
    (((<u64>(62 - <i32>shift + bias<T>())) << fractionBits<T>()) + ((integer << shift) >> (63 - fractionBits<T>())))
  );
}

/** Between f32 and f64. */
export function convert<From, To>(x: u64): u64 {
  if (isNaN<From>(x)) return convertNaN<From, To>(x);
  const a = flushed<From>(x);
  const sign = isNegative<From>(a) ? signBit<To>() : 0;
  if (isInfinite<From>(a)) return sign | infinity<To>();
  if (isZero<From>(a)) return sign;
  noteDenormal<From>(a);
  return pack<To>(sign != 0, exponentOf<From>(a), significandOf<From>(a));
}

/** As much of the payload as there is room for. */
function convertNaN<From, To>(x: u64): u64 {
  if (isSignaling<From>(x)) signal(INVALID);
  const sign = isNegative<From>(x) ? signBit<To>() : 0;
  const payload = (x << (64 - fractionBits<From>())) >> (64 - fractionBits<To>());
  return quiet<To>(sign | infinity<To>() | payload);
}

/** Half precision to f32: exact, and without a word about denormals, which count whatever MXCSR says. */
export function fromHalf(x: u64): u64 {
  if (isNaN<u16>(x)) return convertNaN<u16, f32>(x);
  const sign = isNegative<u16>(x) ? signBit<f32>() : 0;
  if (isInfinite<u16>(x)) return sign | infinity<f32>();
  if (isZero<u16>(x)) return sign;
  return pack<f32>(sign != 0, exponentOf<u16>(x), significandOf<u16>(x));
}

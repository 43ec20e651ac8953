/** FSCALE, FXTRACT and the partial remainders. */
import {
  areSpecialOperands,
  BIAS,
  C0,
  C1,
  C2,
  C3,
  exponent,
  INTEGER_BIT,
  invalid,
  isInfinite,
  isNan,
  isSpecialOperand,
  isZero,
  MAX_EXPONENT,
  normalize,
  raise,
  setResult,
  SIGN,
  ZERO_DIVIDE,
} from './operation';
import { packExtended } from './round';
import { divide, high, low, setWide, shiftLeft } from './wide';

/** Past this any exponent over- or underflows. */
const FAR: i32 = 0x10000;

/** a * 2^trunc(b) */
export function scale(aUpper: u32, a: u64, bUpper: u32, b: u64): void {
  if (areSpecialOperands(aUpper, a, bUpper, b)) return;
  const sign = aUpper & SIGN;
  const shrinks = (bUpper & SIGN) != 0;
  if (isInfinite(bUpper, b)) {
    if (shrinks ? isInfinite(aUpper, a) : isZero(aUpper, a)) invalid();
    else if (shrinks) setResult(sign, 0);
    else setResult(sign | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  if (isInfinite(aUpper, a) || isZero(aUpper, a)) {
    setResult(aUpper, a);
    return;
  }
  const power = <i32>(bUpper & MAX_EXPONENT) - BIAS;
  let steps = power < 0 ? 0 : power > 16 ? FAR : <i32>(b >> (63 - power));
  if (shrinks) steps = -steps;
  const significand = normalize(aUpper, a);
  packExtended(sign, exponent + steps, significand, 0);
}

/** The exponent of a number, as a number; 0 where it has none. Then `significandOf` it is the result. */
export function exponentOf(upper: u32, significand: u64): i32 {
  normalize(upper, significand);
  return exponent - BIAS;
}

export function significandOf(upper: u32, significand: u64): void {
  setResult((upper & SIGN) | BIAS, normalize(upper, significand));
}

/** FXTRACT of what has no exponent: true, and the result is the exponent; the significand is the operand, a NaN as the result. */
export function isSpecialExtract(upper: u32, significand: u64): bool {
  if (isSpecialOperand(upper, significand)) return true;
  if (isInfinite(upper, significand)) {
    setResult(MAX_EXPONENT, INTEGER_BIT);
    return true;
  }
  if (!isZero(upper, significand)) return false;
  raise(ZERO_DIVIDE);
  setResult(SIGN | MAX_EXPONENT, INTEGER_BIT);
  return true;
}

/** Of `remainder`: there is none, C0 and C3 stay. */
export const NO_QUOTIENT: u32 = 1;

/**
 * FPREM, with `nearest` FPREM1: the remainder of a / b becomes the result; returns C0, C3 and C1, the quotient's lowest bits, or
 * C2 where the exponents lie too far apart for one go.
 */
export function remainder(aUpper: u32, a: u64, bUpper: u32, b: u64, nearest: bool): u32 {
  const isInvalid = isInfinite(aUpper, a) ? !isNan(bUpper, b) : isZero(bUpper, b) && !isNan(aUpper, a);
  if (isInvalid) invalid();
  if (isInvalid || areSpecialOperands(aUpper, a, bUpper, b)) return NO_QUOTIENT;
  if (isZero(aUpper, a) || isInfinite(bUpper, b)) {
    if (isZero(aUpper, a)) setResult(aUpper, a);
    else {
      const significand = normalize(aUpper, a);
      packExtended(aUpper & SIGN, exponent, significand, 0);
    }
    return 0;
  }
  let sign = aUpper & SIGN;
  const dividend = normalize(aUpper, a);
  const dividendExponent = exponent;
  const divisor = normalize(bUpper, b);
  const divisorExponent = exponent;
  const distance = dividendExponent - divisorExponent;
  if (distance >= 64) {
    // As much as leaves the distance at a multiple of 32 less: any 32 to 63 bits are allowed.
    const bits = (distance & 31) | 32;
    remainderOf(dividend, divisor, bits);
    packRemainder(sign, dividendExponent - bits, low);
    return C2;
  }
  if (distance < -1 || (distance < 0 && !nearest)) {
    packExtended(sign, dividendExponent, dividend, 0);
    return 0;
  }
  let quotient: u64 = 0;
  let rest: u64 = 0;
  let restExponent = divisorExponent;
  if (distance < 0) {
    // Less than the divisor, more than a quarter of it.
    rest = dividend;
    restExponent = dividendExponent;
  } else {
    quotient = remainderOf(dividend, divisor, distance);
    rest = low;
  }
  if (nearest) {
    // Twice the remainder against the divisor; at -1 the remainder is in units of half of the divisor's.
    const isMore = distance < 0 ? rest > divisor : rest > divisor - rest;
    const isHalf = distance < 0 ? rest == divisor : rest != 0 && rest == divisor - rest;
    if (isMore || (isHalf && (quotient & 1) != 0)) {
      sign ^= SIGN;
      quotient++;
      rest = distance < 0 ? (divisor << 1) - rest : divisor - rest;
    }
  }
  packRemainder(sign, restExponent, rest);
  const bits = <u32>quotient;
  return ((bits & 4) != 0 ? C0 : 0) | ((bits & 2) != 0 ? C3 : 0) | ((bits & 1) != 0 ? C1 : 0);
}

/** The quotient of a * 2^shift / b, 64 bits of it; what remains is in `low`, in units of b's last place. */
function remainderOf(a: u64, b: u64, shift: i32): u64 {
  let quotient: u64 = 0;
  let upper: u64 = 0;
  let lower = a;
  if (a >= b) {
    quotient = 1;
    lower -= b;
  }
  if (shift == 0) {
    setWide(0, lower);
    return quotient;
  }
  shiftLeft(0, lower, shift);
  upper = high;
  return (quotient << shift) | divide(upper, low, b);
}

function packRemainder(sign: u32, power: i32, rest: u64): void {
  if (rest == 0) {
    setResult(sign, 0);
    return;
  }
  const shift = <i32>clz(rest);
  packExtended(sign, power - shift, rest << shift, 0);
}

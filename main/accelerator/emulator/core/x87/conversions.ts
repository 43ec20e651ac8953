/** Between the registers' format and those that memory holds (SDM vol. 1, "Data Types"). */
import {
  BIAS,
  C1,
  control,
  DENORMAL,
  exponent,
  INTEGER_BIT,
  INVALID,
  isNan,
  isSpecialOperand,
  isUnsupported,
  isZero,
  MAX_EXPONENT,
  normalize,
  OVERFLOW,
  PRECISION,
  QUIET,
  raise,
  raised,
  result,
  resultUpper,
  rounding,
  setResult,
  SIGN,
  UNDERFLOW,
  unraise,
  NEAREST,
  UP,
  DOWN,
} from './operation';
import { roundsUp } from './round';
import { high, low, shiftRight } from './wide';

/** A number of 32 or 64 bits becomes the result; a denormal one is raised, a signalling NaN is not yet. */
// @ts-ignore: decorator
@inline
export function fromDouble(bits: u64): void {
  const sign = <u32>(bits >> 48) & SIGN;
  const power = <i32>(bits >> 52) & 0x7ff;
  if (<u32>(power - 1) < 0x7fe) setResult(sign | (power + (BIAS - 1023)), INTEGER_BIT | (bits << 11));
  else fromOdd(sign, power == 0, (bits << 12) >> 1, BIAS - 1023);
}

// @ts-ignore: decorator
@inline
export function fromSingle(bits: u32): void {
  const sign = (bits >> 16) & SIGN;
  const power = <i32>(bits >> 23) & 0xff;
  if (<u32>(power - 1) < 0xfe) setResult(sign | (power + (BIAS - 127)), INTEGER_BIT | ((<u64>bits) << 40));
  else fromOdd(sign, power == 0, (<u64>(bits << 9)) << 31, BIAS - 127);
}

/** Zeros and denormals, or infinities and NaNs, with their fraction behind the integer bit. */
function fromOdd(sign: u32, isSmall: bool, fraction: u64, bias: i32): void {
  if (!isSmall) setResult(sign | MAX_EXPONENT, INTEGER_BIT | fraction);
  else if (fraction == 0) setResult(sign, 0);
  else {
    raise(DENORMAL);
    const shift = <i32>clz(fraction);
    setResult(sign | (bias + 1 - shift), fraction << shift);
  }
}

export function fromInteger(value: i64): void {
  if (value == 0) {
    setResult(0, 0);
    return;
  }
  const magnitude = value < 0 ? <u64>(0 - value) : <u64>value;
  const shift = <i32>clz(magnitude);
  setResult((value < 0 ? SIGN : 0) | (BIAS + 63 - shift), magnitude << shift);
}

export function toDouble(upper: u32, significand: u64): u64 {
  // What fits needs no rounding.
  const power = <i32>(upper & MAX_EXPONENT) - (BIAS - 1023);
  if (<i64>significand < 0 && (significand & 0x7ff) == 0 && <u32>(power - 1) < 0x7fe)
    return ((<u64>(upper & SIGN)) << 48) | ((<u64>power) << 52) | ((significand << 1) >> 12);
  return toShort(upper, significand, 52, 0x7ff);
}

export function toSingle(upper: u32, significand: u64): u32 {
  return <u32>toShort(upper, significand, 23, 0xff);
}

/** To a format with so many bits of fraction, and this greatest exponent. */
function toShort(upper: u32, significand: u64, fraction: i32, most: i32): u64 {
  const place = <u64>fraction + (most == 0xff ? 8 : 11);
  const sign = (<u64>((upper >> 15) & 1)) << place;
  const infinity = (<u64>most) << fraction;
  const below = 63 - fraction;
  if (isUnsupported(upper, significand)) {
    raise(INVALID);
    return ((<u64>1) << place) | infinity | ((<u64>1) << (fraction - 1));
  }
  if (isNan(upper, significand)) {
    if ((significand & QUIET) == 0) raise(INVALID);
    return sign | infinity | (((significand | QUIET) & ~INTEGER_BIT) >> below);
  }
  if ((upper & MAX_EXPONENT) == MAX_EXPONENT) return sign | infinity;
  if (isZero(upper, significand)) return sign;
  const value = normalize(upper, significand);
  let power = exponent - BIAS + (most >> 1);
  const isNegative = (upper >> 15) & 1;
  const unit = <u64>1 << below;
  let kept = value & ~(unit - 1);
  let lost = value & (unit - 1);
  if (power <= 0) {
    const carries = power == 0 && roundsUp(isNegative, (kept & unit) != 0, lost, unit >> 1) && kept + unit == 0;
    if (!carries && (control & UNDERFLOW) == 0) {
      raise(UNDERFLOW);
      return 0;
    }
    shiftRight(value, 0, 1 - power);
    kept = high & ~(unit - 1);
    lost = (high & (unit - 1)) | <u64>(low != 0);
    power = 0;
    if (!carries && lost != 0) raise(UNDERFLOW);
  }
  if (lost != 0) {
    raise(PRECISION);
    if (roundsUp(isNegative, (kept & unit) != 0, lost, unit >> 1)) {
      raise(C1);
      kept += unit;
      if (kept == 0) {
        kept = INTEGER_BIT;
        power++;
      }
    }
  }
  if (power == 0 && (kept & INTEGER_BIT) != 0) power = 1;
  if (power >= most) return toOverflow(sign, isNegative, infinity);
  return sign | ((<u64>power) << fraction) | ((kept & ~INTEGER_BIT) >> below);
}

/** Masked: infinity, or the largest number where rounding leads away from it. */
function toOverflow(sign: u64, isNegative: u32, infinity: u64): u64 {
  raise(OVERFLOW);
  if ((control & OVERFLOW) == 0) {
    // Nothing is stored, and nothing was rounded.
    unraise(PRECISION | C1);
    return 0;
  }
  raise(PRECISION);
  const mode = rounding();
  if (mode == NEAREST || (mode == UP && isNegative == 0) || (mode == DOWN && isNegative != 0)) {
    raise(C1);
    return sign | infinity;
  }
  return sign | (infinity - 1);
}

/** What a number is as an integer, before it is put to a size: rounded as asked for, with PRECISION and C1. */
let magnitude: u64 = 0;
function toMagnitude(upper: u32, significand: u64, chop: bool): bool {
  if (isUnsupported(upper, significand) || (upper & MAX_EXPONENT) == MAX_EXPONENT) return false;
  magnitude = 0;
  if (significand == 0) return true;
  const value = normalize(upper, significand);
  const shift = BIAS + 63 - exponent;
  if (shift < 0) return false;
  shiftRight(value, 0, shift);
  magnitude = high;
  if (low == 0) return true;
  raise(PRECISION);
  if (!chop && roundsUp(upper & SIGN, (magnitude & 1) != 0, low, INTEGER_BIT)) {
    raise(C1);
    magnitude++;
    // From 2^64 - 1 and something on.
    return magnitude != 0;
  }
  return true;
}

/** To an integer of 16, 32 or 64 bits; what does not fit is INVALID alone, and the integer indefinite. */
export function toInteger(upper: u32, significand: u64, bits: i32, chop: bool): i64 {
  const most = <u64>1 << (bits - 1);
  const isNegative = (upper & SIGN) != 0;
  const before = raised;
  if (toMagnitude(upper, significand, chop) && magnitude <= (isNegative ? most : most - 1))
    return isNegative ? 0 - <i64>magnitude : <i64>magnitude;
  refuse(before);
  return 0 - <i64>most;
}

/** Takes back what was raised on the way to an invalid result. */
function refuse(before: u32): void {
  unraise(raised & ~before);
  raise(INVALID);
}

/** A packed decimal: 16 digits, then two more with the sign. */
export let decimal: u64 = 0;
export let decimalUpper: u32 = 0;

/** To packed decimal (SDM vol. 1, "BCD and Packed BCD Integers"). */
export function toDecimal(upper: u32, significand: u64): void {
  const before = raised;
  if (!toMagnitude(upper, significand, false) || magnitude > 999_999_999_999_999_999) {
    refuse(before);
    decimal = 0xc000_0000_0000_0000;
    decimalUpper = 0xffff;
    return;
  }
  let rest = magnitude;
  decimal = 0;
  for (let digit: u64 = 0; digit < 64; digit += 4) {
    decimal |= (rest % 10) << digit;
    rest /= 10;
  }
  decimalUpper = (upper & SIGN) | ((<u32>rest / 10) << 4) | <u32>rest % 10;
}

/** Digits above 9 are undefined by the SDM; they count what they say. */
export function fromDecimal(p: usize): void {
  let value: u64 = 0;
  for (let byte = 8; byte >= 0; byte--) {
    const pair: u64 = load<u8>(p + byte);
    value = value * 100 + (pair >> 4) * 10 + (pair & 15);
  }
  fromInteger(<i64>value);
  if ((load<u8>(p, 9) & 0x80) != 0) setResult(resultUpper | SIGN, result);
}

/** To an integer in the registers' format. */
export function roundToInteger(upper: u32, significand: u64): void {
  if (isSpecialOperand(upper, significand)) return;
  const power = <i32>(upper & MAX_EXPONENT);
  if (significand == 0 || power >= BIAS + 63) {
    setResult(upper, significand);
    return;
  }
  const value = normalize(upper, significand);
  shiftRight(value, 0, BIAS + 63 - exponent);
  let whole = high;
  if (low != 0) {
    raise(PRECISION);
    if (roundsUp(upper & SIGN, (whole & 1) != 0, low, INTEGER_BIT)) {
      raise(C1);
      whole++;
    }
  }
  if (whole == 0) {
    setResult(upper & SIGN, 0);
    return;
  }
  const shift = <i32>clz(whole);
  setResult((upper & SIGN) | (BIAS + 63 - shift), whole << shift);
}

/**
 * Arithmetic on the bits of f32 and f64 in every rounding mode, with every exception: what the host's own cannot do
 * (SDM vol. 1, "Floating-Point Exceptions"; vol. 2, "Exceptions" of the instructions). fast.ts comes here seldom.
 */
import { multiplyHigh } from '../operate';
import { DOWN, INVALID, ZERO_DIVIDE, rounding, signal } from './environment';
import {
  exponentOf,
  flushed,
  infinity,
  invalid,
  isInfinite,
  isNaN,
  isNegative,
  isSignaling,
  isZero,
  noteDenormal,
  pack,
  propagate,
  quiet,
  shiftRightSticky,
  signBit,
  significandOf,
} from './format';

/** A zero that is the sum of two numbers. */
function zeroSum<T>(): u64 {
  return rounding == DOWN ? signBit<T>() : 0;
}

export function add<T>(x: u64, y: u64): u64 {
  return isNaN<T>(x) || isNaN<T>(y) ? propagate<T>(x, y) : sum<T>(flushed<T>(x), flushed<T>(y));
}

export function subtract<T>(x: u64, y: u64): u64 {
  return isNaN<T>(x) || isNaN<T>(y) ? propagate<T>(x, y) : sum<T>(flushed<T>(x), flushed<T>(y) ^ signBit<T>());
}

function sum<T>(a: u64, b: u64): u64 {
  if (isInfinite<T>(a) && isInfinite<T>(b) && a != b) return invalid<T>();
  noteDenormal<T>(a);
  noteDenormal<T>(b);
  if (isInfinite<T>(a)) return a;
  if (isInfinite<T>(b)) return b;
  if (isZero<T>(a)) {
    if (isZero<T>(b)) return a == b ? a : zeroSum<T>();
    return pack<T>(isNegative<T>(b), exponentOf<T>(b), significandOf<T>(b));
  }
  if (isZero<T>(b)) return pack<T>(isNegative<T>(a), exponentOf<T>(a), significandOf<T>(a));
  const aLarger = (a & ~signBit<T>()) >= (b & ~signBit<T>());
  const larger = aLarger ? a : b;
  const smaller = aLarger ? b : a;
  const exponent = exponentOf<T>(larger);
  const high = significandOf<T>(larger) >> 1;
  const low = shiftRightSticky(significandOf<T>(smaller) >> 1, exponent - exponentOf<T>(smaller));
  const result = isNegative<T>(a) == isNegative<T>(b) ? high + low : high - low;
  if (result == 0) return zeroSum<T>();
  const shift = clz(result);
  return pack<T>(isNegative<T>(larger), exponent + 1 - <i32>shift, result << shift);
}

export function multiply<T>(x: u64, y: u64): u64 {
  if (isNaN<T>(x) || isNaN<T>(y)) return propagate<T>(x, y);
  const a = flushed<T>(x);
  const b = flushed<T>(y);
  const sign = (a ^ b) & signBit<T>();
  if ((isInfinite<T>(a) && isZero<T>(b)) || (isZero<T>(a) && isInfinite<T>(b))) return invalid<T>();
  noteDenormal<T>(a);
  noteDenormal<T>(b);
  if (isInfinite<T>(a) || isInfinite<T>(b)) return sign | infinity<T>();
  if (isZero<T>(a) || isZero<T>(b)) return sign;
  const p = significandOf<T>(a);
  const q = significandOf<T>(b);
  const product = multiplyHigh(p, q) | (p * q != 0 ? 1 : 0);
  const shift = clz(product);
  return pack<T>(sign != 0, exponentOf<T>(a) + exponentOf<T>(b) + 1 - <i32>shift, product << shift);
}

export function divide<T>(x: u64, y: u64): u64 {
  if (isNaN<T>(x) || isNaN<T>(y)) return propagate<T>(x, y);
  const a = flushed<T>(x);
  const b = flushed<T>(y);
  const sign = (a ^ b) & signBit<T>();
  if ((isInfinite<T>(a) && isInfinite<T>(b)) || (isZero<T>(a) && isZero<T>(b))) return invalid<T>();
  if (isZero<T>(b) && !isInfinite<T>(a)) {
    signal(ZERO_DIVIDE);
    return sign | infinity<T>();
  }
  noteDenormal<T>(a);
  noteDenormal<T>(b);
  if (isInfinite<T>(a)) return sign | infinity<T>();
  if (isInfinite<T>(b) || isZero<T>(a)) return sign;
  // 55 bits behind the point, 11 at a time: significands have 53.
  const divisor = significandOf<T>(b) >> 11;
  let rest = significandOf<T>(a) >> 11;
  let quotient = rest / divisor;
  rest %= divisor;
  for (let n = 0; n < 5; n++) {
    rest <<= 11;
    quotient = (quotient << 11) | (rest / divisor);
    rest %= divisor;
  }
  const shift = clz(quotient);
  const result = (quotient << shift) | (rest != 0 ? 1 : 0);
  return pack<T>(sign != 0, exponentOf<T>(a) - exponentOf<T>(b) + 8 - <i32>shift, result);
}

export function squareRoot<T>(x: u64): u64 {
  if (isNaN<T>(x)) return propagate<T>(x, x);
  const a = flushed<T>(x);
  if (isZero<T>(a)) return a;
  if (isNegative<T>(a)) return invalid<T>();
  noteDenormal<T>(a);
  if (isInfinite<T>(a)) return a;
  const exponent = exponentOf<T>(a);
  // Two bits of the radicand make one of the root; it is at least 1 and below 4.
  let radicand = significandOf<T>(a) >> ((exponent & 1) != 0 ? 0 : 1);
  let root: u64 = 0;
  let rest: u64 = 0;
  for (let n = 0; n < 56; n++) {
    rest = (rest << 2) | (radicand >> 62);
    radicand <<= 2;
    const trial = (root << 2) | 1;
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  return pack<T>(false, exponent >> 1, (root << 8) | (rest != 0 ? 1 : 0));
}

/** x * y + z, rounded once. A NaN wins in this order (SDM vol. 1, "FMA Instruction Operand Order and Arithmetic Behavior"). */
export function multiplyAdd<T>(x: u64, y: u64, z: u64): u64 {
  if (isNaN<T>(x) || isNaN<T>(y) || isNaN<T>(z)) {
    if (isSignaling<T>(x) || isSignaling<T>(y) || isSignaling<T>(z)) signal(INVALID);
    return quiet<T>(isNaN<T>(x) ? x : isNaN<T>(y) ? y : z);
  }
  const a = flushed<T>(x);
  const b = flushed<T>(y);
  const c = flushed<T>(z);
  const sign = (a ^ b) & signBit<T>();
  const isProductInfinite = isInfinite<T>(a) || isInfinite<T>(b);
  if (isProductInfinite && (isZero<T>(a) || isZero<T>(b))) return invalid<T>();
  if (isProductInfinite && isInfinite<T>(c) && (c & signBit<T>()) != sign) return invalid<T>();
  noteDenormal<T>(a);
  noteDenormal<T>(b);
  noteDenormal<T>(c);
  if (isProductInfinite) return sign | infinity<T>();
  if (isInfinite<T>(c)) return c;
  if (isZero<T>(a) || isZero<T>(b)) {
    if (!isZero<T>(c)) return pack<T>(isNegative<T>(c), exponentOf<T>(c), significandOf<T>(c));
    return c == sign ? c : zeroSum<T>();
  }
  const p = significandOf<T>(a);
  const q = significandOf<T>(b);
  const high = multiplyHigh(p, q);
  const low = p * q;
  const exponent = exponentOf<T>(a) + exponentOf<T>(b) + 1;
  if (isZero<T>(c)) {
    const shift = clz(high);
    return pack<T>(sign != 0, exponent - <i32>shift, (high << shift) | (low != 0 ? 1 : 0) | wideLow(low, shift));
  }
  return sumWide<T>(sign, exponent, high, low, c);
}

/** The bits that come from the low half when both are shifted left. */
function wideLow(low: u64, shift: u64): u64 {
  return shift == 0 ? 0 : low >> (64 - shift);
}

/** Of 128 bits with sticky bit 0. */
let wideHigh: u64 = 0;

/** high:low shifted right into wideHigh and the result. */
function shiftWideRight(high: u64, low: u64, count: i32): u64 {
  if (count <= 0) {
    wideHigh = high;
    return low;
  }
  if (count < 64) {
    wideHigh = high >> <u64>count;
    const lost: u64 = low << (<u64>(64 - count)) != 0 ? 1 : 0;
    return (low >> <u64>count) | (high << (<u64>(64 - count))) | lost;
  }
  wideHigh = 0;
  return shiftRightSticky(high, count - 64) | (low != 0 ? 1 : 0);
}

/** A product of 128 bits, its point as `exponent` says, and c, which is not 0. Each gets a bit of room above. */
function sumWide<T>(sign: u64, exponent: i32, high: u64, low: u64, c: u64): u64 {
  let scale = max(exponent, exponentOf<T>(c));
  const pLow = shiftWideRight(high, low, scale - exponent + 1);
  const pHigh = wideHigh;
  const cLow = shiftWideRight(significandOf<T>(c), 0, scale - exponentOf<T>(c) + 1);
  const cHigh = wideHigh;
  let negative = sign != 0;
  let sumHigh: u64;
  let sumLow: u64;
  if ((c & signBit<T>()) == sign) {
    sumLow = pLow + cLow;
    sumHigh = pHigh + cHigh + (sumLow < pLow ? 1 : 0);
  } else {
    const larger = pHigh != cHigh ? pHigh > cHigh : pLow >= cLow;
    if (larger) {
      sumLow = pLow - cLow;
      sumHigh = pHigh - cHigh - (pLow < cLow ? 1 : 0);
    } else {
      negative = !negative;
      sumLow = cLow - pLow;
      sumHigh = cHigh - pHigh - (cLow < pLow ? 1 : 0);
    }
  }
  if (sumHigh == 0) {
    if (sumLow == 0) return zeroSum<T>();
    sumHigh = sumLow;
    sumLow = 0;
    scale -= 64;
  }
  const shift = clz(sumHigh);
  const significand = (sumHigh << shift) | wideLow(sumLow, shift) | (sumLow << shift != 0 ? 1 : 0);
  return pack<T>(negative, scale + 1 - <i32>shift, significand);
}

/** Addition, subtraction, multiplication, division and square root, rounded to the precision of the control word. */
import {
  areSpecialOperands,
  BIAS,
  DENORMAL,
  DOWN,
  exponent,
  INTEGER_BIT,
  invalid,
  isFinite,
  isInfinite,
  isNormal,
  isSpecialOperand,
  isZero,
  MAX_EXPONENT,
  normalize,
  raise,
  raised,
  rounding,
  setResult,
  SIGN,
  unraise,
  ZERO_DIVIDE,
} from './operation';
import { pack } from './round';
import { divide, high, low, multiply, shiftLeft, shiftRight, squareRoot } from './wide';

/** a + b, or with `flip` as SIGN a - b. */
// @ts-ignore: decorator
@inline
export function add(aUpper: u32, a: u64, bUpper: u32, b: u64, flip: u32): void {
  if (raised == 0 && isNormal(aUpper, a) && isNormal(bUpper, b))
    addFinite(aUpper & SIGN, aUpper & MAX_EXPONENT, a, (bUpper ^ flip) & SIGN, bUpper & MAX_EXPONENT, b);
  else addAny(aUpper, a, bUpper, b, flip);
}

function addAny(aUpper: u32, a: u64, bUpper: u32, b: u64, flip: u32): void {
  if (areSpecialOperands(aUpper, a, bUpper, b)) return;
  const aSign = aUpper & SIGN;
  const bSign = (bUpper ^ flip) & SIGN;
  if (isInfinite(aUpper, a)) {
    if (isInfinite(bUpper, b) && aSign != bSign) invalid();
    else setResult(aUpper, a);
    return;
  }
  if (isInfinite(bUpper, b)) {
    setResult(bUpper ^ flip, b);
    return;
  }
  if (isZero(aUpper, a) && isZero(bUpper, b)) {
    setResult(aSign == bSign ? aSign : signOfZero(), 0);
    return;
  }
  if (isZero(aUpper, a)) {
    const significand = normalize(bUpper, b);
    pack(bSign, exponent, significand, 0);
    return;
  }
  const first = normalize(aUpper, a);
  const firstExponent = exponent;
  if (isZero(bUpper, b)) {
    pack(aSign, firstExponent, first, 0);
    return;
  }
  const second = normalize(bUpper, b);
  addFinite(aSign, firstExponent, first, bSign, exponent, second);
}

/** Of a difference of equals. */
function signOfZero(): u32 {
  return rounding() == DOWN ? SIGN : 0;
}

function addFinite(aSign: u32, aExponent: i32, a: u64, bSign: u32, bExponent: i32, b: u64): void {
  let sign = aSign;
  let power = aExponent;
  let larger = a;
  let smaller = b;
  let distance = aExponent - bExponent;
  if (distance < 0 || (distance == 0 && a < b)) {
    sign = bSign;
    power = bExponent;
    larger = b;
    smaller = a;
    distance = -distance;
  }
  let rest: u64 = 0;
  if (distance != 0) {
    if (distance < 64) {
      rest = smaller << (64 - distance);
      smaller >>= distance;
    } else {
      shiftRight(smaller, 0, min(distance - 64, 64));
      rest = high | <u64>(low != 0);
      smaller = 0;
    }
  }
  if (aSign == bSign) {
    const sum = larger + smaller;
    if (sum < larger) {
      rest = (sum << 63) | (rest >> 1) | (rest & 1);
      pack(sign, power + 1, (sum >> 1) | INTEGER_BIT, rest);
    } else pack(sign, power, sum, rest);
    return;
  }
  let difference = larger - smaller - <u64>(rest != 0);
  rest = 0 - rest;
  if (<i64>difference < 0) {
    pack(sign, power, difference, rest);
    return;
  }
  if (difference == 0) {
    if (rest == 0) {
      setResult(signOfZero(), 0);
      return;
    }
    difference = rest;
    rest = 0;
    power -= 64;
  }
  const shift = <i32>clz(difference);
  shiftLeft(difference, rest, shift);
  pack(sign, power - shift, high, low);
}

// @ts-ignore: decorator
@inline
export function multiplyNumbers(aUpper: u32, a: u64, bUpper: u32, b: u64): void {
  if (raised == 0 && isNormal(aUpper, a) && isNormal(bUpper, b))
    multiplyFinite((aUpper ^ bUpper) & SIGN, (aUpper & MAX_EXPONENT) + (bUpper & MAX_EXPONENT), a, b);
  else multiplyAny(aUpper, a, bUpper, b);
}

function multiplyAny(aUpper: u32, a: u64, bUpper: u32, b: u64): void {
  if (areSpecialOperands(aUpper, a, bUpper, b)) return;
  const sign = (aUpper ^ bUpper) & SIGN;
  const hasZero = isZero(aUpper, a) || isZero(bUpper, b);
  if (isInfinite(aUpper, a) || isInfinite(bUpper, b)) {
    if (hasZero) invalid();
    else setResult(sign | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  if (hasZero) {
    setResult(sign, 0);
    return;
  }
  const first = normalize(aUpper, a);
  const firstExponent = exponent;
  const second = normalize(bUpper, b);
  multiplyFinite(sign, firstExponent + exponent, first, second);
}

function multiplyFinite(sign: u32, exponents: i32, a: u64, b: u64): void {
  multiply(a, b);
  const upper = high;
  const lower = low;
  const power = exponents - BIAS;
  if (<i64>upper < 0) pack(sign, power + 1, upper, lower);
  else pack(sign, power, (upper << 1) | (lower >> 63), lower << 1);
}

/** a / b */
export function divideNumbers(aUpper: u32, a: u64, bUpper: u32, b: u64): void {
  if (raised == 0 && isNormal(aUpper, a) && isNormal(bUpper, b)) {
    divideFinite((aUpper ^ bUpper) & SIGN, (aUpper & MAX_EXPONENT) - (bUpper & MAX_EXPONENT), a, b);
    return;
  }
  const sign = (aUpper ^ bUpper) & SIGN;
  if (isZero(bUpper, b) && isFinite(aUpper, a)) {
    // Whether the dividend is denormal does not count.
    unraise(DENORMAL);
    raise(ZERO_DIVIDE);
    setResult(sign | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  if (areSpecialOperands(aUpper, a, bUpper, b)) return;
  const dividesInfinity = isInfinite(aUpper, a);
  if (isInfinite(bUpper, b)) {
    if (dividesInfinity) invalid();
    else setResult(sign, 0);
    return;
  }
  if (dividesInfinity) {
    setResult(sign | MAX_EXPONENT, INTEGER_BIT);
    return;
  }
  if (isZero(bUpper, b)) {
    invalid();
    return;
  }
  if (isZero(aUpper, a)) {
    setResult(sign, 0);
    return;
  }
  const first = normalize(aUpper, a);
  const firstExponent = exponent;
  const second = normalize(bUpper, b);
  divideFinite(sign, firstExponent - exponent, first, second);
}

function divideFinite(sign: u32, exponents: i32, a: u64, b: u64): void {
  let power = exponents + BIAS - 1;
  let quotient: u64;
  if (a >= b) {
    power++;
    quotient = divide(a >> 1, a << 63, b);
  } else quotient = divide(a, 0, b);
  const remainder = low;
  // The next bit, and whether anything follows it: the remainder is half of the divisor at most where its double is no more.
  const half = remainder > b - remainder;
  pack(sign, power, quotient, <u64>(remainder != 0) | (half ? INTEGER_BIT : 0));
}

export function squareRootOf(upper: u32, a: u64): void {
  if (isZero(upper, a)) {
    setResult(upper, a);
    return;
  }
  // There is no root of a negative number, denormal or not.
  if ((upper & SIGN) != 0 && (isFinite(upper, a) || isInfinite(upper, a))) {
    invalid();
    return;
  }
  if (isSpecialOperand(upper, a)) return;
  if (isInfinite(upper, a)) {
    setResult(upper, a);
    return;
  }
  const significand = normalize(upper, a);
  // To an even power: the radicand has 127 or 128 bits.
  const power = exponent - BIAS;
  const isOdd = (power & 1) != 0;
  const root = isOdd ? squareRoot(significand, 0) : squareRoot(significand >> 1, significand << 63);
  pack(0, (power >> 1) + BIAS, root, low);
}

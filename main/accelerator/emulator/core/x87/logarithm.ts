/** FYL2X and FYL2XP1: y log2 x, y log2 (x + 1). */
import {
  areSpecialOperands,
  BIAS,
  exponent,
  INTEGER_BIT,
  invalid,
  isInfinite,
  isNumber,
  isZero,
  MAX_EXPONENT,
  normalize,
  PRECISION,
  raise,
  resultUpper,
  setResult,
  SIGN,
  UNDERFLOW,
  ZERO_DIVIDE,
} from './operation';
import {
  complement,
  divideFractions,
  halfOfOnePlus,
  multiplyBy,
  power,
  reciprocalOdds,
  toFraction,
  toNumber,
} from './fraction';
import { packExtended } from './round';
import { HALF_LOG2_E_HIGH, HALF_LOG2_E_LOW } from './tables';
import { high, low, setWide } from './wide';

const TERMS: i32 = 26;
/** The significand of the square root of 2. */
const ROOT: u64 = 0xb504_f333_f9de_6484;
/** Below 2^-2 log2 (x + 1) is computed without x + 1. */
const SMALL: i32 = BIAS - 2;
/** Bits of any exponent. */
const WHOLE_BITS: i32 = 16;

let isNegative: bool = false;
let isExact: bool = false;

/** FYL2X */
export function timesLogarithm(xUpper: u32, x: u64, yUpper: u32, y: u64): void {
  if (isNumber(xUpper, x) && isNumber(yUpper, y)) {
    if (isZero(xUpper, x)) return ofZero(yUpper, y);
    if ((xUpper & SIGN) != 0) return invalid();
  }
  if (areSpecialOperands(xUpper, x, yUpper, y)) return;
  if (isInfinite(xUpper, x)) return isZero(yUpper, y) ? invalid() : setResult((yUpper & SIGN) | MAX_EXPONENT, INTEGER_BIT);
  const isOne = xUpper == BIAS && x == INTEGER_BIT;
  const significand = normalize(xUpper, x);
  const exponentOfX = exponent - BIAS;
  const sign = (yUpper & SIGN) ^ (exponentOfX < 0 ? SIGN : 0);
  if (isInfinite(yUpper, y)) return isOne ? invalid() : setResult(sign | MAX_EXPONENT, INTEGER_BIT);
  if (isOne || isZero(yUpper, y)) return setResult(sign, 0);
  logarithm(significand, 0, exponentOfX);
  timesY(yUpper, y);
}

function ofZero(yUpper: u32, y: u64): void {
  if (isZero(yUpper, y)) return invalid();
  if (!isInfinite(yUpper, y)) raise(ZERO_DIVIDE);
  setResult((~yUpper & SIGN) | MAX_EXPONENT, INTEGER_BIT);
}

/**
 * FYL2XP1. The SDM leaves it undefined for x outside of about -0.29 to 0.29; as on processors of AMD it is what it says for all x
 * above -1, and x for the others.
 */
export function timesLogarithmOfOneMore(xUpper: u32, x: u64, yUpper: u32, y: u64): void {
  if (xUpper == (SIGN | MAX_EXPONENT) && isInfinite(xUpper, x) && isNumber(yUpper, y)) return invalid();
  if (areSpecialOperands(xUpper, x, yUpper, y)) return;
  const sign = (xUpper ^ yUpper) & SIGN;
  const isOfOne = isZero(xUpper, x);
  const hasInfinity = isInfinite(xUpper, x) || isInfinite(yUpper, y);
  if (isOfOne || isZero(yUpper, y)) return hasInfinity ? invalid() : setResult(sign, 0);
  if (hasInfinity) return setResult(sign | MAX_EXPONENT, INTEGER_BIT);
  const value = normalize(xUpper, x);
  isExact = false;
  if ((xUpper & SIGN) != 0 && exponent >= BIAS) {
    raise(PRECISION);
    return setResult(xUpper, x);
  }
  if (exponent < SMALL) {
    // x / (2 + x)
    isNegative = (xUpper & SIGN) != 0;
    const scaled = exponent - BIAS + 1;
    toFraction(value, 0, scaled - 2);
    if (isNegative) setWide(INTEGER_BIT - high - <u64>(low != 0), 0 - low);
    else setWide(INTEGER_BIT + high, low);
    toNumber(scaled - 2);
    divideFractions(value, 0, high, low, 2 * (scaled - 2) - power);
    ofQuotient();
  } else logarithmOfOneMore(xUpper, value);
  timesY(yUpper, y);
}

/** Of x whose exponent is not small: x + 1 fits into a fraction, or nearly does. */
function logarithmOfOneMore(xUpper: u32, value: u64): void {
  const scaled = exponent - BIAS;
  if ((xUpper & SIGN) != 0) {
    toFraction(value, 0, scaled + 1);
    complement();
    toNumber(0);
    logarithm(high, low, power - 1);
  } else if (scaled < 0) {
    toFraction(value, 0, scaled + 1);
    halfOfOnePlus();
    logarithm(high, low, 0);
  } else {
    toFraction(INTEGER_BIT, 0, -scaled);
    const sum = value + high;
    if (sum >= value) logarithm(sum, low, scaled);
    else logarithm((sum >> 1) | INTEGER_BIT, (sum << 63) | (low >> 1), scaled + 1);
  }
}

/** log2 of m * 2^k, where m is from 1 to 2 and comes as half of it, a fraction. Leaves a number. */
function logarithm(mHigh: u64, mLow: u64, k: i32): void {
  // To m from the root of 1/2 to that of 2: then log2 m = 2 artanh ((m - 1) / (m + 1)) / ln 2.
  const isUpper = mHigh >= ROOT;
  const whole = isUpper ? k + 1 : k;
  isNegative = isUpper;
  if (isUpper) setWide(~mHigh + <u64>(mLow == 0), 0 - mLow);
  else setWide((mHigh << 1) | (mLow >> 63), mLow << 1);
  isExact = (high | low) == 0;
  if (isExact) setWide(0, 0);
  else {
    // Half of m + 1, or a fourth.
    const dHigh = (mHigh >> 1) + (isUpper ? INTEGER_BIT : INTEGER_BIT >> 1);
    const dLow = (mHigh << 63) | (mLow >> 1);
    toNumber(isUpper ? -1 : -2);
    divideFractions(high, low, dHigh, dLow, power);
    ofQuotient();
    if (whole == 0) return;
    toFraction(high, low, power - WHOLE_BITS);
  }
  addWhole(whole, isUpper);
}

/** From the quotient s to 2 artanh (s) / ln 2 = 2 s (1 + s^2 / 3 + s^4 / 5 + …) / ln 2. */
function ofQuotient(): void {
  const sHigh = high;
  const sLow = low;
  const sPower = power;
  reciprocalOdds(TERMS, false);
  halfOfOnePlus();
  toNumber(1);
  multiplyBy(sHigh, sLow, sPower);
  multiplyBy(HALF_LOG2_E_HIGH, HALF_LOG2_E_LOW, 2);
}

/** The whole part and a fraction of it, both as fractions of 2^WHOLE_BITS. */
function addWhole(whole: i32, subtracts: bool): void {
  isNegative = whole < 0;
  const magnitude = (<u64>abs(whole)) << (64 - WHOLE_BITS);
  if (subtracts != isNegative) setWide(magnitude - high - <u64>(low != 0), 0 - low);
  else setWide(magnitude + high, low);
  toNumber(WHOLE_BITS);
}

function timesY(yUpper: u32, y: u64): void {
  const value = normalize(yUpper, y);
  multiplyBy(value, 0, exponent - BIAS + 1);
  const sign = (yUpper & SIGN) ^ (isNegative ? SIGN : 0);
  // Of a power of two, too, the processor says that it is inexact.
  raise(PRECISION);
  packExtended(sign, power + BIAS - 1, high, low | <u64>(!isExact));
  if ((resultUpper & MAX_EXPONENT) == 0) raise(UNDERFLOW);
}

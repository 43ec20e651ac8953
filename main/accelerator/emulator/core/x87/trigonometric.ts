/**
 * FSIN, FCOS, FSINCOS and FPTAN. Arguments are reduced by the 66 bits of pi that the SDM tells of (vol. 1, "Approximation of Pi"):
 * results are correctly rounded ones of what is left.
 */
import {
  BIAS,
  exponent, INTEGER_BIT, invalid, isInfinite, isSpecialOperand, isZero, normalize, setResult, SIGN } from './operation';
import {
  complement,
  divideFractions,
  multiplyBy,
  multiplyFractions,
  packInexact,
  power,
  series,
  setNumber,
  toFraction,
  toNumber,
} from './fraction';
import { RECIPROCAL_FACTORIALS } from './tables';
import { high, low, setWide } from './wide';

/** Arguments from here on are out of range. */
const LIMIT: i32 = BIAS + 63;
/** Half of pi, in units of 2^-65. */
const HALF_PI_HIGH: u64 = 3;
const HALF_PI_LOW: u64 = 0x243f_6a88_85a3_08d3;
const UNIT: i32 = -65;
/** Below this exponent the square of a number does not count beside 1. */
const TINY: i32 = -34;
const TERMS: i32 = 15;

/** The argument's sign; of its magnitude, how many halves of pi are nearest, and what is left, a number with its own sign. */
let xSign: u32 = 0;
let quadrant: u32 = 0;
let rSign: u32 = 0;
let rHigh: u64 = 0;
let rLow: u64 = 0;
let rPower: i32 = 0;

/** Of `reduce`: the result is there, or there is none. */
export const READY: i32 = 0;
export const OUT_OF_RANGE: i32 = 1;
export const REDUCED: i32 = 2;

/** Takes the argument of a sine or tangent, or of a cosine. */
export function reduce(upper: u32, significand: u64, isCosine: bool): i32 {
  if (isZero(upper, significand)) {
    if (isCosine) setResult(BIAS, INTEGER_BIT);
    else setResult(upper, significand);
    return READY;
  }
  if (isSpecialOperand(upper, significand)) return READY;
  if (isInfinite(upper, significand)) {
    invalid();
    return READY;
  }
  const value = normalize(upper, significand);
  if (exponent >= LIMIT) return OUT_OF_RANGE;
  xSign = upper & SIGN;
  rSign = 0;
  quadrant = 0;
  rHigh = value;
  rLow = 0;
  rPower = exponent - BIAS + 1;
  if (rPower >= 0) divideByHalfPi(value, rPower);
  return REDUCED;
}

/** From 1/2 on: bit by bit, since there are 64 of the quotient at most. */
function divideByHalfPi(value: u64, bits: i32): void {
  let upper = value >> 63;
  let lower = value << 1;
  for (let n = 0; n < bits; n++) {
    upper = (upper << 1) | (lower >> 63);
    lower <<= 1;
    quadrant <<= 1;
    if (upper < HALF_PI_HIGH || (upper == HALF_PI_HIGH && lower < HALF_PI_LOW)) continue;
    upper -= HALF_PI_HIGH + <u64>(lower < HALF_PI_LOW);
    lower -= HALF_PI_LOW;
    quadrant |= 1;
  }
  // To the nearest multiple: no number is in the middle between two.
  let restHigh = HALF_PI_HIGH - upper - <u64>(HALF_PI_LOW < lower);
  let restLow = HALF_PI_LOW - lower;
  if (upper > restHigh || (upper == restHigh && lower > restLow)) {
    quadrant++;
    rSign = SIGN;
  } else {
    restHigh = upper;
    restLow = lower;
  }
  setWide(restHigh, restLow);
  toNumber(UNIT + 128);
  rHigh = high;
  rLow = low;
  rPower = power;
}

/** Of the reduced argument. */
export function sine(): void {
  const isOdd = (quadrant & 1) != 0;
  if (isOdd) cosineOfRest();
  else sineOfRest();
  packInexact(xSign ^ (isOdd ? 0 : rSign) ^ ((quadrant & 2) != 0 ? SIGN : 0), BIAS - 1);
}

export function cosine(): void {
  const isOdd = (quadrant & 1) != 0;
  if (isOdd) sineOfRest();
  else cosineOfRest();
  packInexact((isOdd ? rSign : 0) ^ (((quadrant + 1) & 2) != 0 ? SIGN : 0), BIAS - 1);
}

export function tangent(): void {
  const isOdd = (quadrant & 1) != 0;
  if (rPower < TINY && !isOdd) {
    // A little more than the argument.
    setNumber(rHigh, rLow, rPower);
  } else {
    sineOfRest();
    const sHigh = high;
    const sLow = low;
    const sPower = power;
    cosineOfRest();
    if (isOdd) divideFractions(high, low, sHigh, sLow, power - sPower);
    else divideFractions(sHigh, sLow, high, low, sPower - power);
  }
  packInexact(xSign ^ rSign ^ (isOdd ? SIGN : 0), BIAS - 1);
}

/** r (1 - r^2 / 3! + r^4 / 5! - …) */
function sineOfRest(): void {
  alternatingSeries(1);
  multiplyBy(rHigh, rLow, rPower);
}

/** 1 - r^2 / 2! + r^4 / 4! - … */
function cosineOfRest(): void {
  alternatingSeries(0);
}

function alternatingSeries(first: i32): void {
  multiplyFractions(rHigh, rLow, rHigh, rLow);
  toFraction(high, low, 2 * rPower);
  const squareHigh = high;
  const squareLow = low;
  series(RECIPROCAL_FACTORIALS, first, 2, TERMS, true, squareHigh, squareLow);
  multiplyFractions(high, low, squareHigh, squareLow);
  complement();
  toNumber(0);
}

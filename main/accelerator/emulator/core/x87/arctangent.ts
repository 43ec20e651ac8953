/** FPATAN: the angle of (x, y), ST(0) and ST(1) (SDM vol. 2, FPATAN, for its special cases). */
import {
  areSpecialOperands,
  BIAS,
  exponent,
  isInfinite,
  isZero,
  normalize,
  setResult,
  SIGN,
} from './operation';
import {
  complement,
  divideFractions,
  multiplyBy,
  packInexact,
  power,
  reciprocalOdds,
  setNumber,
  toFraction,
  toNumber,
} from './fraction';
import { ARCTANGENTS, QUARTER_PI_HIGH, QUARTER_PI_LOW } from './tables';
import { high, low, multiply, setWide, shiftLeft } from './wide';

const TERMS: i32 = 13;
/** Below this difference of exponents no arctangent of the table is near. */
const FAR: i32 = 6;

export function arctangent(xUpper: u32, x: u64, yUpper: u32, y: u64): void {
  if (areSpecialOperands(xUpper, x, yUpper, y)) return;
  const sign = yUpper & SIGN;
  const isLeft = (xUpper & SIGN) != 0;
  const yInfinite = isInfinite(yUpper, y);
  const xInfinite = isInfinite(xUpper, x);
  if (yInfinite && xInfinite) return quarters(sign, isLeft ? 3 : 1);
  if (yInfinite || (isZero(xUpper, x) && !isZero(yUpper, y))) return quarters(sign, 2);
  if (xInfinite || isZero(yUpper, y)) return isLeft ? quarters(sign, 4) : setResult(sign, 0);
  const significandX = normalize(xUpper, x);
  const exponentX = exponent;
  const significandY = normalize(yUpper, y);
  const exponentY = exponent;
  const isSteep = exponentY > exponentX || (exponentY == exponentX && significandY > significandX);
  if (isSteep) angle(significandX, significandY, exponentY - exponentX);
  else angle(significandY, significandX, exponentX - exponentY);
  if (isSteep || isLeft) turn(isSteep, isLeft);
  packInexact(sign, BIAS - 1);
}

/** So many quarters of pi. */
function quarters(sign: u32, count: u64): void {
  if (count == 3) {
    // 3/4 of pi, as a fraction of 4
    multiply(QUARTER_PI_LOW, 3);
    const carry = high;
    const lower = low;
    multiply(QUARTER_PI_HIGH, 3);
    const upper = low + carry;
    setWide((high << 62) | (upper >> 2), (upper << 62) | (lower >> 2));
    toNumber(2);
  } else setNumber(QUARTER_PI_HIGH, QUARTER_PI_LOW, count == 1 ? 0 : count == 2 ? 1 : 2);
  packInexact(sign, BIAS - 1);
}

/** The arctangent of a / b * 2^-distance, at most 1, as a number. */
function angle(a: u64, b: u64, distance: i32): void {
  // arctan (a / b) = arctan (n / 16) + arctan ((16 a - n b) / (16 b + n a))
  const n: u64 = distance < FAR ? (((a >> 5) >> distance) + (b >> 10)) / (b >> 9) : 0;
  if (n == 0) {
    divideFractions(a, 0, b, 0, -distance);
    smallAngle();
    return;
  }
  multiply(b, n);
  shiftLeft(high, low, distance);
  const nearHigh = high;
  const nearLow = low;
  const aHigh = a >> 60;
  const aLow = a << 4;
  const isBelow = aHigh < nearHigh || (aHigh == nearHigh && aLow < nearLow);
  let upper = aHigh - nearHigh - <u64>(aLow < nearLow);
  let lower = aLow - nearLow;
  if (isBelow) {
    upper = ~upper + <u64>(lower == 0);
    lower = 0 - lower;
  }
  const place = 2 * (<i32>n - 1);
  const nearest = unchecked(ARCTANGENTS[place]);
  const nearestLow = unchecked(ARCTANGENTS[place + 1]);
  setWide(0, 0);
  if ((upper | lower) != 0) {
    multiply(a, n);
    const productHigh = high;
    const productLow = low;
    shiftLeft(b >> 60, b << 4, distance);
    const sum = low + productLow;
    setWide(high + productHigh + <u64>(sum < productLow), sum);
    toNumber(0);
    const divisorHigh = high;
    const divisorLow = low;
    const divisorPower = power;
    setWide(upper, lower);
    toNumber(0);
    divideFractions(high, low, divisorHigh, divisorLow, power - divisorPower);
    smallAngle();
    toFraction(high, low, power);
  }
  if (isBelow) setWide(nearest - high - <u64>(nearestLow < low), nearestLow - low);
  else {
    const sum = nearestLow + low;
    setWide(nearest + high + <u64>(sum < low), sum);
  }
  toNumber(0);
}

/** t (1 - t^2 / 3 + t^4 / 5 - …) of the number t. */
function smallAngle(): void {
  const tHigh = high;
  const tLow = low;
  const tPower = power;
  reciprocalOdds(TERMS, true);
  complement();
  toNumber(0);
  multiplyBy(tHigh, tLow, tPower);
}

/** Half of pi less the angle where it is steep, then pi less that on the left side. */
function turn(isSteep: bool, isLeft: bool): void {
  toFraction(high, low, power - 2);
  // As fractions of 4.
  const baseHigh = isSteep ? QUARTER_PI_HIGH >> 1 : QUARTER_PI_HIGH;
  const baseLow = isSteep ? (QUARTER_PI_HIGH << 63) | (QUARTER_PI_LOW >> 1) : QUARTER_PI_LOW;
  if (isSteep && isLeft) {
    const sum = baseLow + low;
    setWide(baseHigh + high + <u64>(sum < low), sum);
  } else setWide(baseHigh - high - <u64>(baseLow < low), baseLow - low);
  toNumber(2);
}

/** F2XM1: 2^x - 1. */
import { BIAS, C1, exponent, isInfinite, isSpecialOperand, isZero, normalize, PRECISION, raise, setResult, SIGN } from './operation';
import { complement, halfOfOnePlus, multiplyBy, multiplyFractions, packInexact, power, series, toFraction, toNumber } from './fraction';
import { LN2_HIGH, LN2_LOW, RECIPROCAL_FACTORIALS } from './tables';
import { high, low, setWide } from './wide';

const TERMS: i32 = 34;

/** Outside of -1 to 1 the result is undefined; it is the operand there, as on processors of AMD. */
export function exponentialLessOne(upper: u32, significand: u64): void {
  if (isZero(upper, significand)) return setResult(upper, significand);
  if (isSpecialOperand(upper, significand)) return;
  const sign = upper & SIGN;
  if (isInfinite(upper, significand)) return sign != 0 ? setResult(SIGN | BIAS, significand) : setResult(upper, significand);
  const value = normalize(upper, significand);
  if (exponent >= BIAS) {
    raise(PRECISION);
    if (sign != 0 && exponent == BIAS && value << 1 == 0) setResult(SIGN | (BIAS - 1), value);
    else setResult(upper, significand);
    return;
  }
  // x ln 2 (1 + t / 2! + t^2 / 3! + …), with t = x ln 2
  multiplyFractions(value, 0, LN2_HIGH, LN2_LOW);
  toNumber(exponent - BIAS + 1);
  const tHigh = high;
  const tLow = low;
  const tPower = power;
  toFraction(tHigh, tLow, tPower);
  const xHigh = high;
  const xLow = low;
  series(RECIPROCAL_FACTORIALS, 0, 1, TERMS, sign != 0, xHigh, xLow);
  multiplyFractions(high, low, xHigh, xLow);
  let factor = 0;
  if (sign != 0) complement();
  else {
    halfOfOnePlus();
    factor = 1;
  }
  toNumber(factor);
  multiplyBy(tHigh, tLow, tPower);
  packInexact(sign, BIAS - 1);
}

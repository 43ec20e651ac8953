/**
 * What the transcendental instructions compute with: fractions of 128 bits, from 0 to below 1, and numbers with such a fraction
 * from 1/2 on and an exponent. Both are in `high` and `low` of wide.ts, the exponent in `power`. Errors are a few units of 2^-128.
 */
import { packExtended } from './round';
import { RECIPROCAL_ODDS } from './tables';
import { divide, high, low, multiply, setWide, shiftLeft, shiftRight } from './wide';

export let power: i32 = 0;

const ONES: u64 = 0xffff_ffff_ffff_ffff;

/** A product of fractions. */
export function multiplyFractions(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64): void {
  multiply(aLow, bHigh);
  let middle = high;
  multiply(aHigh, bLow);
  middle += high;
  let carry = <u64>(middle < high);
  multiply(aHigh, bHigh);
  const lower = low + middle;
  carry += <u64>(lower < middle);
  setWide(high + carry, lower);
}

/** 1 - the fraction; nearly 1 for 0, so that a result stays below what it approaches. */
export function complement(): void {
  if ((high | low) == 0) setWide(ONES, ONES);
  else setWide(~high + <u64>(low == 0), 0 - low);
}

/** The number a * 2^exponent as a fraction. */
export function toFraction(aHigh: u64, aLow: u64, exponent: i32): void {
  if (exponent < -127) setWide(0, 0);
  else shiftRight(aHigh, aLow, -exponent);
}

export function setNumber(upper: u64, lower: u64, exponent: i32): void {
  setWide(upper, lower);
  power = exponent;
}

/** Makes a number of a fraction, which is not 0, times 2^exponent. */
export function toNumber(exponent: i32): void {
  const shift = high != 0 ? <i32>clz(high) : 64 + <i32>clz(low);
  power = exponent - shift;
  shiftLeft(high, low, shift);
}

/** The number in `high` and `low` times another one. */
export function multiplyBy(bHigh: u64, bLow: u64, exponent: i32): void {
  const sum = power + exponent;
  multiplyFractions(high, low, bHigh, bLow);
  toNumber(sum);
}

/** One word of a quotient of fractions: rest * 2^64 / b, where the rest is less than b. The new rest is left in `high` and `low`. */
function quotientWord(restHigh: u64, restLow: u64, bHigh: u64, bLow: u64): u64 {
  let word = restHigh == bHigh ? ONES : divide(restHigh, restLow, bHigh);
  // It is too large by 2 at most: the rest is what the product leaves of (restHigh, restLow, 0).
  multiply(word, bLow);
  let productHigh = high;
  let productLow = low;
  multiply(word, bHigh);
  let top = restHigh - high;
  let borrow = <u64>(restLow < low);
  let middle = restLow - low;
  top -= borrow;
  borrow = <u64>(middle < productHigh);
  middle -= productHigh;
  top -= borrow;
  borrow = <u64>(productLow != 0);
  const bottom = 0 - productLow;
  top -= <u64>(middle < borrow);
  middle -= borrow;
  setWide(middle, bottom);
  while (<i64>top < 0) {
    word--;
    const sum = low + bLow;
    const carry = <u64>(sum < bLow);
    const upper = high + bHigh;
    const out = <u64>(upper < bHigh) + <u64>(upper + carry < upper);
    setWide(upper + carry, sum);
    top += out;
  }
  return word;
}

/** A quotient of two fractions from 1/2 on, as a number times 2^exponent. */
export function divideFractions(aHigh: u64, aLow: u64, bHigh: u64, bLow: u64, exponent: i32): void {
  let restHigh = aHigh;
  let restLow = aLow;
  power = exponent;
  if (aHigh > bHigh || (aHigh == bHigh && aLow >= bLow)) {
    restLow = (aHigh << 63) | (aLow >> 1);
    restHigh = aHigh >> 1;
    power++;
  }
  const first = quotientWord(restHigh, restLow, bHigh, bLow);
  const second = quotientWord(high, low, bHigh, bLow);
  setWide(first, second);
}

/** c0 + x (c1 + x (c2 + …)), with every `step`-th coefficient of a table from `first` on; `alternates`: c0 - x (c1 - x (c2 - …)). */
export function series(
  table: StaticArray<u64>,
  first: i32,
  step: i32,
  count: i32,
  alternates: bool,
  xHigh: u64,
  xLow: u64,
): void {
  let n = 2 * (first + step * (count - 1));
  setWide(unchecked(table[n]), unchecked(table[n + 1]));
  while (n != 2 * first) {
    n -= 2 * step;
    multiplyFractions(high, low, xHigh, xLow);
    const cHigh = unchecked(table[n]);
    const cLow = unchecked(table[n + 1]);
    if (alternates) setWide(cHigh - high - <u64>(cLow < low), cLow - low);
    else {
      const sum = cLow + low;
      setWide(cHigh + high + <u64>(sum < cLow), sum);
    }
  }
}

/** x^2 / 3 + x^4 / 5 + … of the number x, as a fraction; `alternates`: x^2 / 3 - x^4 / 5 + … */
export function reciprocalOdds(count: i32, alternates: bool): void {
  const xPower = power;
  multiplyFractions(high, low, high, low);
  toFraction(high, low, 2 * xPower);
  const squareHigh = high;
  const squareLow = low;
  series(RECIPROCAL_ODDS, 0, 1, count, alternates, squareHigh, squareLow);
  multiplyFractions(high, low, squareHigh, squareLow);
}

/** Half of 1 + the fraction. */
export function halfOfOnePlus(): void {
  setWide((high >> 1) | (<u64>1 << 63), (high << 63) | (low >> 1));
}

/** The number in `high` and `low`, which no operand of such an instruction makes exact, becomes the result. */
export function packInexact(sign: u32, bias: i32): void {
  packExtended(sign, power + bias, high, low | 1);
}

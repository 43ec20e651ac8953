/** Integers of 128 bits. What takes two words is in `high` and `low` until the next call. */
export let high: u64 = 0;
export let low: u64 = 0;

const HALF: u64 = 0xffffffff;
export const TOP_BIT: u64 = 1 << 63;

// @ts-ignore: decorator
@inline
export function setWide(upper: u64, lower: u64): void {
  high = upper;
  low = lower;
}

/** The product of two words. */
// @ts-ignore: decorator
@inline
export function multiply(a: u64, b: u64): void {
  const aLow = a & HALF;
  const aHigh = a >> 32;
  const bLow = b & HALF;
  const bHigh = b >> 32;
  const bottom = aLow * bLow;
  const first = aLow * bHigh + (bottom >> 32);
  const second = aHigh * bLow + (first & HALF);
  low = (second << 32) | (bottom & HALF);
  high = aHigh * bHigh + (first >> 32) + (second >> 32);
}

/** One digit of 32 bits of a long division (Knuth, vol. 2, 4.3.1, algorithm D); its remainder is in `low`. */
// @ts-ignore: decorator
@inline
function digit(upper: u64, next: u64, divisor: u64): u64 {
  const first = divisor >> 32;
  let quotient = upper / first;
  let rest = upper - quotient * first;
  while (quotient > HALF || quotient * (divisor & HALF) > ((rest << 32) | next)) {
    quotient--;
    rest += first;
    if (rest > HALF) break;
  }
  low = ((upper << 32) | next) - quotient * divisor;
  return quotient;
}

/** (upper, lower) / divisor, whose top bit is set and which is greater than `upper`; the remainder is in `low`. */
export function divide(upper: u64, lower: u64, divisor: u64): u64 {
  const first = digit(upper, lower >> 32, divisor);
  return (first << 32) | digit(low, lower & HALF, divisor);
}

/** Shifts right by any count; what falls out leaves its trace in the lowest bit. */
export function shiftRight(upper: u64, lower: u64, count: i32): void {
  if (count == 0) setWide(upper, lower);
  else if (count < 64) {
    const lost = lower << (64 - count);
    setWide(upper >> count, (upper << (64 - count)) | (lower >> count) | <u64>(lost != 0));
  } else if (count == 64) setWide(0, upper | <u64>(lower != 0));
  else if (count < 128) {
    const lost = (upper << (128 - count)) | lower;
    setWide(0, (upper >> (count - 64)) | <u64>(lost != 0));
  } else setWide(0, <u64>((upper | lower) != 0));
}

export function shiftLeft(upper: u64, lower: u64, count: i32): void {
  if (count == 0) setWide(upper, lower);
  else if (count < 64) setWide((upper << count) | (lower >> (64 - count)), lower << count);
  else setWide(lower << (count - 64), 0);
}

/** The square root of a number from 2^126 to 2^128 - 1; `low` is not 0 where it is inexact, its top bit where it is past the half. */
export function squareRoot(upper: u64, lower: u64): u64 {
  // Of the estimate 52 bits are right: made too small by less than 2^13, one step of Newton brings all of them.
  const estimate = Math.sqrt(<f64>upper) * 4294967296.0;
  let root = estimate >= 18446744073709541000.0 ? <u64>0xffffffffffffd000 : <u64>estimate - 0x1000;
  if (root < TOP_BIT) root = TOP_BIT;
  multiply(root, root);
  let restHigh = upper - high - <u64>(lower < low);
  let restLow = lower - low;
  const step = divide(restHigh >> 1, (restHigh << 63) | (restLow >> 1), root);
  root += step;
  multiply(root, root);
  // It is at most a little too large.
  while (high > upper || (high == upper && low > lower)) {
    root--;
    multiply(root, root);
  }
  restHigh = upper - high - <u64>(lower < low);
  restLow = lower - low;
  // The remainder is at most twice the root: past the half where it exceeds the root.
  low = <u64>((restHigh | restLow) != 0) | (restHigh != 0 || restLow > root ? TOP_BIT : 0);
  return root;
}

/**
 * RCPPS, RSQRTPS and their kin: approximations whose relative error is at most 1.5 * 2^-12 (SDM vol. 2). Processors differ in
 * their bits; these are the exact values, rounded to 12 bits. They meet no exceptions and take denormals for zeros.
 */
import { defaultNaN, infinity, isNaN, isNegative, magnitude, quiet, signBit } from './format';

const MIN_NORMAL: u64 = 1 << 23;
/** The bits of a significand that an approximation has not. */
const ROUNDED_AWAY: u32 = (1 << 12) - 1;

function rounded(x: f32): u64 {
  return (reinterpret<u32>(x) + (ROUNDED_AWAY >> 1)) & ~ROUNDED_AWAY;
}

export function reciprocal(x: u64): u64 {
  if (isNaN<f32>(x)) return quiet<f32>(x);
  const sign = x & signBit<f32>();
  if (magnitude<f32>(x) < MIN_NORMAL) return sign | infinity<f32>();
  const result = rounded(1 / reinterpret<f32>(<u32>x));
  return magnitude<f32>(result) < MIN_NORMAL ? sign : result;
}

export function reciprocalRoot(x: u64): u64 {
  if (isNaN<f32>(x)) return quiet<f32>(x);
  if (magnitude<f32>(x) < MIN_NORMAL) return (x & signBit<f32>()) | infinity<f32>();
  if (isNegative<f32>(x)) return defaultNaN<f32>();
  return rounded(<f32>(1 / Math.sqrt(<f64>reinterpret<f32>(<u32>x))));
}

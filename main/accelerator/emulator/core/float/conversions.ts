/** Conversions as instructions need them: WebAssembly's own where they do the same, as in fast.ts, else those of convert.ts. */
import { convert, fromInteger, toInteger } from './convert';
import { PRECISION, TRUNCATE, isPlain, rounding, signal, wantsPrecision } from './environment';
import { bitsOf, isDenormal, isWithin, valueOf } from './fast';

/** 2^31 and 2^63 are past the range of integers. */
const PAST_I32: f64 = 2147483648;
const PAST_I64: f64 = 9223372036854775808;

/** A signed integer of 32 or 64 bits as T. */
export function integerToFloat<T>(value: i64): T {
  const r = <T>value;
  const size = value < 0 ? 0 - <u64>value : <u64>value;
  const isExact = size < (sizeof<T>() == 8 ? 1 << 53 : 1 << 24);
  return isExact || (isPlain && !wantsPrecision) ? r : valueOf<T>(fromInteger<T>(value));
}

export function floatToI32<T>(x: T, truncates: bool): u32 {
  if (abs<T>(x) < <T>PAST_I32 - 1) {
    const integral = truncates ? trunc<T>(x) : nearest<T>(x);
    if (isFine<T>(x, integral)) return <u32>(<i32>integral);
  }
  return <u32>toInteger<T>(bitsOf<T>(x), 32, truncates ? TRUNCATE : rounding);
}

export function floatToI64<T>(x: T, truncates: bool): u64 {
  if (abs<T>(x) < <T>PAST_I64) {
    const integral = truncates ? trunc<T>(x) : nearest<T>(x);
    if (isFine<T>(x, integral)) return <u64>(<i64>integral);
  }
  return toInteger<T>(bitsOf<T>(x), 64, truncates ? TRUNCATE : rounding);
}

// @ts-ignore: decorator
@inline
function isFine<T>(x: T, integral: T): bool {
  return integral == x || (isPlain && !wantsPrecision && !isDenormal<T>(x));
}

export function widen(x: f32): f64 {
  if (x == x && !isDenormal<f32>(x)) return <f64>x;
  return reinterpret<f64>(convert<f32, f64>(reinterpret<u32>(x)));
}

export function narrow(x: f64): f32 {
  const r = <f32>x;
  if (isPlain && isWithin<f32>(r)) {
    if (wantsPrecision && <f64>r != x) signal(PRECISION);
    return r;
  }
  return reinterpret<f32>(<u32>convert<f64, f32>(reinterpret<u64>(x)));
}

/** Comparisons, FXAM, and what else looks at a number without computing one. */
import {
  C0,
  C1,
  C2,
  C3,
  DENORMAL,
  INTEGER_BIT,
  INVALID,
  isDenormal,
  isNan,
  isUnsupported,
  MAX_EXPONENT,
  QUIET,
  raise,
  SIGN,
  unraise,
} from './operation';

export const UNORDERED: u32 = C0 | C2 | C3;

/** C3, C2 and C0 of a comparison. A quiet NaN is invalid unless the comparison is `quiet`, as those of FUCOM are. */
export function compare(aUpper: u32, a: u64, bUpper: u32, b: u64, quiet: bool): u32 {
  if (isUnsupported(aUpper, a) || isUnsupported(bUpper, b)) return unordered(true);
  const first = isNan(aUpper, a);
  const second = isNan(bUpper, b);
  if (first || second) {
    const signals = (first && (a & QUIET) == 0) || (second && (b & QUIET) == 0);
    return unordered(signals || !quiet);
  }
  if (isDenormal(aUpper, a) || isDenormal(bUpper, b)) raise(DENORMAL);
  if (a == 0 && b == 0) return C3;
  const negative = (aUpper & SIGN) != 0;
  if (negative != ((bUpper & SIGN) != 0)) return negative ? C0 : 0;
  const magnitudes = order(aUpper & MAX_EXPONENT, a, bUpper & MAX_EXPONENT, b);
  if (magnitudes == 0) return C3;
  return magnitudes < 0 == negative ? 0 : C0;
}

function unordered(isInvalid: bool): u32 {
  unraise(DENORMAL);
  if (isInvalid) raise(INVALID);
  return UNORDERED;
}

/** A pseudo-denormal has the exponent of a denormal, which means that of the least normal number. */
function order(aExponent: u32, a: u64, bExponent: u32, b: u64): i32 {
  const first = aExponent == 0 ? 1 : aExponent;
  const second = bExponent == 0 ? 1 : bExponent;
  // Zero and denormals are below any other number of this exponent by their significands.
  if (first != second) return first < second ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** FXAM: the class in C3, C2, C0, the sign in C1. */
export function classify(upper: u32, significand: u64, isEmpty: bool): u32 {
  const sign = (upper & SIGN) != 0 ? C1 : 0;
  if (isEmpty) return sign | C3 | C0;
  if (isUnsupported(upper, significand)) return sign;
  const exponent = upper & MAX_EXPONENT;
  if (exponent == MAX_EXPONENT) return sign | (significand == INTEGER_BIT ? C2 | C0 : C0);
  if (exponent != 0) return sign | C2;
  return sign | (significand == 0 ? C3 : C3 | C2);
}

/** Comparisons, minimum and maximum of the bits of f32 and f64. */
import { INVALID, signal } from './environment';
import { flushed, isNaN, isNegative, isSignaling, isZero, noteDenormal } from './format';

/** How two numbers stand to each other: bits that a predicate selects. */
export const LESS: u32 = 1;
export const EQUAL: u32 = 2;
export const GREATER: u32 = 4;
export const UNORDERED: u32 = 8;

/** The relation of two numbers; `all`: any NaN is invalid, not the signalling ones alone. */
export function relation<T>(x: u64, y: u64, all: bool): u32 {
  if (isNaN<T>(x) || isNaN<T>(y)) {
    if (all || isSignaling<T>(x) || isSignaling<T>(y)) signal(INVALID);
    return UNORDERED;
  }
  const a = flushed<T>(x);
  const b = flushed<T>(y);
  noteDenormal<T>(a);
  noteDenormal<T>(b);
  if (a == b || (isZero<T>(a) && isZero<T>(b))) return EQUAL;
  if (isNegative<T>(a) != isNegative<T>(b)) return isNegative<T>(a) ? LESS : GREATER;
  return a < b != isNegative<T>(a) ? LESS : GREATER;
}

/** The relations for which predicates 0 to 7 hold: EQ LT LE UNORD NEQ NLT NLE ORD. 8 to 15 as bits of their own. */
// prettier-ignore
const HOLDS: StaticArray<u8> = [
  /* EQ    */ 2, /* LT    */ 1, /* LE    */ 3, /* UNORD */ 8, /* NEQ   */ 13, /* NLT   */ 14, /* NLE   */ 12, /* ORD   */ 7,
  /* EQ_UQ */ 10, /* NGE  */ 9, /* NGT  */ 11, /* FALSE */ 0, /* NEQ_OQ */ 5, /* GE    */ 6, /* GT    */ 4, /* TRUE  */ 15,
];

/** The relations for which a predicate holds. */
// @ts-ignore: decorator
@inline
export function relationsOf(predicate: u32): u32 {
  return load<u8>(changetype<usize>(HOLDS) + (predicate & 15));
}

/** Whether a quiet NaN is invalid for a predicate, too: for LT, LE, NLT, NLE and their kin; from 16 on for the others. */
// @ts-ignore: decorator
@inline
function signalsQuiet(predicate: u32): bool {
  return ((predicate & 3) == 1 || (predicate & 3) == 2) != predicate >= 16;
}

/** CMPPS and its kin (SDM vol. 2A, table "Comparison Predicate for VCMPPD and VCMPPS Instructions"), 0 to 31. */
export function holds<T>(predicate: u32, x: u64, y: u64): bool {
  return (relation<T>(x, y, signalsQuiet(predicate)) & relationsOf(predicate)) != 0;
}

/** MINPS and its kin: the second operand where they are equal, or one is a NaN. */
export function minimum<T>(x: u64, y: u64): u64 {
  return relation<T>(x, y, true) == LESS ? flushed<T>(x) : flushed<T>(y);
}

export function maximum<T>(x: u64, y: u64): u64 {
  return relation<T>(x, y, true) == GREATER ? flushed<T>(x) : flushed<T>(y);
}

/**
 * The operation that runs: its control word, what it has raised, and its result. Wasm globals, of one thread, and nothing of a
 * CPU. (SDM vol. 1, "Programming with the x87 FPU".)
 */
import { X87_CONTROL } from '../state';

// Status word; exceptions have the same places in the control word, as masks.
export const INVALID: u32 = 1 << 0;
export const DENORMAL: u32 = 1 << 1;
export const ZERO_DIVIDE: u32 = 1 << 2;
export const OVERFLOW: u32 = 1 << 3;
export const UNDERFLOW: u32 = 1 << 4;
export const PRECISION: u32 = 1 << 5;
export const EXCEPTIONS: u32 = 0x3f;
export const STACK_FAULT: u32 = 1 << 6;
export const SUMMARY: u32 = 1 << 7;
export const C0: u32 = 1 << 8;
export const C1: u32 = 1 << 9;
export const C2: u32 = 1 << 10;
export const C3: u32 = 1 << 14;
export const TOP_SHIFT: u32 = 11;
export const TOP: u32 = 7 << 11;
export const BUSY: u32 = 1 << 15;

export const NEAREST: u32 = 0;
export const DOWN: u32 = 1;
export const UP: u32 = 2;
export const CHOPPED: u32 = 3;

// The upper word of a register.
export const SIGN: u32 = 0x8000;
export const MAX_EXPONENT: u32 = 0x7fff;
export const BIAS: i32 = 0x3fff;
/** Of the significand: the bit before the point, and of a NaN the one that makes it quiet. */
export const INTEGER_BIT: u64 = 1 << 63;
export const QUIET: u64 = 1 << 62;
/** The real indefinite, and what an infinity has. */
export const INDEFINITE: u32 = SIGN | MAX_EXPONENT;
export const INDEFINITE_SIGNIFICAND: u64 = INTEGER_BIT | QUIET;

export let control: u32 = 0;
/** Exceptions, STACK_FAULT, and C1. */
export let raised: u32 = 0;
/** Sign and exponent, and significand. */
export let resultUpper: u32 = 0;
export let result: u64 = 0;

// @ts-ignore: decorator
@inline
export function begin(cpu: usize): void {
  control = load<u16>(cpu, X87_CONTROL);
  raised = 0;
}

// @ts-ignore: decorator
@inline
export function raise(bits: u32): void {
  raised |= bits;
}

/** An operand of higher rank has made an exception void. */
// @ts-ignore: decorator
@inline
export function unraise(bits: u32): void {
  raised &= ~bits;
}

// @ts-ignore: decorator
@inline
export function setResult(upper: u32, significand: u64): void {
  resultUpper = upper;
  result = significand;
}

// @ts-ignore: decorator
@inline
export function unmasked(): u32 {
  return raised & ~control & EXCEPTIONS;
}

/** Whether an exception that comes before the computation keeps it from being done. */
// @ts-ignore: decorator
@inline
export function isPrevented(): bool {
  return (raised & ~control & (INVALID | DENORMAL | ZERO_DIVIDE)) != 0;
}

// @ts-ignore: decorator
@inline
export function rounding(): u32 {
  return (control >> 10) & 3;
}

export function invalid(): void {
  raised |= INVALID;
  setResult(INDEFINITE, INDEFINITE_SIGNIFICAND);
}

/** Neither zero, denormal, infinite, nor anything odd. */
// @ts-ignore: decorator
@inline
export function isNormal(upper: u32, significand: u64): bool {
  return <i64>significand < 0 && (upper & MAX_EXPONENT) - 1 < MAX_EXPONENT - 1;
}

/** Pseudo-NaNs, pseudo-infinities and unnormals, which the 80387 gave up (SDM vol. 1, "Unsupported Double Extended-Precision…"). */
export function isUnsupported(upper: u32, significand: u64): bool {
  return (upper & MAX_EXPONENT) != 0 && <i64>significand >= 0;
}

export function isNan(upper: u32, significand: u64): bool {
  return (upper & MAX_EXPONENT) == MAX_EXPONENT && significand > INTEGER_BIT;
}

export function isSignalling(upper: u32, significand: u64): bool {
  return isNan(upper, significand) && (significand & QUIET) == 0;
}

export function isInfinite(upper: u32, significand: u64): bool {
  return (upper & MAX_EXPONENT) == MAX_EXPONENT && significand == INTEGER_BIT;
}

/** Of a supported number. */
export function isZero(upper: u32, significand: u64): bool {
  return significand == 0 && (upper & MAX_EXPONENT) == 0;
}

/** Anything but a NaN, and supported. */
export function isNumber(upper: u32, significand: u64): bool {
  return !isUnsupported(upper, significand) && !isNan(upper, significand);
}

/** Neither zero nor infinite nor a NaN, and supported. */
export function isFinite(upper: u32, significand: u64): bool {
  const power = upper & MAX_EXPONENT;
  return power == 0 ? significand != 0 : power != MAX_EXPONENT && <i64>significand < 0;
}

/** Pseudo-denormals are treated as denormals. */
export function isDenormal(upper: u32, significand: u64): bool {
  return (upper & MAX_EXPONENT) == 0 && significand != 0;
}

/** Exponent and significand of a number other than zero that is finite, as if exponents had no end. */
export let exponent: i32 = 0;
export function normalize(upper: u32, significand: u64): u64 {
  exponent = <i32>(upper & MAX_EXPONENT);
  if (exponent != 0) return significand;
  const shift = <i32>clz(significand);
  exponent = 1 - shift;
  return significand << shift;
}

/** One operand that is no finite number, or not supported: true, and the result is made. */
export function isSpecialOperand(upper: u32, significand: u64): bool {
  if (isUnsupported(upper, significand)) {
    unraise(DENORMAL);
    invalid();
    return true;
  }
  if (isNan(upper, significand)) {
    unraise(DENORMAL);
    if ((significand & QUIET) == 0) raise(INVALID);
    setResult(upper, significand | QUIET);
    return true;
  }
  if (isDenormal(upper, significand)) raise(DENORMAL);
  return isPrevented();
}

/** As isSpecialOperand, for two: of NaNs a quiet one goes before a signalling one, then the larger significand. */
export function areSpecialOperands(upper: u32, significand: u64, otherUpper: u32, other: u64): bool {
  if (isUnsupported(upper, significand) || isUnsupported(otherUpper, other)) {
    unraise(DENORMAL);
    invalid();
    return true;
  }
  const first = isNan(upper, significand);
  const second = isNan(otherUpper, other);
  if (first || second) {
    unraise(DENORMAL);
    const firstSignals = first && (significand & QUIET) == 0;
    const secondSignals = second && (other & QUIET) == 0;
    if (firstSignals || secondSignals) raise(INVALID);
    let takesFirst = first;
    if (first && second) {
      if (firstSignals != secondSignals) takesFirst = secondSignals;
      else if (significand != other) takesFirst = significand > other;
      else takesFirst = (upper & SIGN) == 0;
    }
    if (takesFirst) setResult(upper, significand | QUIET);
    else setResult(otherUpper, other | QUIET);
    return true;
  }
  if (isDenormal(upper, significand) || isDenormal(otherUpper, other)) raise(DENORMAL);
  return isPrevented();
}

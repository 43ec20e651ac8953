/** Rounding (SDM vol. 1, "Rounding"; "Numeric Overflow Exception", "Numeric Underflow Exception", "Inexact-Result…"). */
import {
  C1,
  CHOPPED,
  control,
  DOWN,
  INTEGER_BIT,
  MAX_EXPONENT,
  NEAREST,
  OVERFLOW,
  PRECISION,
  raise,
  rounding,
  setResult,
  SIGN,
  UNDERFLOW,
  UP,
} from './operation';
import { high, low, shiftRight } from './wide';

const MAX: i32 = <i32>MAX_EXPONENT;
/** What the exponent of a result is moved by whose overflow or underflow is not masked. */
const WRAP: i32 = 24576;
/** Bits of a significand below what a precision keeps. */
const BELOW_DOUBLE: u64 = 0x7ff;
const BELOW_SINGLE: u64 = 0xff_ffff_ffff;

/** Whether a magnitude goes up: `rest` is what lies below it, `half` half of its lowest bit. */
// @ts-ignore: decorator
@inline
export function roundsUp(sign: u32, isOdd: bool, rest: u64, half: u64): bool {
  const mode = rounding();
  if (mode == NEAREST) return rest > half || (rest == half && isOdd);
  if (mode == CHOPPED || rest == 0) return false;
  return (mode == DOWN) == (sign != 0);
}

/** Rounds to the precision of the control word: `significand` has its top bit set, `rest` is what follows it, both or neither are 0. */
// @ts-ignore: decorator
@inline
export function pack(sign: u32, exponent: i32, significand: u64, rest: u64): void {
  if ((control & 0xf00) == 0x300 && <u32>(exponent - 1) < <u32>(MAX - 2)) {
    // The common case: 64 bits, to nearest, far from the ends.
    if (rest == 0) {
      setResult(sign | exponent, significand);
      return;
    }
    if (rest > INTEGER_BIT || (rest == INTEGER_BIT && (significand & 1) != 0)) {
      const rounded = significand + 1;
      raise(PRECISION | C1);
      if (rounded == 0) setResult(sign | (exponent + 1), INTEGER_BIT);
      else setResult(sign | exponent, rounded);
      return;
    }
    raise(PRECISION);
    setResult(sign | exponent, significand);
    return;
  }
  packTo(sign, exponent, significand, rest, belowPrecision());
}

/** Bits below the precision of the control word; its reserved value is the full one. */
function belowPrecision(): u64 {
  const precision = (control >> 8) & 3;
  return precision == 0 ? BELOW_SINGLE : precision == 2 ? BELOW_DOUBLE : 0;
}

/** Rounds to 64 bits, whatever the control word has. */
export function packExtended(sign: u32, exponent: i32, significand: u64, rest: u64): void {
  packTo(sign, exponent, significand, rest, 0);
}

function packTo(sign: u32, exponent: i32, significand: u64, rest: u64, below: u64): void {
  if (significand == 0) {
    setResult(sign, 0);
    return;
  }
  let power = exponent;
  let value = significand;
  let lost = rest;
  let wrapped = false;
  if (power <= 0) {
    // Tiny is what would be below the least normal number if exponents had no end, after rounding.
    const carries = power == 0 && incremented(sign, value, lost, below) == 0;
    if (!carries && (control & UNDERFLOW) == 0) {
      raise(UNDERFLOW);
      power += WRAP;
      wrapped = true;
    } else {
      shiftRight(value, lost, 1 - power);
      value = high;
      lost = low;
      power = 0;
      const inexact = (value & below) != 0 || lost != 0;
      if (!carries && inexact) raise(UNDERFLOW);
    }
  }
  const inexact = (value & below) != 0 || lost != 0;
  const rounded = incremented(sign, value, lost, below);
  let up = false;
  if (inexact) {
    raise(PRECISION);
    up = rounded != (value & ~below);
    value = rounded;
    if (up) {
      raise(C1);
      if (rounded == 0) {
        value = INTEGER_BIT;
        power++;
      }
    }
  }
  if (power == 0 && !wrapped && <i64>value < 0) power = 1;
  if (power >= MAX) {
    raise(OVERFLOW);
    if ((control & OVERFLOW) != 0) {
      overflow(sign, below);
      return;
    }
    power -= WRAP;
  }
  // FSCALE can go further than that.
  if (power >= MAX) {
    raise(PRECISION | C1);
    setResult(sign | MAX_EXPONENT, INTEGER_BIT);
  } else if (power <= 0 && wrapped) {
    raise(PRECISION);
    setResult(sign, 0);
  } else setResult(sign | power, value);
}

/** The significand after rounding; a carry out of it leaves 0. */
function incremented(sign: u32, significand: u64, rest: u64, below: u64): u64 {
  if (below == 0) return significand + <u64>roundsUp(sign, (significand & 1) != 0, rest, INTEGER_BIT);
  const unit = below + 1;
  const lost = (significand & below) | <u64>(rest != 0);
  const kept = significand & ~below;
  return roundsUp(sign, (significand & unit) != 0, lost, unit >> 1) ? kept + unit : kept;
}

/** Masked: infinity, or the largest number where rounding leads away from it. */
function overflow(sign: u32, below: u64): void {
  const mode = rounding();
  raise(PRECISION);
  if (mode == NEAREST || (mode == UP && sign == 0) || (mode == DOWN && sign == SIGN)) {
    raise(C1);
    setResult(sign | MAX_EXPONENT, INTEGER_BIT);
  } else {
    setResult(sign | (MAX_EXPONENT - 1), ~below);
  }
}

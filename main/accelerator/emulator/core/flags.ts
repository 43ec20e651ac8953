/**
 * The status flags, evaluated when somebody asks. An instruction leaves its result, sign-extended to 64 bits, which alone
 * says ZF, SF and PF; what kind of operation it was; and one further value that CF, OF and AF follow from:
 *   ADD, SUB   the second operand (the first is the result minus or plus it)
 *   INC, DEC   the CF that was there before
 *   LOGIC      nothing: CF, OF and AF are clear
 *   EXPLICIT   the bits CF, AF and OF themselves; bits SF and PF there invert what the result says
 * Kinds of ADD, SUB, INC and DEC have the operand size's logarithm in bits 0-1.
 */
import { FLAG_B, FLAG_KIND, FLAG_RESULT, RFLAGS } from './state';

export const CF: u64 = 1;
export const PF: u64 = 1 << 2;
export const AF: u64 = 1 << 4;
export const ZF: u64 = 1 << 6;
export const SF: u64 = 1 << 7;
export const DF: u64 = 1 << 10;
export const OF: u64 = 1 << 11;
export const STATUS_FLAGS: u64 = CF | PF | AF | ZF | SF | OF;
const ALWAYS_SET: u64 = 2;

export const KIND_EXPLICIT: u32 = 0;
export const KIND_LOGIC: u32 = 1;
export const KIND_ADD: u32 = 4;
export const KIND_SUB: u32 = 8;
export const KIND_INC: u32 = 12;
export const KIND_DEC: u32 = 16;

// @ts-ignore: decorator
@inline
function sizeLog2<T>(): u32 {
  return sizeof<T>() == 8 ? 3 : sizeof<T>() == 4 ? 2 : sizeof<T>() == 2 ? 1 : 0;
}

// @ts-ignore: decorator
@inline
export function signExtend<T>(value: T): i64 {
  if (sizeof<T>() == 8) return <i64>value;
  if (sizeof<T>() == 4) return <i64>(<i32>value);
  return sizeof<T>() == 2 ? <i64>(<i16>value) : <i64>(<i8>value);
}

// @ts-ignore: decorator
@inline
function leave<T>(cpu: usize, result: T, b: u64, kind: u32): void {
  store<i64>(cpu, signExtend<T>(result), FLAG_RESULT);
  store<u64>(cpu, b, FLAG_B);
  store<u32>(cpu, kind, FLAG_KIND);
}

// @ts-ignore: decorator
@inline
export function flagsLogic<T>(cpu: usize, result: T): void {
  store<i64>(cpu, signExtend<T>(result), FLAG_RESULT);
  store<u32>(cpu, KIND_LOGIC, FLAG_KIND);
}

// @ts-ignore: decorator
@inline
export function flagsAdd<T>(cpu: usize, b: T, result: T): void {
  leave<T>(cpu, result, <u64>b, KIND_ADD + sizeLog2<T>());
}

// @ts-ignore: decorator
@inline
export function flagsSub<T>(cpu: usize, b: T, result: T): void {
  leave<T>(cpu, result, <u64>b, KIND_SUB + sizeLog2<T>());
}

// @ts-ignore: decorator
@inline
export function flagsInc<T>(cpu: usize, result: T): void {
  leave<T>(cpu, result, <u64>carry(cpu), KIND_INC + sizeLog2<T>());
}

// @ts-ignore: decorator
@inline
export function flagsDec<T>(cpu: usize, result: T): void {
  leave<T>(cpu, result, <u64>carry(cpu), KIND_DEC + sizeLog2<T>());
}

/** ADC and SBB, where the operands and the result do not determine the carry: by the carries out of all bits. */
// @ts-ignore: decorator
@inline
export function flagsCarries<T>(cpu: usize, carries: T, result: T): void {
  const top: u64 = sizeof<T>() * 8 - 1;
  const out = (<u64>carries >> top) & 1;
  const into = (<u64>carries >> (top - 1)) & 1;
  leave<T>(cpu, result, out | ((<u64>carries & 8) << 1) | ((out ^ into) << 11), KIND_EXPLICIT);
}

/** The result says ZF, SF, PF; the bits CF, AF and OF are given. */
// @ts-ignore: decorator
@inline
export function flagsExplicit<T>(cpu: usize, result: T, bits: u64): void {
  leave<T>(cpu, result, bits, KIND_EXPLICIT);
}

/** Sign-extends a result of a size in bytes that is not known in advance, and sets flags as flagsExplicit. */
export function flagsBySize(cpu: usize, result: u64, size: i32, bits: u64): void {
  const shift: i64 = 64 - ((<i64>size) << 3);
  leave<u64>(cpu, <u64>(((<i64>result) << shift) >> shift), bits, KIND_EXPLICIT);
}

// @ts-ignore: decorator
@inline
function sizeMask(kind: u32): u64 {
  return <u64>-1 >> (64 - ((<u64>8) << (<u64>(kind & 3))));
}

// @ts-ignore: decorator
@inline
function topBit(kind: u32, value: u64): bool {
  return ((value >> (((<u64>8) << (<u64>(kind & 3))) - 1)) & 1) != 0;
}

export function carry(cpu: usize): bool {
  const kind = load<u32>(cpu, FLAG_KIND);
  const b = load<u64>(cpu, FLAG_B);
  if (kind >= KIND_INC || kind == KIND_EXPLICIT) return (b & 1) != 0;
  if (kind == KIND_LOGIC) return false;
  const mask = sizeMask(kind);
  const result = load<u64>(cpu, FLAG_RESULT);
  return kind >= KIND_SUB ? ((result + b) & mask) < (b & mask) : (result & mask) < (b & mask);
}

// @ts-ignore: decorator
@inline
export function zero(cpu: usize): bool {
  return load<u64>(cpu, FLAG_RESULT) == 0;
}

// @ts-ignore: decorator
@inline
export function sign(cpu: usize): bool {
  const inverted = load<u32>(cpu, FLAG_KIND) == KIND_EXPLICIT && (load<u64>(cpu, FLAG_B) & SF) != 0;
  return load<i64>(cpu, FLAG_RESULT) < 0 != inverted;
}

export function parity(cpu: usize): bool {
  const inverted = load<u32>(cpu, FLAG_KIND) == KIND_EXPLICIT && (load<u64>(cpu, FLAG_B) & PF) != 0;
  return ((popcnt<u32>(load<u8>(cpu, FLAG_RESULT)) & 1) == 0) != inverted;
}

export function overflow(cpu: usize): bool {
  const kind = load<u32>(cpu, FLAG_KIND);
  const b = load<u64>(cpu, FLAG_B);
  if (kind == KIND_EXPLICIT) return (b & OF) != 0;
  if (kind == KIND_LOGIC) return false;
  const result = load<u64>(cpu, FLAG_RESULT);
  if (kind >= KIND_DEC) return (result & sizeMask(kind)) == sizeMask(kind) >> 1;
  if (kind >= KIND_INC) return (result & sizeMask(kind)) == (sizeMask(kind) >> 1) + 1;
  const a = kind >= KIND_SUB ? result + b : result - b;
  return topBit(kind, kind >= KIND_SUB ? (a ^ b) & (a ^ result) : (a ^ result) & (b ^ result));
}

function adjust(cpu: usize): bool {
  const kind = load<u32>(cpu, FLAG_KIND);
  const b = load<u64>(cpu, FLAG_B);
  if (kind == KIND_EXPLICIT) return (b & AF) != 0;
  if (kind == KIND_LOGIC) return false;
  const result = load<u64>(cpu, FLAG_RESULT);
  if (kind >= KIND_DEC) return (result & 15) == 15;
  if (kind >= KIND_INC) return (result & 15) == 0;
  const a = kind >= KIND_SUB ? result + b : result - b;
  return ((a ^ b ^ result) & AF) != 0;
}

/** CF, PF, AF, ZF, SF and OF at their places in RFLAGS. */
export function statusFlags(cpu: usize): u64 {
  let flags: u64 = carry(cpu) ? CF : 0;
  if (parity(cpu)) flags |= PF;
  if (adjust(cpu)) flags |= AF;
  if (zero(cpu)) flags |= ZF;
  if (sign(cpu)) flags |= SF;
  if (overflow(cpu)) flags |= OF;
  return flags;
}

export function setStatusFlags(cpu: usize, flags: u64): void {
  let bits = flags & (CF | AF | OF);
  if ((flags & SF) != 0) bits |= SF;
  if (((flags & PF) == 0) == ((flags & ZF) != 0)) bits |= PF;
  leave<u64>(cpu, (flags & ZF) != 0 ? 0 : 1, bits, KIND_EXPLICIT);
}

/** All of RFLAGS. */
export function getFlags(cpu: usize): u64 {
  return (load<u64>(cpu, RFLAGS) & ~STATUS_FLAGS) | statusFlags(cpu) | ALWAYS_SET;
}

export function setFlags(cpu: usize, value: u64): void {
  store<u64>(cpu, (value & ~STATUS_FLAGS) | ALWAYS_SET, RFLAGS);
  setStatusFlags(cpu, value);
}

/** Whether condition `code` of Jcc, SETcc and CMOVcc holds. */
export function condition(cpu: usize, code: u32): bool {
  let holds: bool;
  switch (code >> 1) {
    case 0:
      holds = overflow(cpu);
      break;
    case 1:
      holds = carry(cpu);
      break;
    case 2:
      holds = zero(cpu);
      break;
    case 3:
      holds = zero(cpu) || carry(cpu);
      break;
    case 4:
      holds = sign(cpu);
      break;
    case 5:
      holds = parity(cpu);
      break;
    case 6:
      holds = sign(cpu) != overflow(cpu);
      break;
    default:
      holds = zero(cpu) || sign(cpu) != overflow(cpu);
  }
  return holds != ((code & 1) != 0);
}

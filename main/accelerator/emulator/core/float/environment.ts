/**
 * MXCSR for the instruction at hand, and the exceptions that it has met (SDM vol. 1, "MXCSR Control and Status Register";
 * "SIMD Floating-Point Exceptions"). What stands here are wasm globals, of one thread: no instruction runs within another.
 */
import { CR4_OSXMMEXCPT, UD, XM } from '../bits';
import { raise } from '../exceptions';
import { CR4, MXCSR } from '../state';

export const INVALID: u32 = 1 << 0;
export const DENORMAL: u32 = 1 << 1;
export const ZERO_DIVIDE: u32 = 1 << 2;
export const OVERFLOW: u32 = 1 << 3;
export const UNDERFLOW: u32 = 1 << 4;
export const PRECISION: u32 = 1 << 5;
const EXCEPTIONS: u32 = 0x3f;
/** What is found before anything is computed. */
const BEFORE_COMPUTING: u32 = INVALID | DENORMAL | ZERO_DIVIDE;
const DENORMALS_ARE_ZEROS: u32 = 1 << 6;
const MASKS_SHIFT: u32 = 7;
const ROUNDING_SHIFT: u32 = 13;
const FLUSH_TO_ZERO: u32 = 1 << 15;

/** Rounding control, as MXCSR and immediates have it. */
export const NEAREST: u32 = 0;
export const DOWN: u32 = 1;
export const UP: u32 = 2;
export const TRUNCATE: u32 = 3;
export const MODE_OF_MXCSR: u32 = 4;

/** MXCSR; what follows is made of it. */
let control: u32 = 0;
let raised: u32 = 0;
export let rounding: u32 = NEAREST;
/** Rounding is to nearest and an inexact result does not fault: the host's own arithmetic may be the guest's. */
export let isPlain: bool = false;
/** Whether such a result would have to be noted: it has not been yet. */
export let wantsPrecision: bool = true;

/** To be called first by an instruction that computes. */
// @ts-ignore: decorator
@inline
export function begin(cpu: usize): void {
  const mxcsr = load<u32>(cpu, MXCSR);
  if (mxcsr != control) adopt(mxcsr);
}

function adopt(mxcsr: u32): void {
  control = mxcsr;
  wantsPrecision = (control & PRECISION) == 0;
  setRounding(MODE_OF_MXCSR);
}

/** Rounding as an immediate has it: its bit 2 says that it is MXCSR's. To be taken back by `setRounding(MODE_OF_MXCSR)`. */
export function setRounding(mode: u32): void {
  rounding = (mode & MODE_OF_MXCSR) != 0 ? (control >> ROUNDING_SHIFT) & 3 : mode & 3;
  isPlain = rounding == NEAREST && (control & (PRECISION << MASKS_SHIFT)) != 0;
}

/**
 * Notes in MXCSR what has been met. False: one of it is not masked, and has been raised; nothing may be written. Where
 * that is one of the operands', nothing has been computed that could have met others.
 */
// @ts-ignore: decorator
@inline
export function finish(cpu: usize): bool {
  return raised == 0 || note(cpu);
}

function note(cpu: usize): bool {
  const unmasked = raised & ~(control >> MASKS_SHIFT);
  if ((unmasked & BEFORE_COMPUTING) != 0) raised &= BEFORE_COMPUTING;
  adopt(control | raised);
  store<u32>(cpu, control, MXCSR);
  raised = 0;
  if (unmasked == 0) return true;
  raise(cpu, (load<u64>(cpu, CR4) & CR4_OSXMMEXCPT) != 0 ? XM : UD, 0);
  return false;
}

// @ts-ignore: decorator
@inline
export function signal(exceptions: u32): void {
  raised |= exceptions;
}

/** Takes back a precision exception, for instructions that do not report it. */
export function withoutPrecision(): void {
  raised &= ~PRECISION;
}

// @ts-ignore: decorator
@inline
export function isMasked(exception: u32): bool {
  return (control & (exception << MASKS_SHIFT)) != 0;
}

// @ts-ignore: decorator
@inline
export function denormalsAreZeros(): bool {
  return (control & DENORMALS_ARE_ZEROS) != 0;
}

// @ts-ignore: decorator
@inline
export function flushesToZero(): bool {
  return (control & FLUSH_TO_ZERO) != 0;
}

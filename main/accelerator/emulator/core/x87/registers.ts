/** The register stack, and what an operation leaves in the status word. */
import { X87, X87_FULL, X87_STATUS } from '../state';
import {
  BUSY,
  C1,
  control,
  DENORMAL,
  EXCEPTIONS,
  INDEFINITE,
  INDEFINITE_SIGNIFICAND,
  INVALID,
  isPrevented,
  raise,
  raised,
  result,
  resultUpper,
  setResult,
  STACK_FAULT,
  SUMMARY,
  TOP,
  TOP_SHIFT,
  unmasked,
  unraise,
} from './operation';

const REGISTER_SIZE_SHIFT: usize = 4;
/** Of a register: sign and exponent behind the significand. */
const UPPER: usize = X87 + 8;

// @ts-ignore: decorator
@inline
export function physical(cpu: usize, i: u32): u32 {
  return (<u32>load<u16>(cpu, X87_STATUS) >> TOP_SHIFT) + i & 7;
}

// @ts-ignore: decorator
@inline
function bit(n: u32): u8 {
  return <u8>((<u32>1) << n);
}

/** Where ST(i) is, as an offset to the fields of a register. */
// @ts-ignore: decorator
@inline
export function registerAt(cpu: usize, i: u32): usize {
  return physicalAt(cpu, physical(cpu, i));
}

// @ts-ignore: decorator
@inline
export function physicalAt(cpu: usize, n: u32): usize {
  return cpu + ((<usize>n) << REGISTER_SIZE_SHIFT);
}

// @ts-ignore: decorator
@inline
export function upperOf(register: usize): u32 {
  return load<u16>(register, UPPER);
}

// @ts-ignore: decorator
@inline
export function significandOf(register: usize): u64 {
  return load<u64>(register, X87);
}

// @ts-ignore: decorator
@inline
export function setRegister(register: usize, upper: u32, significand: u64): void {
  store<u64>(register, significand, X87);
  store<u16>(register, <u16>upper, UPPER);
}

// @ts-ignore: decorator
@inline
export function isEmpty(cpu: usize, i: u32): bool {
  return ((load<u8>(cpu, X87_FULL) >> physical(cpu, i)) & 1) == 0;
}

// @ts-ignore: decorator
@inline
function setTop(cpu: usize, top: u32): void {
  store<u16>(cpu, <u16>((load<u16>(cpu, X87_STATUS) & ~TOP) | ((top & 7) << TOP_SHIFT)), X87_STATUS);
}

export function rotate(cpu: usize, by: u32): void {
  setTop(cpu, physical(cpu, by));
}

export function setFull(cpu: usize, i: u32): void {
  store<u8>(cpu, load<u8>(cpu, X87_FULL) | bit(physical(cpu, i)), X87_FULL);
}

export function free(cpu: usize, i: u32): void {
  store<u8>(cpu, load<u8>(cpu, X87_FULL) & ~bit(physical(cpu, i)), X87_FULL);
}

// @ts-ignore: decorator
@inline
export function pop(cpu: usize): void {
  const top = physical(cpu, 0);
  store<u8>(cpu, load<u8>(cpu, X87_FULL) & ~bit(top), X87_FULL);
  setTop(cpu, top + 1);
}

/** The result goes to a new top of the stack, whose register is empty. */
// @ts-ignore: decorator
@inline
export function push(cpu: usize): void {
  const top = physical(cpu, 7);
  setTop(cpu, top);
  store<u8>(cpu, load<u8>(cpu, X87_FULL) | bit(top), X87_FULL);
  setRegister(physicalAt(cpu, top), resultUpper, result);
}

/** An operand is in an empty register. */
export function stackUnderflow(): void {
  unraise(DENORMAL);
  raise(INVALID | STACK_FAULT);
  setResult(INDEFINITE, INDEFINITE_SIGNIFICAND);
}

/** A push would hit a register that is in use. */
export function stackOverflow(): void {
  unraise(DENORMAL);
  raise(INVALID | STACK_FAULT | C1);
  setResult(INDEFINITE, INDEFINITE_SIGNIFICAND);
}

/** Brings what was raised, and these of the condition bits, to the status word; C1 is always one of them. */
// @ts-ignore: decorator
@inline
export function finish(cpu: usize, conditions: u32 = C1, values: u32 = 0): void {
  const status = (load<u16>(cpu, X87_STATUS) & ~(conditions | C1)) | values | raised;
  store<u16>(cpu, <u16>(unmasked() != 0 ? status | SUMMARY | BUSY : status), X87_STATUS);
}

/** The end of an operation with a register as its destination. */
// @ts-ignore: decorator
@inline
export function finishRegister(cpu: usize, i: u32, pops: bool): void {
  if ((raised & ((~control & EXCEPTIONS) | STACK_FAULT)) != 0) return finishOddly(cpu, i, pops);
  const status: u32 = load<u16>(cpu, X87_STATUS);
  const top = (status >> TOP_SHIFT) & 7;
  setRegister(physicalAt(cpu, (top + i) & 7), resultUpper, result);
  let next = (status & ~C1) | raised;
  if (pops) {
    store<u8>(cpu, load<u8>(cpu, X87_FULL) & ~bit(top), X87_FULL);
    next = (next & ~TOP) | (((top + 1) & 7) << TOP_SHIFT);
  }
  store<u16>(cpu, <u16>next, X87_STATUS);
}

/** The same with an unmasked exception or a stack fault. */
function finishOddly(cpu: usize, i: u32, pops: bool): void {
  if (!isPrevented()) {
    setRegister(registerAt(cpu, i), resultUpper, result);
    if ((raised & STACK_FAULT) != 0) setFull(cpu, i);
    if (pops) pop(cpu);
  }
  finish(cpu);
}

/** The end of an operation whose result goes on the stack, where a denormal one goes, too. */
// @ts-ignore: decorator
@inline
export function finishPush(cpu: usize): void {
  const status: u32 = load<u16>(cpu, X87_STATUS);
  const top = ((status >> TOP_SHIFT) + 7) & 7;
  const full = load<u8>(cpu, X87_FULL);
  if ((full & bit(top)) != 0 || unmasked() != 0) return finishPushOddly(cpu);
  setRegister(physicalAt(cpu, top), resultUpper, result);
  store<u8>(cpu, full | bit(top), X87_FULL);
  store<u16>(cpu, <u16>((status & ~(C1 | TOP)) | raised | (top << TOP_SHIFT)), X87_STATUS);
}

function finishPushOddly(cpu: usize): void {
  if (!isEmpty(cpu, 7)) stackOverflow();
  if ((raised & ~control & INVALID) == 0) push(cpu);
  finish(cpu);
}

/** The operations that D8, DA, DC and DE have for all kinds of operands, by ModRM.reg: with ST(0) on one side. */
import { X87_FULL } from '../state';
import { add, divideNumbers, multiplyNumbers } from './arithmetic';
import { compare, UNORDERED } from './compare';
import { C0, C1, C2, C3, isPrevented, result, resultUpper, SIGN } from './operation';
import {
  finish,
  finishRegister,
  isEmpty,
  physical,
  physicalAt,
  pop,
  registerAt,
  significandOf,
  stackUnderflow,
  upperOf,
} from './registers';

const FCOM: u32 = 2;
const FCOMP: u32 = 3;

// @ts-ignore: decorator
@inline
function compute(kind: u32, upper: u32, significand: u64, otherUpper: u32, other: u64): void {
  switch (kind) {
    case 0:
      return add(upper, significand, otherUpper, other, 0);
    case 1:
      return multiplyNumbers(upper, significand, otherUpper, other);
    case 4:
      return add(upper, significand, otherUpper, other, SIGN);
    case 5:
      return add(otherUpper, other, upper, significand, SIGN);
    case 6:
      return divideNumbers(upper, significand, otherUpper, other);
    default:
      return divideNumbers(otherUpper, other, upper, significand);
  }
}

/** With an operand from memory, which is the result of its conversion. */
export function withMemory(cpu: usize, kind: u32): void {
  const register = registerAt(cpu, 0);
  if (kind == FCOM || kind == FCOMP) {
    if (isEmpty(cpu, 0)) return compareEmpty(cpu, kind - FCOM);
    const order = compare(upperOf(register), significandOf(register), resultUpper, result, false);
    return finishComparison(cpu, order, kind - FCOM);
  }
  if (isEmpty(cpu, 0)) stackUnderflow();
  else compute(kind, upperOf(register), significandOf(register), resultUpper, result);
  finishRegister(cpu, 0, false);
}

/** ST(0) with ST(i), to either. */
export function withRegister(cpu: usize, kind: u32, i: u32, toOther: bool, pops: bool): void {
  const top = physical(cpu, 0);
  const source = (top + i) & 7;
  const full: u32 = load<u8>(cpu, X87_FULL);
  if (((full >> top) & (full >> source) & 1) == 0) stackUnderflow();
  else {
    const register = physicalAt(cpu, top);
    const other = physicalAt(cpu, source);
    compute(kind, upperOf(register), significandOf(register), upperOf(other), significandOf(other));
  }
  finishRegister(cpu, toOther ? i : 0, pops);
}

/** The order of ST(0) and ST(i). */
export function orderOf(cpu: usize, i: u32, quiet: bool): u32 {
  if (isEmpty(cpu, 0) || isEmpty(cpu, i)) {
    stackUnderflow();
    return UNORDERED;
  }
  const register = registerAt(cpu, 0);
  const other = registerAt(cpu, i);
  return compare(upperOf(register), significandOf(register), upperOf(other), significandOf(other), quiet);
}

/** FCOM and FUCOM with ST(i). */
export function compareRegisters(cpu: usize, i: u32, quiet: bool, pops: u32): void {
  finishComparison(cpu, orderOf(cpu, i, quiet), pops);
}

export function compareEmpty(cpu: usize, pops: u32): void {
  stackUnderflow();
  finishComparison(cpu, UNORDERED, pops);
}

/** An unmasked exception leaves the stack; the condition bits tell all the same. */
export function finishComparison(cpu: usize, order: u32, pops: u32): void {
  if (!isPrevented()) for (let n: u32 = 0; n < pops; n++) pop(cpu);
  finish(cpu, C0 | C1 | C2 | C3, order);
}

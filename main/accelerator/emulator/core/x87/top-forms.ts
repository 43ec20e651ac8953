/** Operations on ST(0), some with ST(1): D9 E0 to D9 FF but for the constants, by their number there. */
import { arctangent } from './arctangent';
import { squareRootOf } from './arithmetic';
import { exponentialLessOne } from './exponential';
import { timesLogarithm, timesLogarithmOfOneMore } from './logarithm';
import { cosine, OUT_OF_RANGE, reduce, REDUCED, sine, tangent } from './trigonometric';
import { classify, compare } from './compare';
import { fromInteger, roundToInteger } from './conversions';
import {
  BIAS,
  C0,
  C1,
  C2,
  C3,
  INTEGER_BIT,
  isNan,
  isPrevented,
  result,
  resultUpper,
  setResult,
  SIGN,
  unraise,
} from './operation';
import { X87_STATUS } from '../state';
import {
  finish,
  finishRegister,
  isEmpty,
  pop,
  push,
  registerAt,
  rotate,
  setFull,
  setRegister,
  significandOf,
  stackOverflow,
  stackUnderflow,
  upperOf,
} from './registers';
import { compareEmpty, finishComparison } from './binary';
import {
  exponentOf,
  isSpecialExtract,
  NO_QUOTIENT,
  remainder,
  scale,
  significandOf as extractSignificand,
} from './scale';

const FCHS: u32 = 0x00;
const FABS: u32 = 0x01;
const FTST: u32 = 0x04;
const FXAM: u32 = 0x05;
const F2XM1: u32 = 0x10;
const FYL2X: u32 = 0x11;
const FPTAN: u32 = 0x12;
const FPATAN: u32 = 0x13;
const FXTRACT: u32 = 0x14;
const FPREM1: u32 = 0x15;
const FDECSTP: u32 = 0x16;
const FINCSTP: u32 = 0x17;
const FPREM: u32 = 0x18;
const FYL2XP1: u32 = 0x19;
const FSQRT: u32 = 0x1a;
const FSINCOS: u32 = 0x1b;
const FRNDINT: u32 = 0x1c;
const FSCALE: u32 = 0x1d;
const FSIN: u32 = 0x1e;

export function withTop(cpu: usize, operation: u32): void {
  if (operation == FDECSTP || operation == FINCSTP) {
    rotate(cpu, operation == FINCSTP ? 1 : 7);
    return finish(cpu);
  }
  const register = registerAt(cpu, 0);
  const upper = upperOf(register);
  const significand = significandOf(register);
  if (operation == FXAM) return finish(cpu, C0 | C1 | C2 | C3, classify(upper, significand, isEmpty(cpu, 0)));
  if (operation == FTST) {
    if (isEmpty(cpu, 0)) return compareEmpty(cpu, 0);
    return finishComparison(cpu, compare(upper, significand, 0, 0, false), 0);
  }
  switch (operation) {
    case FXTRACT:
    case FSINCOS:
    case FPTAN:
      return toTwo(cpu, operation, upper, significand);
    case FPREM:
    case FPREM1:
    case FSCALE:
      return ofTwo(cpu, operation, upper, significand);
    case FYL2X:
    case FYL2XP1:
    case FPATAN:
      return popped(cpu, operation, upper, significand);
    default:
      break;
  }
  if (isEmpty(cpu, 0)) stackUnderflow();
  else {
    switch (operation) {
      case FCHS:
        setResult(upper ^ SIGN, significand);
        break;
      case FABS:
        setResult(upper & ~SIGN, significand);
        break;
      case FSQRT:
        squareRootOf(upper, significand);
        break;
      case FRNDINT:
        roundToInteger(upper, significand);
        break;
      case F2XM1:
        exponentialLessOne(upper, significand);
        break;
      default: {
        const outcome = reduce(upper, significand, operation != FSIN);
        if (outcome == OUT_OF_RANGE) return finish(cpu, C2, C2);
        if (outcome == REDUCED) operation == FSIN ? sine() : cosine();
      }
    }
  }
  finishRegister(cpu, 0, false);
  if (operation >= FSIN) clearIncomplete(cpu);
}

/** C2 of a sine, cosine or tangent that was not out of range, whatever else it was. */
function clearIncomplete(cpu: usize): void {
  store<u16>(cpu, <u16>(<u32>load<u16>(cpu, X87_STATUS) & ~C2), X87_STATUS);
}

/** FYL2X, FYL2XP1 and FPATAN leave one result where there were two operands. */
function popped(cpu: usize, operation: u32, upper: u32, significand: u64): void {
  const register = registerAt(cpu, 1);
  const other = significandOf(register);
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) stackUnderflow();
  else if (operation == FYL2X) timesLogarithm(upper, significand, upperOf(register), other);
  else if (operation == FYL2XP1) timesLogarithmOfOneMore(upper, significand, upperOf(register), other);
  else arctangent(upper, significand, upperOf(register), other);
  finishRegister(cpu, 1, true);
}

function ofTwo(cpu: usize, operation: u32, upper: u32, significand: u64): void {
  const register = registerAt(cpu, 1);
  const otherUpper = upperOf(register);
  const other = significandOf(register);
  let conditions: u32 = NO_QUOTIENT;
  if (isEmpty(cpu, 0) || isEmpty(cpu, 1)) stackUnderflow();
  else if (operation == FSCALE) scale(upper, significand, otherUpper, other);
  else conditions = remainder(upper, significand, otherUpper, other, operation == FPREM1);
  if (!isPrevented()) {
    setRegister(registerAt(cpu, 0), resultUpper, result);
    setFull(cpu, 0);
  }
  if (operation == FSCALE) finish(cpu);
  else if (conditions == NO_QUOTIENT) finish(cpu, C1 | C2);
  else finish(cpu, C0 | C1 | C2 | C3, conditions);
}

/** The first result replaces ST(0), the second one goes on the stack. */
function toTwo(cpu: usize, operation: u32, upper: u32, significand: u64): void {
  if (isEmpty(cpu, 0)) stackUnderflow();
  else if (!isEmpty(cpu, 7)) stackOverflow();
  else if (operation == FXTRACT) return extract(cpu, upper, significand);
  else return circle(cpu, operation, upper, significand);
  if (!isPrevented()) {
    setRegister(registerAt(cpu, 0), resultUpper, result);
    setFull(cpu, 0);
    push(cpu);
  }
  finish(cpu, operation == FXTRACT ? C1 : C2);
}

function extract(cpu: usize, upper: u32, significand: u64): void {
  const register = registerAt(cpu, 0);
  if (isSpecialExtract(upper, significand)) {
    if (!isPrevented()) {
      const isOperand = !isNan(resultUpper, result);
      setRegister(register, resultUpper, result);
      if (isOperand) setResult(upper, significand);
      push(cpu);
    }
  } else {
    fromInteger(exponentOf(upper, significand));
    setRegister(register, resultUpper, result);
    extractSignificand(upper, significand);
    push(cpu);
  }
  finish(cpu);
}

/** FSINCOS and FPTAN, which has 1 as its second result. */
function circle(cpu: usize, operation: u32, upper: u32, significand: u64): void {
  const register = registerAt(cpu, 0);
  const outcome = reduce(upper, significand, false);
  if (outcome == OUT_OF_RANGE) return finish(cpu, C2, C2);
  if (outcome == REDUCED) operation == FPTAN ? tangent() : sine();
  if (isPrevented()) return finish(cpu, C2);
  const isNotANumber = isNan(resultUpper, result);
  setRegister(register, resultUpper, result);
  if (!isNotANumber) {
    if (operation == FPTAN || outcome != REDUCED) setResult(BIAS, INTEGER_BIT);
    else {
      // C1 tells of the last one.
      unraise(C1);
      cosine();
    }
  }
  push(cpu);
  finish(cpu, C2);
}

/** Instructions without a memory operand, by their opcode and ModRM.reg; those of D9 by ModRM.rm too. */
import { CF, condition, PF, setStatusFlags, ZF } from '../flags';
import { RAX, X87_STATUS } from '../state';
import { compareRegisters, orderOf, withRegister } from './binary';
import { loadConstant } from './constants';
import { clearExceptions, initialize } from './environment';
import { noteInstruction } from './last-instruction';
import { begin, C0, C2, C3, control, INVALID, isPrevented, raised, result, resultUpper, setResult } from './operation';
import {
  finish,
  finishPush,
  finishRegister,
  free,
  isEmpty,
  pop,
  push,
  registerAt,
  setFull,
  setRegister,
  significandOf,
  stackUnderflow,
  upperOf,
} from './registers';
import { withTop } from './top-forms';

export function registerForm(cpu: usize, u: usize, code: u32): void {
  const kind = (code >> 3) & 7;
  const i = code & 7;
  const operation = ((code >> 8) << 3) | kind;
  // Control instructions that the FPU does not remember; FNENI, FNDISI and FNSETPM do nothing any more.
  if (code == 0x7e0) store<u16>(cpu, load<u16>(cpu, X87_STATUS), RAX);
  else if (code == 0x3e2) clearExceptions(cpu);
  else if (code == 0x3e3) initialize(cpu);
  else if (operation != 0x1c) {
    noteInstruction(cpu, u);
    begin(cpu);
    execute(cpu, operation, kind, i, code);
  }
}

function execute(cpu: usize, operation: u32, kind: u32, i: u32, code: u32): void {
  switch (operation) {
    case 0x02: // FCOM, FCOMP, and their other encodings
    case 0x22:
      return compareRegisters(cpu, i, false, 0);
    case 0x03:
    case 0x23:
    case 0x32:
      return compareRegisters(cpu, i, false, 1);
    case 0x33: // FCOMPP
      return compareRegisters(cpu, i, false, 2);
    case 0x2c: // FUCOM, FUCOMP, FUCOMPP
      return compareRegisters(cpu, i, true, 0);
    case 0x2d:
      return compareRegisters(cpu, i, true, 1);
    case 0x15:
      return compareRegisters(cpu, i, true, 2);
    case 0x08: // FLD
      return loadRegister(cpu, i);
    case 0x09: // FXCH
    case 0x29:
    case 0x39:
      return exchange(cpu, i);
    case 0x0b: // FSTP of a second encoding, which takes an empty ST(0) as it is
      if (!isEmpty(cpu, 0)) return storeRegister(cpu, i, true);
      pop(cpu);
      return finish(cpu);
    case 0x2b: // FSTP
    case 0x3a:
    case 0x3b:
      return storeRegister(cpu, i, true);
    case 0x2a: // FST
      return storeRegister(cpu, i, false);
    case 0x0a: // FNOP
      return;
    case 0x0d:
      loadConstant(i);
      return finishPush(cpu);
    case 0x0c:
    case 0x0e:
    case 0x0f:
      return withTop(cpu, code & 31);
    case 0x10: // FCMOVB, FCMOVE, FCMOVBE, FCMOVU, and their opposites
    case 0x11:
    case 0x12:
      return move(cpu, i, condition(cpu, 2 + 2 * kind));
    case 0x13:
      return move(cpu, i, condition(cpu, 10));
    case 0x18:
    case 0x19:
    case 0x1a:
      return move(cpu, i, !condition(cpu, 2 + 2 * kind));
    case 0x1b:
      return move(cpu, i, !condition(cpu, 10));
    case 0x1d: // FUCOMI, FCOMI, FUCOMIP, FCOMIP
      return compareToFlags(cpu, i, true, false);
    case 0x1e:
      return compareToFlags(cpu, i, false, false);
    case 0x3d:
      return compareToFlags(cpu, i, true, true);
    case 0x3e:
      return compareToFlags(cpu, i, false, true);
    case 0x28: // FFREE
      free(cpu, i);
      return finish(cpu);
    case 0x38: // FFREEP
      free(cpu, i);
      pop(cpu);
      return finish(cpu);
    default:
      return withRegister(cpu, kind, i, operation >= 0x20, operation >= 0x30);
  }
}

function take(cpu: usize, i: u32): void {
  const register = registerAt(cpu, i);
  if (isEmpty(cpu, i)) stackUnderflow();
  else setResult(upperOf(register), significandOf(register));
}

function loadRegister(cpu: usize, i: u32): void {
  take(cpu, i);
  if (raised == 0) return finishPush(cpu);
  // That it is empty comes before there is no room for it.
  if (!isPrevented()) push(cpu);
  finish(cpu);
}

function storeRegister(cpu: usize, i: u32, pops: bool): void {
  take(cpu, 0);
  if (raised == 0) setFull(cpu, i);
  finishRegister(cpu, i, pops);
}

/** Empty ones become indefinite first. */
function exchange(cpu: usize, i: u32): void {
  take(cpu, i);
  const upper = resultUpper;
  const significand = result;
  take(cpu, 0);
  if ((raised & ~control & INVALID) == 0) {
    setRegister(registerAt(cpu, i), resultUpper, result);
    setRegister(registerAt(cpu, 0), upper, significand);
    setFull(cpu, 0);
    setFull(cpu, i);
  }
  finish(cpu);
}

function move(cpu: usize, i: u32, isTaken: bool): void {
  const isFull = !isEmpty(cpu, 0) && !isEmpty(cpu, i);
  if (!isFull) {
    stackUnderflow();
    finishRegister(cpu, 0, false);
  } else if (isTaken) {
    const register = registerAt(cpu, i);
    setRegister(registerAt(cpu, 0), upperOf(register), significandOf(register));
  }
}

/** C0, C2 and C3 of a comparison as CF, PF and ZF. */
function compareToFlags(cpu: usize, i: u32, quiet: bool, pops: bool): void {
  const order = orderOf(cpu, i, quiet);
  setStatusFlags(cpu, ((order & C0) != 0 ? CF : 0) | ((order & C2) != 0 ? PF : 0) | ((order & C3) != 0 ? ZF : 0));
  if (pops && !isPrevented()) pop(cpu);
  finish(cpu);
}

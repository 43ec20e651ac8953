/** Instructions with a memory operand, by their opcode and ModRM.reg. */
import { readPointer, writePointer } from '../memory';
import { settle } from '../operate';
import { NO_ADDRESS } from '../segments';
import { X87_CONTROL, X87_STATUS } from '../state';
import { operandAddress, READ, WRITE } from '../uop';
import { withMemory } from './binary';
import {
  decimal,
  decimalUpper,
  fromDecimal,
  fromDouble,
  fromInteger,
  fromSingle,
  toDecimal,
  toDouble,
  toInteger,
  toSingle,
} from './conversions';
import { loadEnvironment, restoreState, saveState, setControl, storeEnvironment } from './environment';
import { noteOperand } from './last-instruction';
import {
  begin,
  control,
  INVALID,
  isSignalling,
  OVERFLOW,
  QUIET,
  raise,
  raised,
  result,
  resultUpper,
  setResult,
  UNDERFLOW,
} from './operation';
import { finish, finishPush, isEmpty, pop, registerAt, significandOf, stackUnderflow, upperOf } from './registers';

// @ts-ignore: decorator
@inline
function reading(cpu: usize, u: usize, size: i32): usize {
  const linear = operandAddress(cpu, u, size, READ);
  return linear == NO_ADDRESS ? 0 : readPointer(cpu, linear, size);
}

// @ts-ignore: decorator
@inline
function writing(cpu: usize, u: usize, size: i32): usize {
  const linear = operandAddress(cpu, u, size, WRITE);
  return linear == NO_ADDRESS ? 0 : writePointer(cpu, linear, size);
}

export function memoryForm(cpu: usize, u: usize, code: u32): bool {
  const kind = (code >> 3) & 7;
  switch (((code >> 8) << 3) | kind) {
    case 0x00: // D8: with m32fp
    case 0x01:
    case 0x02:
    case 0x03:
    case 0x04:
    case 0x05:
    case 0x06:
    case 0x07: {
      const p = reading(cpu, u, 4);
      if (p == 0) return false;
      start(cpu, u);
      fromSingle(load<u32>(p));
      withMemory(cpu, kind);
      return true;
    }
    case 0x10: // DA: with m32int
    case 0x11:
    case 0x12:
    case 0x13:
    case 0x14:
    case 0x15:
    case 0x16:
    case 0x17: {
      const p = reading(cpu, u, 4);
      if (p == 0) return false;
      start(cpu, u);
      fromInteger(load<i32>(p));
      withMemory(cpu, kind);
      return true;
    }
    case 0x20: // DC: with m64fp
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24:
    case 0x25:
    case 0x26:
    case 0x27: {
      const p = reading(cpu, u, 8);
      if (p == 0) return false;
      start(cpu, u);
      fromDouble(load<u64>(p));
      withMemory(cpu, kind);
      return true;
    }
    case 0x30: // DE: with m16int
    case 0x31:
    case 0x32:
    case 0x33:
    case 0x34:
    case 0x35:
    case 0x36:
    case 0x37: {
      const p = reading(cpu, u, 2);
      if (p == 0) return false;
      start(cpu, u);
      fromInteger(load<i16>(p));
      withMemory(cpu, kind);
      return true;
    }
    case 0x08: // FLD m32fp
    case 0x18: // FILD m32int
    case 0x28: // FLD m64fp
    case 0x38: // FILD m16int
    case 0x1d: // FLD m80fp
    case 0x3c: // FBLD
    case 0x3d: // FILD m64int
      return loadNumber(cpu, u, (code >> 8 << 3) | kind);
    case 0x0a: // FST, FSTP m32fp
    case 0x0b:
      return storeSingle(cpu, u, kind == 3);
    case 0x2a: // FST, FSTP m64fp
    case 0x2b:
      return storeDouble(cpu, u, kind == 3);
    case 0x19: // FISTTP
    case 0x29:
    case 0x39:
    case 0x1a: // FIST, FISTP
    case 0x1b:
    case 0x3a:
    case 0x3b:
    case 0x3f:
      return storeInteger(cpu, u, code);
    case 0x1f:
      return storeExtended(cpu, u);
    case 0x3e:
      return storeDecimal(cpu, u);
    case 0x0c:
      return loadEnvironment(cpu, u);
    case 0x0d: {
      const p = reading(cpu, u, 2);
      if (p == 0) return false;
      setControl(cpu, load<u16>(p));
      return true;
    }
    case 0x0e:
      return storeEnvironment(cpu, u);
    case 0x0f:
      return storeWord(cpu, u, load<u16>(cpu, X87_CONTROL));
    case 0x2c:
      return restoreState(cpu, u);
    case 0x2e:
      return saveState(cpu, u);
    default:
      return storeWord(cpu, u, load<u16>(cpu, X87_STATUS));
  }
}

// @ts-ignore: decorator
@inline
function start(cpu: usize, u: usize): void {
  noteOperand(cpu, u);
  begin(cpu);
}

function storeWord(cpu: usize, u: usize, value: u16): bool {
  const p = writing(cpu, u, 2);
  if (p == 0) return false;
  store<u16>(p, value);
  settle(cpu, p);
  return true;
}

function loadNumber(cpu: usize, u: usize, operation: u32): bool {
  let size = 4;
  if (operation == 0x38) size = 2;
  else if (operation == 0x28 || operation == 0x3d) size = 8;
  else if (operation == 0x1d || operation == 0x3c) size = 10;
  const p = reading(cpu, u, size);
  if (p == 0) return false;
  start(cpu, u);
  if (operation == 0x28) {
    fromDouble(load<u64>(p));
    quieten();
  } else if (operation == 0x08) {
    fromSingle(load<u32>(p));
    quieten();
  } else if (operation == 0x1d) setResult(load<u16>(p, 8), load<u64>(p));
  else if (operation == 0x3c) fromDecimal(p);
  else fromInteger(size == 2 ? <i64>load<i16>(p) : size == 4 ? <i64>load<i32>(p) : load<i64>(p));
  finishPush(cpu);
  return true;
}

/** A signalling NaN is invalid where its format changes. */
// @ts-ignore: decorator
@inline
function quieten(): void {
  if (isSignalling(resultUpper, result)) {
    raise(INVALID);
    setResult(resultUpper, result | QUIET);
  }
}

/** ST(0) as the result; where it is empty, the indefinite. */
function takeTop(cpu: usize): void {
  begin(cpu);
  const register = registerAt(cpu, 0);
  if (isEmpty(cpu, 0)) stackUnderflow();
  else setResult(upperOf(register), significandOf(register));
}

/** Where a store goes; where an unmasked exception keeps it from being done, it ends here. 0: that, or a fault. */
function openStore(cpu: usize, u: usize, size: i32): usize {
  if ((raised & ~control & (INVALID | OVERFLOW | UNDERFLOW)) == 0) return writing(cpu, u, size);
  noteOperand(cpu, u);
  finish(cpu);
  return 0;
}

/** What a store that was not done says: whether it was a fault that stopped it. */
function isKept(): bool {
  return (raised & ~control & (INVALID | OVERFLOW | UNDERFLOW)) != 0;
}

function closeStore(cpu: usize, u: usize, p: usize, pops: bool): bool {
  settle(cpu, p);
  noteOperand(cpu, u);
  if (pops) pop(cpu);
  finish(cpu);
  return true;
}

function storeSingle(cpu: usize, u: usize, pops: bool): bool {
  takeTop(cpu);
  const value = toSingle(resultUpper, result);
  const p = openStore(cpu, u, 4);
  if (p == 0) return isKept();
  store<u32>(p, value);
  return closeStore(cpu, u, p, pops);
}

function storeDouble(cpu: usize, u: usize, pops: bool): bool {
  takeTop(cpu);
  const value = toDouble(resultUpper, result);
  const p = openStore(cpu, u, 8);
  if (p == 0) return isKept();
  store<u64>(p, value);
  return closeStore(cpu, u, p, pops);
}

function storeExtended(cpu: usize, u: usize): bool {
  takeTop(cpu);
  const p = openStore(cpu, u, 10);
  if (p == 0) return isKept();
  store<u64>(p, result);
  store<u16>(p, <u16>resultUpper, 8);
  return closeStore(cpu, u, p, true);
}

/** FIST, FISTP and FISTTP: of 16, 32 or 64 bits. */
function storeInteger(cpu: usize, u: usize, code: u32): bool {
  const kind = (code >> 3) & 7;
  const group = code >> 8;
  const size = group == 3 ? 4 : group == 5 || kind == 7 ? 8 : 2;
  takeTop(cpu);
  const value = toInteger(resultUpper, result, size << 3, kind == 1);
  const p = openStore(cpu, u, size);
  if (p == 0) return isKept();
  if (size == 8) store<i64>(p, value);
  else if (size == 4) store<i32>(p, <i32>value);
  else store<i16>(p, <i16>value);
  return closeStore(cpu, u, p, kind != 2);
}

function storeDecimal(cpu: usize, u: usize): bool {
  takeTop(cpu);
  toDecimal(resultUpper, result);
  const p = openStore(cpu, u, 10);
  if (p == 0) return isKept();
  store<u64>(p, decimal);
  store<u16>(p, <u16>decimalUpper, 8);
  return closeStore(cpu, u, p, true);
}

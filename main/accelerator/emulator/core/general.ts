/** Every instruction that the interpreter's loop does not hold itself, in all its forms and sizes. */
import { BR, GP, UD as UNDEFINED, RFLAGS_RF, RFLAGS_VM } from './bits';
import { addWithFlag, bitTest, bmi, crc32, scan } from './bit-operations';
import { asciiAdjust, asciiDivide, asciiMultiply, decimalAdjust } from './decimal';
import { breakpoint } from './debug-points';
import { fault } from './exceptions';
import { AF, CF, DF, OF, PF, SF, ZF, carry, condition, getFlags, setStatusFlags, statusFlags, zero } from './flags';
import { fetchPointer, readPointer } from './memory';
import { locked } from './locked';
import { divide, multiplyAccumulator } from './multiply';
import {
  branch,
  callNear,
  callRm,
  enter,
  jumpRm,
  leave,
  popAll,
  popRegister,
  popRm,
  push,
  pushAll,
  pushRm,
  returnNear,
} from './near';
import * as T from './opcode-table';
import { K_ADD, K_SUB } from './ops';
import {
  addressOf,
  closeRm,
  fetchRm,
  fetched,
  loadSized,
  openRm,
  openRmForWrite,
  readG,
  signedOf,
  writeG,
} from './operands';
import { computeSized, multiplySigned } from './operate';
import { compareExchange, compareExchangePair, exchange, exchangeAdd } from './exchange';
import { popFlags, pushFlags } from './flag-stack';
import { moveByOffset, moveFromSegment, moveSwapped, selector, swapBytes } from './moves';
import { inPort, outPort, stringPort } from './ports';
import { NO_ADDRESS, linearAddress } from './segments';
import { shiftDoubleRm, shiftRm } from './shifts';
import { unavailable } from './simd/availability';
import {
  BLOCK_RIP,
  CS_BASE,
  RANDOM,
  RAX,
  RBX,
  RCX,
  RDX,
  RFLAGS,
  RIP,
  UNKNOWN_BYTES,
  UNKNOWN_LENGTH,
  UNKNOWN_RIP,
} from './state';
import { FAULT, RETIRED } from './status';
import { compareString, lods, movs, stos } from './strings';

import {
  READ,
  U_ADDRESS_SIZE,
  U_EXTRA,
  U_IMMEDIATE2,
  U_SRC,
  immediate,
  operandOffset,
  operandSegment,
  operandSize,
  readSlot,
  truncate,
  writeSlot,
} from './uop';

export function general(cpu: usize, u: usize, operation: i32): i32 {
  const size = operandSize(u);
  switch (operation) {
    case T.INVALID:
      return undefinedInstruction(cpu);
    case T.OVERLONG:
      return fault(cpu, GP, 0);
    case T.LOCKED:
      return locked(cpu, u);
    case T.BREAKPOINT:
      return breakpoint(cpu, u);
    case T.UD:
      return fault(cpu, UNDEFINED, 0);
    case T.UNAVAILABLE:
      return unavailable(cpu, u);
    case T.ROL:
    case T.ROR:
    case T.RCL:
    case T.RCR:
    case T.SHL:
    case T.SHR:
    case T.SAR:
      return shiftRm(cpu, u, operation, size);
    case T.SHLD:
    case T.SHRD:
      return shiftDoubleRm(cpu, u, operation == T.SHLD, size);
    case T.INC:
    case T.DEC:
      return addOne(cpu, u, operation, size);
    case T.NOT: {
      const p = openRm(cpu, u, size);
      if (p == 0) return FAULT;
      closeRm(cpu, u, p, size, ~loadSized(p, size));
      return RETIRED;
    }
    case T.NEG: {
      const p = openRm(cpu, u, size);
      if (p == 0) return FAULT;
      closeRm(cpu, u, p, size, computeSized(cpu, K_SUB, 0, loadSized(p, size), size));
      return RETIRED;
    }
    case T.MUL:
    case T.IMUL1:
      return multiplyAccumulator(cpu, u, operation == T.IMUL1);
    case T.IMUL2:
      if (!fetchRm(cpu, u, size)) return FAULT;
      writeG(cpu, u, size, multiplySigned(cpu, readG(cpu, u, size), fetched, size));
      return RETIRED;
    case T.IMUL3:
      if (!fetchRm(cpu, u, size)) return FAULT;
      writeG(cpu, u, size, multiplySigned(cpu, fetched, immediate(u), size));
      return RETIRED;
    case T.DIV:
    case T.IDIV:
      return divide(cpu, u, operation == T.IDIV);
    case T.MOV:
      return moveByOffset(cpu, u, size);
    case T.MOVZX: {
      const source = load<u8>(u, U_EXTRA) == 1 ? 1 : 2;
      if (!fetchRm(cpu, u, source)) return FAULT;
      writeG(cpu, u, size, fetched);
      return RETIRED;
    }
    case T.MOVSX: {
      const source = load<u8>(u, U_EXTRA) == 1 ? 1 : 2;
      if (!fetchRm(cpu, u, source)) return FAULT;
      writeG(cpu, u, size, <u64>signedOf(fetched, source));
      return RETIRED;
    }
    case T.LEA:
      writeG(cpu, u, size, operandOffset(cpu, u));
      return RETIRED;
    case T.MOV_FROM_SEG:
      return moveFromSegment(cpu, u, size);
    case T.MOVBE:
      return moveSwapped(cpu, u, size);
    case T.BSWAP:
      return swapBytes(cpu, u, size);
    case T.XCHG:
      return exchange(cpu, u, size);
    case T.XCHG_A: {
      const a = readSlot(cpu, RAX, size);
      writeSlot(cpu, RAX, size, readSlot(cpu, load<u8>(u, U_SRC), size));
      writeSlot(cpu, load<u8>(u, U_SRC), size, a);
      return RETIRED;
    }
    case T.XADD:
      return exchangeAdd(cpu, u, size);
    case T.CMPXCHG:
      return compareExchange(cpu, u, size);
    case T.CMPXCHG8B:
      return compareExchangePair(cpu, u, size);
    case T.CMOV: {
      if (!fetchRm(cpu, u, size)) return FAULT;
      // A 32-bit destination is written in either case.
      const value = condition(cpu, load<u8>(u, U_EXTRA) & 15) ? fetched : readG(cpu, u, size);
      writeG(cpu, u, size, value);
      return RETIRED;
    }
    case T.SET: {
      const p = openRmForWrite(cpu, u, 1);
      if (p == 0) return FAULT;
      closeRm(cpu, u, p, 1, condition(cpu, load<u8>(u, U_EXTRA) & 15) ? 1 : 0);
      return RETIRED;
    }
    case T.CBW:
      writeSlot(cpu, RAX, size, <u64>signedOf(readSlot(cpu, RAX, size >> 1), size >> 1));
      return RETIRED;
    case T.CWD:
      writeSlot(cpu, RDX, size, <u64>(signedOf(readSlot(cpu, RAX, size), size) >> 63));
      return RETIRED;
    case T.BT:
    case T.BTS:
    case T.BTR:
    case T.BTC:
      return bitTest(cpu, u, operation);
    case T.BSF:
    case T.BSR:
    case T.TZCNT:
    case T.LZCNT:
    case T.POPCNT:
      return scan(cpu, u, operation);
    case T.ANDN:
    case T.BLSR:
    case T.BLSMSK:
    case T.BLSI:
    case T.BZHI:
    case T.PEXT:
    case T.PDEP:
    case T.MULX:
    case T.BEXTR:
    case T.SHLX:
    case T.SARX:
    case T.SHRX:
    case T.RORX:
      return bmi(cpu, u, operation);
    case T.CRC32:
      return crc32(cpu, u);
    case T.ADCX:
      return addWithFlag(cpu, u, CF);
    case T.ADOX:
      return addWithFlag(cpu, u, OF);
    case T.RDRAND:
    case T.RDSEED:
      writeSlot(cpu, load<u8>(u, U_SRC), size, random(cpu));
      setStatusFlags(cpu, CF);
      return RETIRED;
    case T.PUSH:
      return push(cpu, size, load<u8>(u, U_EXTRA) >= 8 ? immediate(u) : readSlot(cpu, load<u8>(u, U_SRC), size))
        ? RETIRED
        : FAULT;
    case T.PUSH_E:
      return pushRm(cpu, u);
    case T.PUSH_SEG:
      return push(cpu, size, selector(cpu, load<u32>(u, U_IMMEDIATE2))) ? RETIRED : FAULT;
    case T.POP:
      return popRegister(cpu, u);
    case T.POP_E:
      return popRm(cpu, u);
    case T.PUSHA:
      return pushAll(cpu, u);
    case T.POPA:
      return popAll(cpu, u);
    case T.PUSHF:
      return pushFlags(cpu, size);
    case T.POPF:
      return popFlags(cpu, size);
    case T.ENTER:
      return enter(cpu, u);
    case T.LEAVE:
      return leave(cpu, u);
    case T.CALL:
      return callNear(cpu, u, load<u64>(cpu, BLOCK_RIP) + <u64>load<i32>(u, U_IMMEDIATE2));
    case T.CALL_E:
      return callRm(cpu, u);
    case T.JMP_E:
      return jumpRm(cpu, u);
    case T.RET:
      return returnNear(cpu, u);
    case T.LOOP:
    case T.LOOPE:
    case T.LOOPNE:
      return loop(cpu, u, operation);
    case T.JCXZ:
      if (readSlot(cpu, RCX, load<u8>(u, U_ADDRESS_SIZE)) != 0) return RETIRED;
      return branch(cpu, u, load<u64>(cpu, BLOCK_RIP));
    case T.SAHF:
      setStatusFlags(cpu, (statusFlags(cpu) & OF) | (load<u8>(cpu, RAX + 1) & (SF | ZF | AF | PF | CF)));
      return RETIRED;
    case T.LAHF:
      store<u8>(cpu, <u8>getFlags(cpu), RAX + 1);
      return RETIRED;
    case T.CMC:
      setStatusFlags(cpu, statusFlags(cpu) ^ CF);
      return RETIRED;
    case T.CLC:
      setStatusFlags(cpu, statusFlags(cpu) & ~CF);
      return RETIRED;
    case T.STC:
      setStatusFlags(cpu, statusFlags(cpu) | CF);
      return RETIRED;
    case T.CLD:
      store<u64>(cpu, load<u64>(cpu, RFLAGS) & ~DF, RFLAGS);
      return RETIRED;
    case T.STD:
      store<u64>(cpu, load<u64>(cpu, RFLAGS) | DF, RFLAGS);
      return RETIRED;
    case T.SALC:
      store<u8>(cpu, carry(cpu) ? 0xff : 0, RAX);
      return RETIRED;
    case T.XLAT:
      return translateByte(cpu, u);
    case T.BOUND:
      return checkBounds(cpu, u, size);
    case T.DAA:
    case T.DAS:
      return decimalAdjust(cpu, operation == T.DAS);
    case T.AAA:
    case T.AAS:
      return asciiAdjust(cpu, operation == T.AAS);
    case T.AAM:
      return asciiMultiply(cpu, u);
    case T.AAD:
      return asciiDivide(cpu, u);
    case T.MOVS:
      return movs(cpu, u);
    case T.STOS:
      return stos(cpu, u);
    case T.LODS:
      return lods(cpu, u);
    case T.CMPS:
    case T.SCAS:
      return compareString(cpu, u, operation);
    case T.IN:
    case T.IN_DX:
      return inPort(cpu, u, operation == T.IN_DX);
    case T.OUT:
    case T.OUT_DX:
      return outPort(cpu, u, operation == T.OUT_DX);
    case T.INS:
    case T.OUTS:
      return stringPort(cpu, u, operation == T.INS);
    default:
      return undefinedInstruction(cpu);
  }
}

/** The bytes of the first instruction that is not implemented are kept for the summary. */
function undefinedInstruction(cpu: usize): i32 {
  if (load<u8>(cpu, UNKNOWN_LENGTH) == 0) {
    const rip = load<u64>(cpu, RIP);
    const host = fetchPointer(cpu, rip + load<u64>(cpu, CS_BASE));
    if (host != 0) {
      const length = min<usize>(15, 0x1000 - (host & 0xfff));
      memory.copy(cpu + UNKNOWN_BYTES, host, length);
      store<u8>(cpu, <u8>length, UNKNOWN_LENGTH);
      store<u64>(cpu, rip, UNKNOWN_RIP);
    }
  }
  return fault(cpu, UNDEFINED, 0);
}

/** INC and DEC leave CF as it is. */
function addOne(cpu: usize, u: usize, operation: i32, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const before: u64 = carry(cpu) ? CF : 0;
  const result = computeSized(cpu, operation == T.INC ? K_ADD : K_SUB, loadSized(p, size), 1, size);
  setStatusFlags(cpu, (statusFlags(cpu) & ~CF) | before);
  closeRm(cpu, u, p, size, result);
  return RETIRED;
}

/** xorshift64*, seeded by the host: the same run draws the same numbers. */
function random(cpu: usize): u64 {
  let x = load<u64>(cpu, RANDOM);
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  store<u64>(cpu, x, RANDOM);
  return x * 0x2545f4914f6cdd1d;
}

function loop(cpu: usize, u: usize, operation: i32): i32 {
  const bytes: i32 = load<u8>(u, U_ADDRESS_SIZE);
  const count = truncate(readSlot(cpu, RCX, bytes) - 1, bytes);
  const taken = count != 0 && (operation == T.LOOP || zero(cpu) == (operation == T.LOOPE));
  if (taken && branch(cpu, u, load<u64>(cpu, BLOCK_RIP)) == FAULT) return FAULT;
  writeSlot(cpu, RCX, bytes, count);
  return RETIRED;
}

function translateByte(cpu: usize, u: usize): i32 {
  const offset = truncate(load<u64>(cpu, RBX) + load<u8>(cpu, RAX), load<u8>(u, U_ADDRESS_SIZE));
  const linear = linearAddress(cpu, operandSegment(u), offset, 1, READ);
  if (linear == NO_ADDRESS) return FAULT;
  const p = readPointer(cpu, linear, 1);
  if (p == 0) return FAULT;
  store<u8>(cpu, load<u8>(p), RAX);
  return RETIRED;
}

function checkBounds(cpu: usize, u: usize, size: i32): i32 {
  const linear = addressOf(cpu, u, 2 * size, READ);
  if (linear == NO_ADDRESS) return FAULT;
  let p = readPointer(cpu, linear, size);
  if (p == 0) return FAULT;
  const lower = signedOf(loadSized(p, size), size);
  p = readPointer(cpu, linear + size, size);
  if (p == 0) return FAULT;
  const upper = signedOf(loadSized(p, size), size);
  const index = signedOf(readG(cpu, u, size), size);
  return index < lower || index > upper ? fault(cpu, BR, 0) : RETIRED;
}

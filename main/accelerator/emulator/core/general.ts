/** Every instruction that the interpreter's loop does not hold itself, in all its forms and sizes. */
import { BR, GP, UD as UNDEFINED, RFLAGS_AC, RFLAGS_IF, RFLAGS_IOPL, RFLAGS_RF, RFLAGS_VM } from './bits';
import { addWithFlag, bitTest, bmi, scan } from './bit-operations';
import { asciiAdjust, asciiDivide, asciiMultiply, decimalAdjust } from './decimal';
import { fault } from './exceptions';
import {
  AF,
  CF,
  DF,
  OF,
  PF,
  SF,
  ZF,
  carry,
  condition,
  flagsLogic,
  getFlags,
  setFlags,
  setStatusFlags,
  statusFlags,
  zero,
} from './flags';
import { fetchPointer, modifyPointer, readPointer } from './memory';
import { divide, multiplyAccumulator } from './multiply';
import {
  branch,
  callNear,
  callRm,
  enter,
  jumpRm,
  leave,
  pop,
  popAll,
  popRegister,
  popRm,
  popped,
  push,
  pushAll,
  pushRm,
  returnNear,
} from './near';
import * as T from './opcode-table';
import { K_ADD, K_CMP, K_SUB } from './ops';
import {
  addressOf,
  closeRm,
  fetchRm,
  fetched,
  loadSized,
  maskOf,
  openRm,
  openRmForWrite,
  readG,
  signedOf,
  writeG,
} from './operands';
import { computeAny, multiplySigned, settle } from './operate';
import { inPort, outPort, stringPort } from './ports';
import { NO_ADDRESS, linearAddress } from './segments';
import { shift, shiftDouble } from './shifts';
import {
  BLOCK_RIP,
  CODE_CHANGED,
  CPL,
  CS_BASE,
  NEXT_RIP,
  RANDOM,
  RAX,
  RBX,
  RCX,
  RDX,
  RFLAGS,
  RIP,
  SEGMENTS,
  SEG_SELECTOR,
  UNKNOWN_BYTES,
  UNKNOWN_LENGTH,
  UNKNOWN_RIP,
} from './state';
import { FAULT, RETIRED } from './status';
import { compareString, lods, movs, stos } from './strings';
import { updateTlbTags } from './tlb';
import {
  READ,
  U_ADDRESS_SIZE,
  U_DST,
  U_EXTRA,
  U_IMMEDIATE,
  U_IMMEDIATE2,
  U_SRC,
  WRITE,
  immediate,
  isMemory,
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
    case T.UD:
      return fault(cpu, UNDEFINED, 0);
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
      // The register forms have odd low bits in their opcodes, BA the immediate.
      return bitTest(cpu, u, operation, (load<u8>(u, U_EXTRA) & 15) == 10);
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
    case T.ADCX:
      return addWithFlag(cpu, u, CF);
    case T.ADOX:
      return addWithFlag(cpu, u, OF);
    case T.RDRAND:
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
      return push(cpu, size, getFlags(cpu) & ~(RFLAGS_RF | RFLAGS_VM)) ? RETIRED : FAULT;
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

function computeSized(cpu: usize, kind: u32, a: u64, b: u64, size: i32): u64 {
  if (size == 8) return computeAny<u64>(cpu, kind, a, b);
  if (size == 4) return computeAny<u32>(cpu, kind, <u32>a, <u32>b);
  return size == 2 ? <u64>computeAny<u16>(cpu, kind, <u16>a, <u16>b) : <u64>computeAny<u8>(cpu, kind, <u8>a, <u8>b);
}

function shiftCount(cpu: usize, u: usize, size: i32, byCl: bool): u64 {
  const count: u64 = byCl ? load<u8>(cpu, RCX) : load<u8>(u, U_IMMEDIATE);
  return count & (size == 8 ? 63 : 31);
}

function shiftRm(cpu: usize, u: usize, operation: i32, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  // D2 and D3 shift by CL; the others have their count in the record.
  const opcode = load<u8>(u, U_EXTRA) & 15;
  const count = shiftCount(cpu, u, size, opcode == 2 || opcode == 3);
  const value = loadSized(p, size);
  closeRm(cpu, u, p, size, count == 0 ? value : shift(cpu, operation, value, size, count));
  return RETIRED;
}

function shiftDoubleRm(cpu: usize, u: usize, left: bool, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const count = shiftCount(cpu, u, size, (load<u8>(u, U_EXTRA) & 1) != 0);
  const value = loadSized(p, size);
  closeRm(cpu, u, p, size, count == 0 ? value : shiftDouble(cpu, left, value, readG(cpu, u, size), size, count));
  return RETIRED;
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

/** MOV between the accumulator and a 64-bit offset. */
function moveByOffset(cpu: usize, u: usize, size: i32): i32 {
  const isStore = (load<u8>(u, U_EXTRA) & 2) != 0;
  const linear = linearAddress(cpu, operandSegment(u), immediate(u), size, isStore ? WRITE : READ);
  if (linear == NO_ADDRESS) return FAULT;
  const p = isStore ? modifyPointer(cpu, linear, size) : readPointer(cpu, linear, size);
  if (p == 0) return FAULT;
  if (isStore) closeRm(cpu, u, p, size, readSlot(cpu, RAX, size));
  else writeSlot(cpu, RAX, size, loadSized(p, size));
  return RETIRED;
}

function selector(cpu: usize, segment: usize): u64 {
  return load<u16>(cpu + SEGMENTS + (segment << 5), SEG_SELECTOR);
}

/** Memory gets 16 bits, a register as many as the operand size. */
function moveFromSegment(cpu: usize, u: usize, size: i32): i32 {
  const segment = <usize>load<u8>(u, U_DST) >> 3;
  if (segment > 5) return undefinedInstruction(cpu);
  const width = isMemory(u) ? 2 : size;
  const p = openRmForWrite(cpu, u, width);
  if (p == 0) return FAULT;
  closeRm(cpu, u, p, width, selector(cpu, segment));
  return RETIRED;
}

function swapped(value: u64, size: i32): u64 {
  return bswap<u64>(value) >> (64 - ((<u64>size) << 3));
}

function moveSwapped(cpu: usize, u: usize, size: i32): i32 {
  if ((load<u8>(u, U_EXTRA) & 1) == 0) {
    if (!fetchRm(cpu, u, size)) return FAULT;
    writeG(cpu, u, size, swapped(fetched, size));
    return RETIRED;
  }
  const p = openRmForWrite(cpu, u, size);
  if (p == 0) return FAULT;
  closeRm(cpu, u, p, size, swapped(readG(cpu, u, size), size));
  return RETIRED;
}

/** Of 16 bits the result is undefined; processors clear them. */
function swapBytes(cpu: usize, u: usize, size: i32): i32 {
  const slot: usize = load<u8>(u, U_SRC);
  writeSlot(cpu, slot, size, size == 2 ? 0 : swapped(readSlot(cpu, slot, size), size));
  return RETIRED;
}

function exchange(cpu: usize, u: usize, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const value = loadSized(p, size);
  closeRm(cpu, u, p, size, readG(cpu, u, size));
  writeG(cpu, u, size, value);
  return RETIRED;
}

function exchangeAdd(cpu: usize, u: usize, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const value = loadSized(p, size);
  const sum = computeSized(cpu, K_ADD, value, readG(cpu, u, size), size);
  writeG(cpu, u, size, value);
  closeRm(cpu, u, p, size, sum);
  return RETIRED;
}

/** Memory is written in either case, as the bus sees it; of a 32-bit register that differs the upper half stays. */
function compareExchange(cpu: usize, u: usize, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const value = loadSized(p, size);
  const accumulator = readSlot(cpu, RAX, size);
  const replacement = readG(cpu, u, size);
  computeSized(cpu, K_CMP, accumulator, value, size);
  if (accumulator == value) closeRm(cpu, u, p, size, replacement);
  else {
    if (isMemory(u)) closeRm(cpu, u, p, size, value);
    writeSlot(cpu, RAX, size, value);
  }
  return RETIRED;
}

/** CMPXCHG8B, and with REX.W CMPXCHG16B. */
function compareExchangePair(cpu: usize, u: usize, size: i32): i32 {
  const half = size == 8 ? 8 : 4;
  const linear = addressOf(cpu, u, 2 * half, WRITE);
  if (linear == NO_ADDRESS) return FAULT;
  if (half == 8 && (linear & 15) != 0) return fault(cpu, GP, 0);
  const p = modifyPointer(cpu, linear, 2 * half);
  if (p == 0) return FAULT;
  const low = loadSized(p, half);
  const high = loadSized(p + half, half);
  const equal = low == readSlot(cpu, RAX, half) && high == readSlot(cpu, RDX, half);
  if (equal) {
    if (half == 8) {
      store<u64>(p, load<u64>(cpu, RBX));
      store<u64>(p, load<u64>(cpu, RCX), 8);
    } else {
      store<u32>(p, load<u32>(cpu, RBX));
      store<u32>(p, load<u32>(cpu, RCX), 4);
    }
  } else {
    writeSlot(cpu, RAX, half, low);
    writeSlot(cpu, RDX, half, high);
  }
  setStatusFlags(cpu, (statusFlags(cpu) & ~ZF) | (equal ? ZF : 0));
  settle(cpu, p);
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

function popFlags(cpu: usize, size: i32): i32 {
  if (!pop(cpu, size)) return FAULT;
  const before = getFlags(cpu);
  const cpl: u64 = load<u8>(cpu, CPL);
  let kept = RFLAGS_VM | RFLAGS_VIF_VIP;
  if (cpl != 0) kept |= RFLAGS_IOPL;
  if (cpl > (before & RFLAGS_IOPL) >> 12) kept |= RFLAGS_IF;
  if (size == 2) kept |= 0xffffffffffff0000;
  const value = (before & kept) | (popped() & ~kept & FLAGS_IMPLEMENTED);
  setFlags(cpu, size == 2 ? value : value & ~RFLAGS_RF);
  store<u8>(cpu, 1, CODE_CHANGED); // TF and IF are looked at before the next instruction
  if (((before ^ value) & RFLAGS_AC) != 0) updateTlbTags(cpu);
  return RETIRED;
}

const RFLAGS_VIF_VIP: u64 = 3 << 19;
/** CF to ID without the bits that are always 0. */
const FLAGS_IMPLEMENTED: u64 = 0x3f7fd5;

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
  const p = readPointer(cpu, linear, 2 * size);
  if (p == 0) return FAULT;
  const index = signedOf(readG(cpu, u, size), size);
  const outside = index < signedOf(loadSized(p, size), size) || index > signedOf(loadSized(p + size, size), size);
  return outside ? fault(cpu, BR, 0) : RETIRED;
}

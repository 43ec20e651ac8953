/** Bit tests, scans and the BMI instructions (SDM vol. 2). */
import { CF, SF, ZF, flagsBySize, setStatusFlags, statusFlags, OF, carry, overflow } from './flags';
import { modifyPointer, readPointer } from './memory';
import * as T from './opcode-table';
import { closeRm, fetchRm, fetched, loadSized, maskOf, openRm, readG, storeSized, topBitOf, writeG } from './operands';
import { multiplyHigh, settle } from './operate';
import { NO_ADDRESS, linearAddress } from './segments';
import { RDX } from './state';
import { FAULT, RETIRED } from './status';
import {
  READ,
  U_ADDRESS_SIZE,
  U_DST,
  U_EXTRA,
  U_IMMEDIATE,
  WRITE,
  addressSum,
  isMemory,
  operandSegment,
  operandSize,
  readSlot,
  truncate,
  writeSlot,
} from './uop';

/** BT, BTS, BTR, BTC; the bit's number comes from an immediate or from a register, whose upper bits move the memory operand. */
export function bitTest(cpu: usize, u: usize, operation: i32): i32 {
  const size = operandSize(u);
  const bits = (<u64>size) << 3;
  const bit = bitNumber(cpu, u, size) & (bits - 1);
  let p: usize;
  const inMemory = isMemory(u);
  if (inMemory) {
    const linear = bitAddress(cpu, u, size, operation == T.BT ? READ : WRITE);
    if (linear == NO_ADDRESS) return FAULT;
    p = operation == T.BT ? readPointer(cpu, linear, size) : modifyPointer(cpu, linear, size);
    if (p == 0) return FAULT;
  } else p = openRm(cpu, u, size);
  const value = loadSized(p, size);
  const mask = (<u64>1) << bit;
  if (operation != T.BT) {
    const result = operation == T.BTS ? value | mask : operation == T.BTR ? value & ~mask : value ^ mask;
    if (inMemory) {
      storeSized(p, size, result);
      settle(cpu, p);
    } else closeRm(cpu, u, p, size, result);
  }
  setStatusFlags(cpu, (statusFlags(cpu) & ~CF) | ((value >> bit) & 1));
  return RETIRED;
}

/** The register forms have odd low bits in their opcodes, BA the immediate. */
function isByImmediate(u: usize): bool {
  return (load<u8>(u, U_EXTRA) & 15) == 10;
}

export function bitNumber(cpu: usize, u: usize, size: i32): u64 {
  return isByImmediate(u) ? load<u64>(u, U_IMMEDIATE) : readG(cpu, u, size);
}

/** Linear address of the operand in memory that holds the bit; NO_ADDRESS after a fault. */
export function bitAddress(cpu: usize, u: usize, size: i32, access: i32): u64 {
  let distance: i64 = 0;
  if (!isByImmediate(u)) {
    const number = readG(cpu, u, size);
    const signed = size == 8 ? <i64>number : size == 4 ? <i64>(<i32>number) : <i64>(<i16>number);
    distance = (signed >> (3 + ctz<i64>(size))) * <i64>size;
  }
  const offset = truncate(addressSum(cpu, u) + <u64>distance, load<u8>(u, U_ADDRESS_SIZE));
  return linearAddress(cpu, operandSegment(u), offset, size, access);
}

/** BSF, BSR, TZCNT, LZCNT, POPCNT. */
export function scan(cpu: usize, u: usize, operation: i32): i32 {
  const size = operandSize(u);
  if (!fetchRm(cpu, u, size)) return FAULT;
  const value = fetched;
  const bits = (<u64>size) << 3;
  let result: u64;
  if (operation == T.BSF || operation == T.BSR) {
    // Of 0 the destination keeps its value, and ZF says so.
    if (value != 0) writeG(cpu, u, size, operation == T.BSF ? ctz(value) : 63 - clz(value));
    flagsBySize(cpu, value == 0 ? 0 : 1, size, 0);
    return RETIRED;
  }
  if (operation == T.POPCNT) {
    result = popcnt(value);
    setStatusFlags(cpu, value == 0 ? ZF : 0);
  } else {
    result = value == 0 ? bits : operation == T.TZCNT ? ctz(value) : clz(value) - (64 - bits);
    setStatusFlags(cpu, (value == 0 ? CF : 0) | (result == 0 ? ZF : 0));
  }
  writeG(cpu, u, size, result);
  return RETIRED;
}

/** Operations of BMI1 and BMI2. U_EXTRA is the slot of the VEX.vvvv register. */
export function bmi(cpu: usize, u: usize, operation: i32): i32 {
  const size = operandSize(u);
  if (!fetchRm(cpu, u, size)) return FAULT;
  const value = fetched;
  const mask = maskOf(size);
  const bits = (<u64>size) << 3;
  const other = readSlot(cpu, load<u8>(u, U_EXTRA), size);
  let result: u64 = 0;
  switch (operation) {
    case T.ANDN:
      result = ~other & value & mask;
      flagsBySize(cpu, result, size, 0);
      break;
    case T.BLSR:
    case T.BLSMSK:
    case T.BLSI:
      return isolate(cpu, u, operation, value, size);
    case T.BZHI: {
      const index = other & 0xff;
      result = index >= bits ? value : value & (((<u64>1) << index) - 1);
      flagsBySize(cpu, result, size, index >= bits ? CF : 0);
      break;
    }
    case T.BEXTR: {
      const start = other & 0xff;
      const length = (other >> 8) & 0xff;
      result = start >= bits ? 0 : value >> start;
      if (length < 64) result &= ((<u64>1) << length) - 1;
      flagsBySize(cpu, result, size, 0);
      break;
    }
    case T.PEXT:
      result = extract(other, value);
      break;
    case T.PDEP:
      result = deposit(other, value);
      break;
    case T.MULX: {
      const a = readSlot(cpu, RDX, size);
      const low = a * value;
      writeSlot(cpu, load<u8>(u, U_EXTRA), size, low);
      result = size == 8 ? multiplyHigh(a, value) : low >> 32;
      break;
    }
    case T.SHLX:
      result = value << (other & (bits - 1));
      break;
    case T.SHRX:
      result = value >> (other & (bits - 1));
      break;
    case T.SARX:
      result = size == 8 ? <u64>(<i64>value >> <i64>(other & 63)) : <u64>(<u32>(<i32>value >> <i32>(other & 31)));
      break;
    default: {
      const count = load<u64>(u, U_IMMEDIATE) & (bits - 1); // RORX
      result = size == 8 ? rotr<u64>(value, count) : <u64>rotr<u32>(<u32>value, <u32>count);
    }
  }
  writeG(cpu, u, size, result & mask);
  return RETIRED;
}

function isolate(cpu: usize, u: usize, operation: i32, value: u64, size: i32): i32 {
  const mask = maskOf(size);
  let result: u64;
  let out: bool;
  if (operation == T.BLSR) {
    result = value & (value - 1);
    out = value == 0;
  } else if (operation == T.BLSMSK) {
    result = (value ^ (value - 1)) & mask;
    out = value == 0;
  } else {
    result = value & -value;
    out = value != 0;
  }
  const flags: u64 = (out ? CF : 0) | (topBitOf(result, size) != 0 ? SF : 0) | (result == 0 ? ZF : 0);
  setStatusFlags(cpu, flags);
  writeSlot(cpu, load<u8>(u, U_EXTRA), size, result);
  return RETIRED;
}

function extract(value: u64, mask: u64): u64 {
  let result: u64 = 0;
  let at: u64 = 0;
  for (let m = mask; m != 0; m &= m - 1) result |= ((value >> ctz(m)) & 1) << at++;
  return result;
}

function deposit(value: u64, mask: u64): u64 {
  let result: u64 = 0;
  let at: u64 = 0;
  for (let m = mask; m != 0; m &= m - 1) result |= ((value >> at++) & 1) << ctz(m);
  return result;
}

/** ADCX and ADOX: addition with CF or OF as the only flag, read and written. */
export function addWithFlag(cpu: usize, u: usize, flag: u64): i32 {
  const size = operandSize(u);
  if (!fetchRm(cpu, u, size)) return FAULT;
  const a = readSlot(cpu, load<u8>(u, U_DST), size);
  const b = fetched;
  const sum = (a + b + <u64>(flag == OF ? overflow(cpu) : carry(cpu))) & maskOf(size);
  const out = topBitOf((a & b) | ((a | b) & ~sum), size);
  setStatusFlags(cpu, (statusFlags(cpu) & ~flag) | (out != 0 ? flag : 0));
  writeG(cpu, u, size, sum);
  return RETIRED;
}

/** The polynomial 11EDC6F41H, its bits reversed (SDM vol. 2A, "CRC32"). */
const CRC32C: u32 = 0x82f63b78;

export function crc32(cpu: usize, u: usize): i32 {
  const size: i32 = load<u8>(u, U_EXTRA);
  if (!fetchRm(cpu, u, size)) return FAULT;
  let crc = <u32>readG(cpu, u, 4);
  for (let n = 0; n < size; n++) {
    crc ^= <u32>(fetched >> (<u64>n << 3)) & 0xff;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? CRC32C : 0);
  }
  writeG(cpu, u, operandSize(u), crc);
  return RETIRED;
}

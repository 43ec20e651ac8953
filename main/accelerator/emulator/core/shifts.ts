/** Shifts and rotates of any size and count (SDM vol. 2, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD). */
import { CF, OF, carry, flagsBySize, setStatusFlags, statusFlags } from './flags';
import { RCL, ROL, ROR, SAR, SHL, SHR } from './opcode-table';
import { closeRm, loadSized, maskOf, openRm, readG, signedOf, topBitOf } from './operands';
import { RCX } from './state';
import { FAULT, RETIRED } from './status';
import { U_EXTRA, U_IMMEDIATE } from './uop';

/** The result for a count that is not 0 and already masked to 5 or 6 bits; sets the flags. */
function shift(cpu: usize, operation: i32, value: u64, size: i32, count: u64): u64 {
  const bits = (<u64>size) << 3;
  const mask = maskOf(size);
  let result: u64;
  let out: u64;
  if (operation == SHL) {
    result = (value << count) & mask;
    out = count <= bits ? (value >> (bits - count)) & 1 : 0;
    flagsBySize(cpu, result, size, out | ((out ^ topBitOf(result, size)) << 11));
    return result;
  }
  if (operation == SHR) {
    result = value >> count;
    out = (value >> (count - 1)) & 1;
    flagsBySize(cpu, result, size, out | ((topBitOf(result, size) ^ topBitOf(result << 1, size)) << 11));
    return result;
  }
  if (operation == SAR) {
    const signed = signedOf(value, size);
    result = <u64>(signed >> <i64>count) & mask;
    out = <u64>(signed >> <i64>(count - 1)) & 1;
    flagsBySize(cpu, result, size, out);
    return result;
  }
  if (operation == ROL || operation == ROR) {
    const n = operation == ROL ? count & (bits - 1) : (bits - count) & (bits - 1);
    result = n == 0 ? value : ((value << n) | (value >> (bits - n))) & mask;
    out = operation == ROL ? result & 1 : topBitOf(result, size);
    const other = operation == ROL ? topBitOf(result, size) : topBitOf(result << 1, size);
    setRotateFlags(cpu, out, out ^ other);
    return result;
  }
  // Through the carry, bit by bit.
  result = value;
  out = carry(cpu) ? 1 : 0;
  for (let n = count % (bits + 1); n > 0; n--) {
    if (operation == RCL) {
      const top = topBitOf(result, size);
      result = ((result << 1) | out) & mask;
      out = top;
    } else {
      const low = result & 1;
      result = (result >> 1) | (out << (bits - 1));
      out = low;
    }
  }
  const overflowed =
    operation == RCL ? out ^ topBitOf(result, size) : topBitOf(result, size) ^ topBitOf(result << 1, size);
  setRotateFlags(cpu, out, overflowed);
  return result;
}

function setRotateFlags(cpu: usize, out: u64, overflowed: u64): void {
  setStatusFlags(cpu, (statusFlags(cpu) & ~(CF | OF)) | out | (overflowed << 11));
}

/** SHLD and SHRD; a count beyond the operand's 16 bits shifts on through the second operand, as processors do. */
function shiftDouble(cpu: usize, left: bool, value: u64, filler: u64, size: i32, count: u64): u64 {
  const bits = (<u64>size) << 3;
  let result: u64;
  let out: u64;
  if (left) {
    if (count <= bits) {
      result = count == bits ? filler : (value << count) | (filler >> (bits - count));
      out = (value >> (bits - count)) & 1;
    } else {
      result = (filler << (count - bits)) | (value >> (2 * bits - count));
      out = (filler >> (2 * bits - count)) & 1;
    }
  } else if (count <= bits) {
    result = count == bits ? filler : (value >> count) | (filler << (bits - count));
    out = (value >> (count - 1)) & 1;
  } else {
    result = (filler >> (count - bits)) | (value << (2 * bits - count));
    out = (filler >> (count - bits - 1)) & 1;
  }
  result &= maskOf(size);
  flagsBySize(cpu, result, size, out | ((topBitOf(value, size) ^ topBitOf(result, size)) << 11));
  return result;
}

function shiftCount(cpu: usize, u: usize, size: i32, byCl: bool): u64 {
  const count: u64 = byCl ? load<u8>(cpu, RCX) : load<u8>(u, U_IMMEDIATE);
  return count & (size == 8 ? 63 : 31);
}

export function shiftRm(cpu: usize, u: usize, operation: i32, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  // D2 and D3 shift by CL; the others have their count in the record.
  const opcode = load<u8>(u, U_EXTRA) & 15;
  const count = shiftCount(cpu, u, size, opcode == 2 || opcode == 3);
  const value = loadSized(p, size);
  closeRm(cpu, u, p, size, count == 0 ? value : shift(cpu, operation, value, size, count));
  return RETIRED;
}

export function shiftDoubleRm(cpu: usize, u: usize, left: bool, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const count = shiftCount(cpu, u, size, (load<u8>(u, U_EXTRA) & 1) != 0);
  const value = loadSized(p, size);
  closeRm(cpu, u, p, size, count == 0 ? value : shiftDouble(cpu, left, value, readG(cpu, u, size), size, count));
  return RETIRED;
}

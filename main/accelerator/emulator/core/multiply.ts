/** Multiplication and division of the accumulator (SDM vol. 2, MUL, IMUL, DIV, IDIV). */
import { DE } from './bits';
import { fault } from './exceptions';
import { CF, OF, flagsBySize } from './flags';
import { fetchRm, fetched, maskOf, signedOf } from './operands';
import { multiplyHigh, multiplyHighSigned } from './operate';
import { RAX, RDX } from './state';
import { FAULT, RETIRED } from './status';
import { operandSize, readSlot, writeSlot } from './uop';

let quotient: u64 = 0;
let remainder: u64 = 0;

export function multiplyAccumulator(cpu: usize, u: usize, isSigned: bool): i32 {
  const size = operandSize(u);
  if (!fetchRm(cpu, u, size)) return FAULT;
  const a = readSlot(cpu, RAX, size);
  const b = fetched;
  const bits = (<u64>size) << 3;
  let low: u64;
  let high: u64;
  let fits: bool;
  if (isSigned) {
    const x = signedOf(a, size);
    const y = signedOf(b, size);
    low = <u64>(x * y);
    high = size == 8 ? <u64>multiplyHighSigned(x, y) : (low >> bits) & maskOf(size);
    fits = high == (<u64>(signedOf(low, size) >> 63) & maskOf(size));
  } else {
    low = a * b;
    high = size == 8 ? multiplyHigh(a, b) : low >> bits;
    fits = high == 0;
  }
  flagsBySize(cpu, low & maskOf(size), size, fits ? 0 : CF | OF);
  if (size == 1) {
    writeSlot(cpu, RAX, 2, low);
  } else {
    writeSlot(cpu, RAX, size, low);
    writeSlot(cpu, RDX, size, high);
  }
  return RETIRED;
}

export function divide(cpu: usize, u: usize, isSigned: bool): i32 {
  const size = operandSize(u);
  if (!fetchRm(cpu, u, size)) return FAULT;
  const divisor = fetched;
  const low = size == 1 ? readSlot(cpu, RAX, 2) & 0xff : readSlot(cpu, RAX, size);
  const high = size == 1 ? readSlot(cpu, RAX, 2) >> 8 : readSlot(cpu, RDX, size);
  if (!(isSigned ? divideSigned(high, low, divisor, size) : divideUnsigned(high, low, divisor, size)))
    return fault(cpu, DE, 0);
  if (size == 1) {
    writeSlot(cpu, RAX, 2, (quotient & 0xff) | ((remainder & 0xff) << 8));
  } else {
    writeSlot(cpu, RAX, size, quotient);
    writeSlot(cpu, RDX, size, remainder);
  }
  return RETIRED;
}

function divideUnsigned(high: u64, low: u64, divisor: u64, size: i32): bool {
  if (high >= divisor) return false; // the quotient overflows, or the divisor is 0
  if (size < 8) {
    const dividend = (high << ((<u64>size) << 3)) | low;
    quotient = dividend / divisor;
    remainder = dividend % divisor;
  } else divideLong(high, low, divisor);
  return true;
}

/** 128 bits by 64, bit by bit once the high half counts. */
function divideLong(high: u64, low: u64, divisor: u64): void {
  if (high == 0) {
    quotient = low / divisor;
    remainder = low % divisor;
    return;
  }
  let rest = high;
  let result: u64 = 0;
  for (let n = 63; n >= 0; n--) {
    const top = rest >> 63;
    rest = (rest << 1) | ((low >> <u64>n) & 1);
    result <<= 1;
    if (top != 0 || rest >= divisor) {
      rest -= divisor;
      result |= 1;
    }
  }
  quotient = result;
  remainder = rest;
}

function divideSigned(high: u64, low: u64, divisor: u64, size: i32): bool {
  const mask = maskOf(size);
  const negativeDividend = signedOf(high, size) < 0;
  const negativeDivisor = signedOf(divisor, size) < 0;
  let h = high;
  let l = low;
  if (negativeDividend) {
    l = -low & mask;
    h = (~high + (l == 0 ? 1 : 0)) & mask;
  }
  const d = negativeDivisor ? -divisor & mask : divisor;
  if (!divideUnsigned(h, l, d, size)) return false;
  const limit = (mask >> 1) + (negativeDividend != negativeDivisor ? 1 : 0);
  if (quotient > limit) return false;
  if (negativeDividend != negativeDivisor) quotient = -quotient;
  if (negativeDividend) remainder = -remainder;
  return true;
}

/** Memory operands of system instructions: selectors, far pointers, and the pairs of limit and base of descriptor tables. */
import { GP } from './bits';
import { fault, raiseAsStackFault } from './exceptions';
import { checkRead, checkWrite, commitWrite, isEverCanonical, readPointer, writePointer } from './memory';
import { is64Bit, NO_ADDRESS } from './segments';
import { itemValue } from './stack';
import { SCRATCH, SS } from './state';
import { FAULT, RETIRED } from './status';
import { isMemory, operandAddress, operandSegment, operandSize, READ, readReg, rmField, WRITE, writeReg } from './uop';

/** Of operands that could not be read. */
export const NO_SELECTOR: i32 = -1;

/** Host address of `size` bytes of the memory operand, `distance` behind its start; 0 after a fault. */
export function source(cpu: usize, u: usize, distance: u64, size: i32): usize {
  const linear = operandAddress(cpu, u, <i32>distance + size, READ);
  if (linear == NO_ADDRESS) return 0;
  const pointer = readPointer(cpu, linear + distance, size);
  if (pointer == 0 && operandSegment(u) == SS) raiseAsStackFault(cpu);
  return pointer;
}

/** A 16-bit operand; NO_SELECTOR after a fault. */
export function sourceWord(cpu: usize, u: usize): i32 {
  if (!isMemory(u)) return <i32>readReg(cpu, rmField(u), 2);
  const pointer = source(cpu, u, 0, 2);
  return pointer == 0 ? NO_SELECTOR : <i32>load<u16>(pointer);
}

/** SLDT, STR, SMSW: 16 bits in memory, the operand size in a register. */
export function storeWord(cpu: usize, u: usize, value: u64): i32 {
  if (!isMemory(u)) {
    writeReg(cpu, rmField(u), operandSize(u), value);
    return RETIRED;
  }
  const linear = operandAddress(cpu, u, 2, WRITE);
  if (linear == NO_ADDRESS) return FAULT;
  const pointer = writePointer(cpu, linear, 2);
  if (pointer == 0) {
    if (operandSegment(u) == SS) raiseAsStackFault(cpu);
    return FAULT;
  }
  store<u16>(pointer, <u16>value);
  if (pointer == cpu + SCRATCH) commitWrite(cpu);
  return RETIRED;
}

/** SGDT and SIDT: limit and base. */
export function storeTable(cpu: usize, u: usize, base: u64, limit: u32): i32 {
  const baseSize = is64Bit(cpu) ? 8 : 4;
  const linear = operandAddress(cpu, u, 2 + baseSize, WRITE);
  if (linear == NO_ADDRESS) return FAULT;
  if (!checkWrite(cpu, linear, 2) || !checkWrite(cpu, linear + 2, baseSize)) {
    if (operandSegment(u) == SS) raiseAsStackFault(cpu);
    return FAULT;
  }
  let pointer = writePointer(cpu, linear, 2);
  store<u16>(pointer, <u16>limit);
  if (pointer == cpu + SCRATCH) commitWrite(cpu);
  pointer = writePointer(cpu, linear + 2, baseSize);
  if (baseSize == 8) store<u64>(pointer, base);
  else store<u32>(pointer, <u32>base);
  if (pointer == cpu + SCRATCH) commitWrite(cpu);
  return RETIRED;
}

/** There are no caches: CLFLUSH only looks whether the byte could be read. */
export function flushLine(cpu: usize, u: usize): i32 {
  const linear = operandAddress(cpu, u, 1, READ);
  if (linear == NO_ADDRESS) return FAULT;
  if (checkRead(cpu, linear)) return RETIRED;
  if (operandSegment(u) == SS) raiseAsStackFault(cpu);
  return FAULT;
}

/** LGDT and LIDT. */
export function loadTable(cpu: usize, u: usize, baseField: usize, limitField: usize): i32 {
  const long = is64Bit(cpu);
  let pointer = source(cpu, u, 0, 2);
  if (pointer == 0) return FAULT;
  const limit: u32 = load<u16>(pointer);
  pointer = source(cpu, u, 2, long ? 8 : 4);
  if (pointer == 0) return FAULT;
  let base = itemValue(pointer, long ? 8 : 4);
  // With 16-bit operands the base has 24 bits.
  if (!long && operandSize(u) == 2) base &= 0xffffff;
  if (long && !isEverCanonical(base)) return fault(cpu, GP, 0);
  store<u64>(cpu + baseField, base);
  store<u32>(cpu + limitField, limit);
  return RETIRED;
}

/** Segmentation (SDM vol. 3A, "Protected-Mode Memory Management"; "Protection", limit, type and privilege checking). */
import { BIG, CODE, EFER_LMA, EXPAND_DOWN, GP, LONG, NOT_SYSTEM, NP, READABLE, RFLAGS_VM, SSF } from './bits';
import {
  accessOf,
  descriptorAccess,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isPresent,
  isWritableData,
  NO_DESCRIPTOR,
  readDescriptor,
  segmentAt,
  selectorError,
  SELECTOR_RPL,
  setAccessed,
  setNullSegment,
  setRealSegment,
  setSegment,
} from './descriptors';
import { fault, raise } from './exceptions';
import { isCanonical } from './memory';
import { PROTECTED, updateMode } from './modes';
import { CPL, CS, EFER, FS, MODE, RFLAGS, SEG_ACCESS, SEG_BASE, SEG_LIMIT, SEG_UNUSABLE, SS } from './state';
import { FAULT, RETIRED } from './status';

/**
 * Of `linearAddress`: a fault was raised. It is not canonical, so that a 64-bit operand that has just this address, and is taken
 * for a fault without an exception, can get the #GP that it deserves (run.ts).
 */
export const NO_ADDRESS: u64 = 1 << 63;

/** Protected mode proper, in which selectors name descriptors. */
export function isProtected(cpu: usize): bool {
  return (load<u32>(cpu, MODE) & PROTECTED) != 0;
}

export function isVirtual8086(cpu: usize): bool {
  return (load<u64>(cpu, RFLAGS) & RFLAGS_VM) != 0;
}

export function isIa32e(cpu: usize): bool {
  return (load<u64>(cpu, EFER) & EFER_LMA) != 0;
}

export function is64Bit(cpu: usize): bool {
  return isIa32e(cpu) && (accessOf(cpu, CS) & LONG) != 0;
}

/** Linear address of an access of `size` bytes, `write` 0 or 1; #GP(0), for the stack segment #SS(0), where it may not be. */
export function linearAddress(cpu: usize, segment: i32, offset: u64, size: i32, write: i32): u64 {
  const register = segmentAt(cpu, segment);
  if (is64Bit(cpu)) {
    const linear = segment >= FS ? load<u64>(register, SEG_BASE) + offset : offset;
    return isCanonical(cpu, linear) && isCanonical(cpu, linear + <u64>(size - 1)) ? linear : refuse(cpu, segment);
  }
  const access: u32 = load<u16>(register, SEG_ACCESS);
  if (isProtected(cpu)) {
    if (load<u8>(register, SEG_UNUSABLE) != 0) return refuse(cpu, segment);
    if (write != 0 ? !isWritableData(access) : (access & (CODE | READABLE)) == CODE) return refuse(cpu, segment);
  }
  if (!withinLimit(access, load<u32>(register, SEG_LIMIT), offset, size)) return refuse(cpu, segment);
  return (load<u64>(register, SEG_BASE) + offset) & 0xffffffff;
}

/** Whether `size` bytes from a 32-bit offset lie in a segment of these rights and this limit. */
export function withinLimit(access: u32, limit: u32, offset: u64, size: i32): bool {
  const last = offset + <u64>(size - 1);
  if ((access & (NOT_SYSTEM | CODE | EXPAND_DOWN)) != (NOT_SYSTEM | EXPAND_DOWN)) return last <= limit;
  return offset > limit && last <= ((access & BIG) != 0 ? 0xffffffff : 0xffff);
}

function refuse(cpu: usize, segment: i32): u64 {
  raise(cpu, segment == SS ? SSF : GP, 0);
  return NO_ADDRESS;
}

/** MOV and POP to SS, DS, ES, FS, GS, and far pointers. */
export function loadSegment(cpu: usize, segment: i32, selector: u32): i32 {
  if (!isProtected(cpu)) {
    setRealSegment(cpu, segment, selector);
    updateMode(cpu);
    return RETIRED;
  }
  return segment == SS ? loadStackSegment(cpu, selector) : loadDataSegment(cpu, segment, selector, GP);
}

/** `vector` is #GP, or #TS where the selector is from a TSS. */
export function loadDataSegment(cpu: usize, segment: i32, selector: u32, vector: i32): i32 {
  if (isNull(selector)) {
    setNullSegment(cpu, segment, selector, 0);
    updateMode(cpu);
    return RETIRED;
  }
  const descriptor = readDescriptor(cpu, selector, vector);
  if (descriptor == NO_DESCRIPTOR) return FAULT;
  const access = descriptorAccess(descriptor);
  if ((access & NOT_SYSTEM) == 0 || (access & (CODE | READABLE)) == CODE)
    return fault(cpu, vector, selectorError(selector));
  if (!isCode(access) || !isConforming(access)) {
    const dpl = dplOf(access);
    if (dpl < (selector & SELECTOR_RPL) || dpl < load<u8>(cpu, CPL)) return fault(cpu, vector, selectorError(selector));
  }
  if (!isPresent(access)) return fault(cpu, NP, selectorError(selector));
  if (!setAccessed(cpu, selector, descriptor)) return FAULT;
  setSegment(cpu, segment, selector, descriptor);
  updateMode(cpu);
  return RETIRED;
}

function loadStackSegment(cpu: usize, selector: u32): i32 {
  const cpl: u32 = load<u8>(cpu, CPL);
  if (isNull(selector)) {
    if (!is64Bit(cpu) || cpl == 3 || (selector & SELECTOR_RPL) != cpl) return fault(cpu, GP, 0);
    setNullSegment(cpu, SS, selector, cpl);
    updateMode(cpu);
    return RETIRED;
  }
  const descriptor = stackDescriptor(cpu, selector, cpl, GP);
  if (descriptor == NO_DESCRIPTOR || !setAccessed(cpu, selector, descriptor)) return FAULT;
  setSegment(cpu, SS, selector, descriptor);
  updateMode(cpu);
  return RETIRED;
}

/**
 * The descriptor of a stack segment for code at `cpl`, checked; `vector` is #GP, or #TS where the selector is from a TSS.
 * NO_DESCRIPTOR after a fault.
 */
export function stackDescriptor(cpu: usize, selector: u32, cpl: u32, vector: i32): u64 {
  const descriptor = readDescriptor(cpu, selector, vector);
  if (descriptor == NO_DESCRIPTOR) return NO_DESCRIPTOR;
  const access = descriptorAccess(descriptor);
  if ((selector & SELECTOR_RPL) != cpl || !isWritableData(access) || dplOf(access) != cpl) {
    raise(cpu, vector, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  if (!isPresent(access)) {
    raise(cpu, SSF, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  return descriptor;
}

/** A return to an outer level takes away what only the inner one may use (SDM vol. 2, IRET and RET). */
export function dropInnerSegments(cpu: usize): void {
  for (let segment = 0; segment <= 5; segment++) {
    if (segment == CS || segment == SS) continue;
    const register = segmentAt(cpu, segment);
    const access: u32 = load<u16>(register, SEG_ACCESS);
    if (load<u8>(register, SEG_UNUSABLE) != 0) continue;
    if ((!isCode(access) || !isConforming(access)) && dplOf(access) < load<u8>(cpu, CPL))
      setNullSegment(cpu, segment, 0, 0);
  }
}

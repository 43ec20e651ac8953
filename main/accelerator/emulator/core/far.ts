/** Far transfers (SDM vol. 2: JMP, CALL, RET, IRET). Gates and task switches are not available: their selectors are #GP. */
import {
  BIG,
  GP,
  LONG,
  NP,
  RFLAGS_AC,
  RFLAGS_ID,
  RFLAGS_IF,
  RFLAGS_IOPL,
  RFLAGS_IOPL_SHIFT,
  RFLAGS_NT,
  RFLAGS_RF,
  RFLAGS_STATUS,
  RFLAGS_TF,
  RFLAGS_VM,
} from './bits';
import {
  accessOf,
  descriptorAccess,
  descriptorLimit,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isPresent,
  NO_DESCRIPTOR,
  readDescriptor,
  segmentAt,
  selectorError,
  selectorOf,
  SELECTOR_RPL,
  setAccessed,
  setNullSegment,
  setRealSegment,
  setSegment,
} from './descriptors';
import { fault, raise } from './exceptions';
import { getFlags, setFlags } from './flags';
import { isCanonical } from './memory';
import { updateMode } from './modes';
import { dropInnerSegments, is64Bit, isIa32e, isProtected, stackDescriptor } from './segments';
import {
  addToFrame,
  beginFrame,
  checkFrame,
  itemValue,
  mergeStackPointer,
  releasedStackPointer,
  stackItem,
  stackMask,
  useOwnStack,
  writeFrame,
} from './stack';
import { CPL, CS, NEXT_RIP, NMI_BLOCKED, RSP, SEG_LIMIT, SS } from './state';
import { FAULT, RETIRED } from './status';
import { ownAccess, updateTlbTags } from './tlb';

export function jumpFar(cpu: usize, selector: u32, offset: u64): i32 {
  if (!isProtected(cpu)) return enterReal(cpu, selector, offset) ? RETIRED : FAULT;
  const code = targetSegment(cpu, selector, offset);
  if (code == NO_DESCRIPTOR || !setAccessed(cpu, selector, code)) return FAULT;
  enter(cpu, selector, code, offset);
  return RETIRED;
}

/** `size`: bytes of each of the two items on the stack. */
export function callFar(cpu: usize, selector: u32, offset: u64, size: i32): i32 {
  const real = !isProtected(cpu);
  const code = real ? 0 : targetSegment(cpu, selector, offset);
  if (code == NO_DESCRIPTOR) return FAULT;
  if (real && !withinCode(cpu, offset)) return FAULT;
  beginFrame(cpu);
  addToFrame(cpu, selectorOf(cpu, CS));
  addToFrame(cpu, load<u64>(cpu, NEXT_RIP));
  useOwnStack(cpu);
  const sp = load<u64>(cpu, RSP);
  if (!checkFrame(cpu, sp, size, ownAccess(cpu))) return FAULT;
  if (!real && !setAccessed(cpu, selector, code)) return FAULT;
  store<u64>(cpu, writeFrame(cpu, sp, size, ownAccess(cpu)), RSP);
  if (real) enterReal(cpu, selector, offset);
  else enter(cpu, selector, code, offset);
  return RETIRED;
}

/** `release`: bytes of arguments above the return address. */
export function returnFar(cpu: usize, size: i32, release: u64): i32 {
  const ripItem = stackItem(cpu, 0, size);
  if (ripItem == 0) return FAULT;
  const rip = itemValue(ripItem, size);
  const csItem = stackItem(cpu, size, size);
  if (csItem == 0) return FAULT;
  const selector: u32 = load<u16>(csItem);
  const popped = <u64>(2 * size);
  if (!isProtected(cpu)) {
    if (!enterReal(cpu, selector, rip)) return FAULT;
    store<u64>(cpu, releasedStackPointer(cpu, popped + release), RSP);
    return RETIRED;
  }
  const status = protectedReturn(cpu, rip, selector, size, popped, release, false);
  updateTlbTags(cpu);
  return status;
}

export function interruptReturn(cpu: usize, size: i32): i32 {
  // Even one that faults lets NMIs in (SDM vol. 3A, "Handling Multiple NMIs").
  store<u8>(cpu, 0, NMI_BLOCKED);
  const old = getFlags(cpu);
  if (isProtected(cpu) && (old & RFLAGS_NT) != 0) return fault(cpu, GP, 0);
  const ripItem = stackItem(cpu, 0, size);
  if (ripItem == 0) return FAULT;
  const rip = itemValue(ripItem, size);
  const csItem = stackItem(cpu, size, size);
  if (csItem == 0) return FAULT;
  const selector: u32 = load<u16>(csItem);
  const flagsItem = stackItem(cpu, 2 * size, size);
  if (flagsItem == 0) return FAULT;
  const image = itemValue(flagsItem, size);
  const popped = <u64>(3 * size);
  const cpl = load<u8>(cpu, CPL);
  let mask = RFLAGS_STATUS | RFLAGS_TF | RFLAGS_NT;
  if (size > 2) mask |= RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
  if (<u64>cpl <= (old & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT) mask |= RFLAGS_IF;
  if (cpl == 0) mask |= RFLAGS_IOPL;

  if (isProtected(cpu)) {
    // There is no virtual-8086 mode to return to.
    if (size > 2 && (image & RFLAGS_VM) != 0 && cpl == 0 && !isIa32e(cpu)) return fault(cpu, GP, 0);
    if (protectedReturn(cpu, rip, selector, size, popped, 0, is64Bit(cpu)) == FAULT) return FAULT;
  } else {
    if (!enterReal(cpu, selector, rip)) return FAULT;
    store<u64>(cpu, releasedStackPointer(cpu, popped), RSP);
  }
  setFlags(cpu, (old & ~mask) | (image & mask));
  updateTlbTags(cpu);
  return RETIRED;
}

/** To the same or an outer level; `withStack`: the stack pointer is on the stack whatever the level. */
function protectedReturn(
  cpu: usize,
  rip: u64,
  selector: u32,
  size: i32,
  popped: u64,
  release: u64,
  withStack: bool,
): i32 {
  const cpl: u32 = load<u8>(cpu, CPL);
  if (isNull(selector)) return fault(cpu, GP, 0);
  const code = readDescriptor(cpu, selector, GP);
  if (code == NO_DESCRIPTOR) return FAULT;
  const access = descriptorAccess(code);
  const newCpl = selector & SELECTOR_RPL;
  if (!isCode(access) || newCpl < cpl || reservedSize(cpu, access)) return fault(cpu, GP, selectorError(selector));
  const dpl = dplOf(access);
  if (isConforming(access) ? dpl > newCpl : dpl != newCpl) return fault(cpu, GP, selectorError(selector));
  if (!isPresent(access)) return fault(cpu, NP, selectorError(selector));
  if (newCpl == cpl && !withStack) {
    if (!reaches(cpu, code, rip) || !setAccessed(cpu, selector, code)) return FAULT;
    store<u64>(cpu, releasedStackPointer(cpu, popped + release), RSP);
    enter(cpu, selector, code, rip);
    return RETIRED;
  }

  const spItem = stackItem(cpu, popped + release, size);
  if (spItem == 0) return FAULT;
  const sp = itemValue(spItem, size);
  const ssItem = stackItem(cpu, popped + release + <u64>size, size);
  if (ssItem == 0) return FAULT;
  const stackSelector: u32 = load<u16>(ssItem);
  const long = isIa32e(cpu) && (access & LONG) != 0;
  let stack: u64 = 0;
  if (isNull(stackSelector)) {
    if (!long || newCpl == 3 || (stackSelector & SELECTOR_RPL) != newCpl) return fault(cpu, GP, 0);
  } else {
    stack = stackDescriptor(cpu, stackSelector, newCpl, GP);
    if (stack == NO_DESCRIPTOR) return FAULT;
  }
  if (!reaches(cpu, code, rip) || !setAccessed(cpu, selector, code)) return FAULT;
  if (stack != 0 && !setAccessed(cpu, stackSelector, stack)) return FAULT;

  if (stack != 0) setSegment(cpu, SS, stackSelector, stack);
  else setNullSegment(cpu, SS, stackSelector, newCpl);
  const mask = stackMask(accessOf(cpu, SS), long);
  store<u64>(cpu, mergeStackPointer(load<u64>(cpu, RSP), sp + release, mask), RSP);
  store<u8>(cpu, <u8>newCpl, CPL);
  enter(cpu, selector, code, rip);
  if (newCpl != cpl) {
    dropInnerSegments(cpu);
    updateMode(cpu);
  }
  return RETIRED;
}

/** The code segment that a JMP or CALL names, checked together with the offset; NO_DESCRIPTOR after a fault. */
function targetSegment(cpu: usize, selector: u32, offset: u64): u64 {
  if (isNull(selector)) {
    raise(cpu, GP, 0);
    return NO_DESCRIPTOR;
  }
  const code = readDescriptor(cpu, selector, GP);
  if (code == NO_DESCRIPTOR) return NO_DESCRIPTOR;
  const access = descriptorAccess(code);
  const cpl: u32 = load<u8>(cpu, CPL);
  const dpl = dplOf(access);
  const allowed = isConforming(access) ? dpl <= cpl : (selector & SELECTOR_RPL) <= cpl && dpl == cpl;
  if (!isCode(access) || !allowed || reservedSize(cpu, access)) {
    raise(cpu, GP, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  if (!isPresent(access)) {
    raise(cpu, NP, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  return reaches(cpu, code, offset) ? code : NO_DESCRIPTOR;
}

/** In IA-32e mode L and D together are reserved. */
function reservedSize(cpu: usize, access: u32): bool {
  return isIa32e(cpu) && (access & (LONG | BIG)) == (LONG | BIG);
}

/** Whether the offset is one of this code segment; else #GP(0). */
function reaches(cpu: usize, code: u64, offset: u64): bool {
  const long = isIa32e(cpu) && (descriptorAccess(code) & LONG) != 0;
  if (long ? isCanonical(offset) : offset <= descriptorLimit(code)) return true;
  raise(cpu, GP, 0);
  return false;
}

/** Protected mode, at the CPL that is set. */
function enter(cpu: usize, selector: u32, code: u64, rip: u64): void {
  setSegment(cpu, CS, (selector & 0xfffc) | load<u8>(cpu, CPL), code);
  store<u64>(cpu, rip, NEXT_RIP);
  updateMode(cpu);
}

function withinCode(cpu: usize, offset: u64): bool {
  if (offset <= load<u32>(segmentAt(cpu, CS), SEG_LIMIT)) return true;
  raise(cpu, GP, 0);
  return false;
}

function enterReal(cpu: usize, selector: u32, offset: u64): bool {
  if (!withinCode(cpu, offset)) return false;
  setRealSegment(cpu, CS, selector);
  store<u64>(cpu, offset, NEXT_RIP);
  updateMode(cpu);
  return true;
}

/** Far transfers (SDM vol. 2: JMP, CALL, RET, IRET); gates.ts has those through system descriptors. */
import {
  GP,
  LONG,
  NOT_SYSTEM,
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
  RFLAGS_VIF,
  RFLAGS_VIP,
  RFLAGS_VM,
} from './bits';
import { enterCode, mayEnter, reaches, reservedSize } from './code-segments';
import {
  accessOf,
  descriptorAccess,
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
import { transfer } from './gates';
import { NO_ERROR_CODE } from './interrupts';
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
  stackTop,
  useOwnStack,
  writeFrame,
} from './stack';
import { CPL, CS, NEXT_RIP, NMI_BLOCKED, RSP, SEG_LIMIT, SS } from './state';
import { FAULT, RETIRED } from './status';
import { BY_RETURN, switchTask } from './tasks';
import { ownAccess, updateTlbTags } from './tlb';
import { readTss } from './tss';
import { flagsAreVirtual, mayTakeFlags, returnToVirtual8086, takeVirtualFlags } from './virtual-8086';

export function jumpFar(cpu: usize, selector: u32, offset: u64): i32 {
  if (!isProtected(cpu)) return enterReal(cpu, selector, offset) ? RETIRED : FAULT;
  const target = readTarget(cpu, selector);
  if (target == NO_DESCRIPTOR) return FAULT;
  if ((descriptorAccess(target) & NOT_SYSTEM) == 0) return transfer(cpu, selector, target, false);
  if (!mayEnter(cpu, selector, target, offset) || !setAccessed(cpu, selector, target)) return FAULT;
  enterCode(cpu, selector, target, offset);
  return RETIRED;
}

/** `size`: bytes of each of the two items on the stack. */
export function callFar(cpu: usize, selector: u32, offset: u64, size: i32): i32 {
  const real = !isProtected(cpu);
  const target = real ? 0 : readTarget(cpu, selector);
  if (target == NO_DESCRIPTOR) return FAULT;
  if (!real && (descriptorAccess(target) & NOT_SYSTEM) == 0) return transfer(cpu, selector, target, true);
  if (real ? !withinCode(cpu, offset) : !mayEnter(cpu, selector, target, offset)) return FAULT;
  beginFrame(cpu);
  addToFrame(cpu, selectorOf(cpu, CS));
  addToFrame(cpu, load<u64>(cpu, NEXT_RIP));
  useOwnStack(cpu);
  const sp = load<u64>(cpu, RSP);
  if (!checkFrame(cpu, sp, size, ownAccess(cpu))) return FAULT;
  if (!real && !setAccessed(cpu, selector, target)) return FAULT;
  store<u64>(cpu, writeFrame(cpu, sp, size, ownAccess(cpu)), RSP);
  if (real) enterReal(cpu, selector, offset);
  else enterCode(cpu, selector, target, offset);
  return RETIRED;
}

/** What the selector of a far pointer names; NO_DESCRIPTOR after a fault. */
function readTarget(cpu: usize, selector: u32): u64 {
  if (!isNull(selector)) return readDescriptor(cpu, selector, GP);
  raise(cpu, GP, 0);
  return NO_DESCRIPTOR;
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
  if (isProtected(cpu) && (old & RFLAGS_NT) != 0) return returnToTask(cpu, old);
  const whole = stackTop(cpu, 3 * size);
  const ripItem = whole != 0 ? whole : stackItem(cpu, 0, size);
  if (ripItem == 0) return FAULT;
  const rip = itemValue(ripItem, size);
  const csItem = whole != 0 ? whole + size : stackItem(cpu, size, size);
  if (csItem == 0) return FAULT;
  const selector: u32 = load<u16>(csItem);
  const flagsItem = whole != 0 ? whole + 2 * size : stackItem(cpu, 2 * size, size);
  if (flagsItem == 0) return FAULT;
  const image = itemValue(flagsItem, size);
  const popped = <u64>(3 * size);
  const cpl = load<u8>(cpu, CPL);
  let mask = RFLAGS_STATUS | RFLAGS_TF | RFLAGS_NT;
  if (size > 2) mask |= RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
  if (<u64>cpl <= (old & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT) mask |= RFLAGS_IF;
  if (cpl == 0) mask |= RFLAGS_IOPL;
  if (cpl == 0 && size > 2 && isProtected(cpu)) mask |= RFLAGS_VIF | RFLAGS_VIP;

  if (isProtected(cpu)) {
    if (size == 4 && (image & RFLAGS_VM) != 0 && cpl == 0 && !isIa32e(cpu))
      return returnToVirtual8086(cpu, rip, selector, image);
    if (protectedReturn(cpu, rip, selector, size, popped, 0, is64Bit(cpu)) == FAULT) return FAULT;
  } else {
    const virtual = flagsAreVirtual(cpu);
    if ((virtual && !mayTakeFlags(cpu, image, size)) || !enterReal(cpu, selector, rip)) return FAULT;
    store<u64>(cpu, releasedStackPointer(cpu, popped), RSP);
    if (virtual) {
      takeVirtualFlags(cpu, image);
      return RETIRED;
    }
  }
  setFlags(cpu, (old & ~mask) | (image & mask));
  if (load<u8>(cpu, CPL) != cpl || ((old ^ image) & mask & RFLAGS_AC) != 0) updateTlbTags(cpu);
  return RETIRED;
}

/** With NT the task ends, and the one that its TSS links back to goes on. */
function returnToTask(cpu: usize, flags: u64): i32 {
  if (isIa32e(cpu)) return fault(cpu, GP, 0);
  const link = readTss(cpu, 0, 2, 1);
  return link == 0
    ? FAULT
    : switchTask(cpu, load<u16>(link), BY_RETURN, load<u64>(cpu, NEXT_RIP), flags, NO_ERROR_CODE);
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
    enterCode(cpu, selector, code, rip);
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

  let stackMoved = true;
  if (stack != 0) stackMoved = setSegment(cpu, SS, stackSelector, stack);
  else setNullSegment(cpu, SS, stackSelector, newCpl);
  const mask = stackMask(accessOf(cpu, SS), long);
  store<u64>(cpu, mergeStackPointer(load<u64>(cpu, RSP), sp + release, mask), RSP);
  store<u8>(cpu, <u8>newCpl, CPL);
  enterCode(cpu, selector, code, rip);
  if (newCpl != cpl) dropInnerSegments(cpu);
  if (stackMoved || newCpl != cpl) updateMode(cpu);
  return RETIRED;
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

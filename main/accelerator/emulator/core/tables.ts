/** LGDT to LTR, and the instructions that ask about selectors (SDM vol. 2; vol. 3A, "Pointer Validation"). */
import {
  CODE,
  GP,
  NOT_SYSTEM,
  NP,
  READABLE,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE16,
  TYPE_LDT,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS16,
  TYPE_TSS16_BUSY,
  TYPE_TSS_BUSY,
  WRITABLE,
} from './bits';
import {
  BUSY,
  descriptorAccess,
  descriptorExists,
  descriptorLimit,
  dplOf,
  HIGH_TYPE,
  isConforming,
  isCode,
  isNull,
  isPresent,
  NO_DESCRIPTOR,
  readDescriptor,
  readDescriptorHigh,
  segmentAt,
  selectorError,
  SELECTOR_RPL,
  SELECTOR_TI,
  setDescriptorBits,
  setNullSegment,
  setSegment,
  systemType,
} from './descriptors';
import { fault, raise } from './exceptions';
import { statusFlags, setStatusFlags, ZF } from './flags';
import { isIa32e } from './segments';
import { CPL, LDTR, SEG_BASE, TR } from './state';
import { FAULT, RETIRED } from './status';

/** System types as sets: bit n for type n. */
const LAR_TYPES: u32 =
  (1 << TYPE_TSS16) |
  (1 << TYPE_LDT) |
  (1 << TYPE_TSS16_BUSY) |
  (1 << TYPE_CALL_GATE16) |
  (1 << TYPE_TASK_GATE) |
  (1 << TYPE_TSS) |
  (1 << TYPE_TSS_BUSY) |
  (1 << TYPE_CALL_GATE);
const LSL_TYPES: u32 =
  (1 << TYPE_TSS16) | (1 << TYPE_LDT) | (1 << TYPE_TSS16_BUSY) | (1 << TYPE_TSS) | (1 << TYPE_TSS_BUSY);
const IA32E_TYPES: u32 = (1 << TYPE_LDT) | (1 << TYPE_TSS) | (1 << TYPE_TSS_BUSY) | (1 << TYPE_CALL_GATE);
/** Rights as LAR shows them: type, S, DPL, P, AVL, L, D/B, G; between them, where nothing is defined, the limit as it is. */
const LAR_MASK: u64 = 0x00ffff00;

/** LLDT. */
export function loadLdt(cpu: usize, selector: u32): i32 {
  if (isNull(selector)) {
    setNullSegment(cpu, LDTR, selector, 0);
    return RETIRED;
  }
  const descriptor = systemDescriptor(cpu, selector, 1 << TYPE_LDT);
  if (descriptor == NO_DESCRIPTOR) return FAULT;
  return setSystemSegment(cpu, LDTR, selector, descriptor, false);
}

/** LTR. */
export function loadTaskRegister(cpu: usize, selector: u32): i32 {
  if (isNull(selector)) return fault(cpu, GP, 0);
  const types: u32 = isIa32e(cpu) ? 1 << TYPE_TSS : (1 << TYPE_TSS) | (1 << TYPE_TSS16);
  const descriptor = systemDescriptor(cpu, selector, types);
  if (descriptor == NO_DESCRIPTOR) return FAULT;
  return setSystemSegment(cpu, TR, selector, descriptor, true);
}

/** A descriptor of the GDT whose type is in the set; NO_DESCRIPTOR after a fault. */
function systemDescriptor(cpu: usize, selector: u32, types: u32): u64 {
  if ((selector & SELECTOR_TI) != 0) {
    raise(cpu, GP, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  const descriptor = readDescriptor(cpu, selector, GP);
  if (descriptor == NO_DESCRIPTOR) return NO_DESCRIPTOR;
  const access = descriptorAccess(descriptor);
  if ((access & NOT_SYSTEM) != 0 || ((types >> systemType(access)) & 1) == 0) {
    raise(cpu, GP, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  if (!isPresent(access)) {
    raise(cpu, NP, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  return descriptor;
}

function setSystemSegment(cpu: usize, register: i32, selector: u32, descriptor: u64, busy: bool): i32 {
  let high: u64 = 0;
  if (isIa32e(cpu)) {
    high = readDescriptorHigh(cpu, selector, GP);
    if (high == NO_DESCRIPTOR) return FAULT;
    if ((high & HIGH_TYPE) != 0) return fault(cpu, GP, selectorError(selector));
  }
  if (busy && !setDescriptorBits(cpu, selector, descriptor, BUSY)) return FAULT;
  setSegment(cpu, register, selector, busy ? descriptor | ((<u64>BUSY) << 40) : descriptor);
  const at = segmentAt(cpu, register);
  store<u64>(at, load<u64>(at, SEG_BASE) | (high << 32), SEG_BASE);
  return RETIRED;
}

function answer(cpu: usize, yes: bool): void {
  const flags = statusFlags(cpu);
  setStatusFlags(cpu, yes ? flags | ZF : flags & ~ZF);
}

/** VERR and VERW. */
export function verify(cpu: usize, selector: u32, write: bool): i32 {
  const descriptor = visible(cpu, selector, 0);
  if (descriptor == NO_DESCRIPTOR) return FAULT;
  const access = descriptorAccess(descriptor);
  let allowed = (access & NOT_SYSTEM) != 0;
  if (write) allowed = allowed && (access & (CODE | WRITABLE)) == WRITABLE;
  else allowed = allowed && (access & (CODE | READABLE)) != CODE;
  answer(cpu, allowed);
  return RETIRED;
}

/** The access rights that LAR gives, with ZF; -1: a fault; -2: ZF is clear, and the destination keeps its value. */
export function loadAccessRights(cpu: usize, selector: u32): i64 {
  const descriptor = visible(cpu, selector, LAR_TYPES);
  if (descriptor == NO_DESCRIPTOR) return -1;
  answer(cpu, descriptor != 0);
  return descriptor == 0 ? -2 : <i64>((descriptor >> 32) & LAR_MASK);
}

/** The limit that LSL gives; as loadAccessRights. */
export function loadSegmentLimit(cpu: usize, selector: u32): i64 {
  const descriptor = visible(cpu, selector, LSL_TYPES);
  if (descriptor == NO_DESCRIPTOR) return -1;
  answer(cpu, descriptor != 0);
  return descriptor == 0 ? -2 : <i64>descriptorLimit(descriptor);
}

/**
 * The descriptor if this CPL and the selector's RPL may see it: code, data, or a system type of the set; 0 if not;
 * NO_DESCRIPTOR after a page fault.
 */
function visible(cpu: usize, selector: u32, systemTypes: u32): u64 {
  if (isNull(selector) || !descriptorExists(cpu, selector)) return 0;
  const descriptor = readDescriptor(cpu, selector, GP);
  if (descriptor == NO_DESCRIPTOR) return NO_DESCRIPTOR;
  const access = descriptorAccess(descriptor);
  if ((access & NOT_SYSTEM) == 0) {
    const types = isIa32e(cpu) ? systemTypes & IA32E_TYPES : systemTypes;
    if (((types >> systemType(access)) & 1) == 0) return 0;
  } else if (isCode(access) && isConforming(access)) return descriptor;
  const dpl = dplOf(access);
  return dpl >= load<u8>(cpu, CPL) && dpl >= (selector & SELECTOR_RPL) ? descriptor : 0;
}

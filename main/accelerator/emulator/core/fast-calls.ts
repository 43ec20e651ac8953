/** SYSCALL, SYSRET, SYSENTER, SYSEXIT (SDM vol. 2): transfers to segments that are flat by definition. */
import {
  ACCESSED,
  BIG,
  CODE,
  CR0_PE,
  DPL_SHIFT,
  EFER_SCE,
  GP,
  GRANULAR,
  LONG,
  NOT_SYSTEM,
  PRESENT,
  READABLE,
  RFLAGS_IF,
  RFLAGS_RF,
  RFLAGS_TF,
  RFLAGS_VM,
  WRITABLE,
} from './bits';
import { cancelStep } from './debug';
import { segmentAt } from './descriptors';
import { fault, raiseUd } from './exceptions';
import { getFlags, setFlags } from './flags';
import { isCanonical } from './memory';
import { updateMode } from './modes';
import { is64Bit, isIa32e, isProtected } from './segments';
import {
  CPL,
  CR0,
  CS,
  EFER,
  MSR_FMASK,
  MSR_LSTAR,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  NEXT_RIP,
  R11,
  RCX,
  RDX,
  RSP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_UNUSABLE,
  SS,
} from './state';
import { RETIRED } from './status';
import { updateTlbTags } from './tlb';

const CODE_32: u32 = NOT_SYSTEM | CODE | READABLE | ACCESSED | PRESENT | GRANULAR | BIG;
const CODE_64: u32 = NOT_SYSTEM | CODE | READABLE | ACCESSED | PRESENT | GRANULAR | LONG;
const DATA: u32 = NOT_SYSTEM | WRITABLE | ACCESSED | PRESENT | GRANULAR | BIG;
/** Flags that SYSRET takes from R11. */
const SYSRET_FLAGS: u64 = 0x3c7fd7;

function setFlat(cpu: usize, segment: i32, selector: u32, access: u32, dpl: u32): void {
  const register = segmentAt(cpu, segment);
  store<u64>(register, 0, SEG_BASE);
  store<u32>(register, 0xffffffff, SEG_LIMIT);
  store<u16>(register, <u16>selector, SEG_SELECTOR);
  store<u16>(register, <u16>(access | (dpl << DPL_SHIFT)), SEG_ACCESS);
  store<u8>(register, 0, SEG_UNUSABLE);
}

function enter(cpu: usize, code: u32, codeAccess: u32, stack: u32, cpl: u32): void {
  setFlat(cpu, CS, code, codeAccess, cpl);
  setFlat(cpu, SS, stack, DATA, cpl);
  store<u8>(cpu, <u8>cpl, CPL);
  updateMode(cpu);
  updateTlbTags(cpu);
}

export function syscall(cpu: usize): i32 {
  if (!is64Bit(cpu) || (load<u64>(cpu, EFER) & EFER_SCE) == 0) return raiseUd(cpu);
  const flags = getFlags(cpu);
  const mask = load<u64>(cpu, MSR_FMASK);
  const selector = <u32>(load<u64>(cpu, MSR_STAR) >> 32) & 0xfffc;
  store<u64>(cpu, load<u64>(cpu, NEXT_RIP), RCX);
  store<u64>(cpu, flags & ~RFLAGS_RF, R11);
  store<u64>(cpu, load<u64>(cpu, MSR_LSTAR), NEXT_RIP);
  setFlags(cpu, flags & ~(mask | RFLAGS_RF));
  if ((mask & RFLAGS_TF) != 0) cancelStep(cpu);
  enter(cpu, selector, CODE_64, selector + 8, 0);
  return RETIRED;
}

/** `size` 8: to 64-bit mode; 4: to compatibility mode. */
export function sysret(cpu: usize, size: i32): i32 {
  if (!is64Bit(cpu) || (load<u64>(cpu, EFER) & EFER_SCE) == 0) return raiseUd(cpu);
  if (load<u8>(cpu, CPL) != 0) return fault(cpu, GP, 0);
  const target = load<u64>(cpu, RCX);
  if (size == 8 && !isCanonical(cpu, target)) return fault(cpu, GP, 0);
  const selector = <u32>(load<u64>(cpu, MSR_STAR) >> 48);
  const flags = load<u64>(cpu, R11) & SYSRET_FLAGS & ~(RFLAGS_RF | RFLAGS_VM);
  setFlags(cpu, flags);
  if (size == 8) {
    store<u64>(cpu, target, NEXT_RIP);
    enter(cpu, (selector + 16) | 3, CODE_64, (selector + 8) | 3, 3);
  } else {
    store<u64>(cpu, target & 0xffffffff, NEXT_RIP);
    enter(cpu, selector | 3, CODE_32, (selector + 8) | 3, 3);
  }
  return RETIRED;
}

export function sysenter(cpu: usize): i32 {
  const selector = load<u32>(cpu, MSR_SYSENTER_CS) & 0xfffc;
  if ((load<u64>(cpu, CR0) & CR0_PE) == 0 || selector == 0) return fault(cpu, GP, 0);
  const long = isIa32e(cpu);
  const mask: u64 = long ? u64.MAX_VALUE : 0xffffffff;
  setFlags(cpu, getFlags(cpu) & ~(RFLAGS_IF | RFLAGS_VM));
  store<u64>(cpu, load<u64>(cpu, MSR_SYSENTER_ESP) & mask, RSP);
  store<u64>(cpu, load<u64>(cpu, MSR_SYSENTER_EIP) & mask, NEXT_RIP);
  enter(cpu, selector, long ? CODE_64 : CODE_32, selector + 8, 0);
  return RETIRED;
}

/** `size` 8: to 64-bit mode. */
export function sysexit(cpu: usize, size: i32): i32 {
  const selector = load<u32>(cpu, MSR_SYSENTER_CS) & 0xfffc;
  if (!isProtected(cpu) || selector == 0 || load<u8>(cpu, CPL) != 0) return fault(cpu, GP, 0);
  const target = load<u64>(cpu, RDX);
  const stack = load<u64>(cpu, RCX);
  if (size == 8) {
    if (!isCanonical(cpu, target) || !isCanonical(cpu, stack)) return fault(cpu, GP, 0);
    store<u64>(cpu, stack, RSP);
    store<u64>(cpu, target, NEXT_RIP);
    enter(cpu, (selector + 32) | 3, CODE_64, (selector + 40) | 3, 3);
  } else {
    store<u64>(cpu, stack & 0xffffffff, RSP);
    store<u64>(cpu, target & 0xffffffff, NEXT_RIP);
    enter(cpu, (selector + 16) | 3, CODE_32, (selector + 24) | 3, 3);
  }
  return RETIRED;
}

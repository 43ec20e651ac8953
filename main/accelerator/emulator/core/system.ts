/** System instructions: from decoded operands to what carries them out (SDM vol. 2). */
import {
  BP,
  CR0_EM,
  CR0_MP,
  CR0_PE,
  CR0_TS,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_TSD,
  CR4_UMIP,
  DB,
  GP,
  OF,
  RFLAGS_AC,
  RFLAGS_IF,
} from './bits';
import { fence } from './beside';
import { readCr, writeCr, writeCr0 } from './control';
import { cpuid } from './cpuid';
import { raiseGeneralDetect, readDr, SHADOW_MOV_SS, SHADOW_STI, writeDr } from './debug';
import { baseOf, segmentAt, selectorOf, SELECTOR_RPL } from './descriptors';
import { fault, INT, INT1, INT3, INTO, raiseUd, softwareInterrupt } from './exceptions';
import { exitHlt } from './exits';
import { callFar, interruptReturn, jumpFar, returnFar } from './far';
import { syscall, sysenter, sysexit, sysret } from './fast-calls';
import { overflow, setStatusFlags, statusFlags, ZF } from './flags';
import { withinIopl } from './io-permission';
import { invalidatePcid } from './invpcid';
import { isCanonical } from './memory';
import { monitor, mwait } from './monitor';
import { rdmsr, rdpmc, readTsc, setBase, wrmsr } from './msr';
import { updateMode } from './modes';
import * as T from './opcode-table';
import { rdpkru, wrpkru } from './protection-keys';
import { is64Bit, isProtected, loadSegment, NO_ADDRESS } from './segments';
import { itemValue, releasedStackPointer, stackItem } from './stack';
import { saveOrRestore } from './simd/save';
import { extendedControl } from './simd/xcr0';
import { resume } from './smm';
import { pause } from './spin';
import {
  CPL,
  CR0,
  CR4,
  FS,
  GDTR_BASE,
  GDTR_LIMIT,
  GS,
  IDTR_BASE,
  IDTR_LIMIT,
  LDTR,
  MSR_KERNEL_GS_BASE,
  MSR_TSC_AUX,
  RAX,
  RCX,
  RDX,
  RFLAGS,
  RSP,
  SHADOW,
  SS,
  TR,
} from './state';
import { FAULT, RETIRED } from './status';
import { flushLine, loadTable, NO_SELECTOR, source, sourceWord, storeTable, storeWord } from './system-operands';
import { loadAccessRights, loadLdt, loadSegmentLimit, loadTaskRegister, verify } from './tables';
import { flushTlbPage, updateTlbTags } from './tlb';
import {
  immediate,
  immediate2,
  isMemory,
  operandOffset,
  operandSegment,
  operandSize,
  readReg,
  regField,
  rmField,
  writeReg,
} from './uop';
import { changeVirtualInterruptFlag } from './virtual-8086';

export function system(cpu: usize, u: usize, op: i32): i32 {
  // Many of them serialize (SDM vol. 3A, "Serializing Instructions"); none is so common that the others would mind.
  fence(cpu);
  switch (op) {
    case T.SYS_MOV_TO_SEG:
      return movToSegment(cpu, u);
    case T.SYS_POP_SEG:
      return popSegment(cpu, u);
    case T.SYS_LOAD_FAR_POINTER:
    case T.SYS_JMP_FAR_M:
    case T.SYS_CALL_FAR_M:
      return farPointer(cpu, u, op);
    case T.SYS_JMP_FAR:
      return jumpFar(cpu, immediate2(u), immediate(u));
    case T.SYS_CALL_FAR:
      return callFar(cpu, immediate2(u), immediate(u), operandSize(u));
    case T.SYS_RET_FAR:
      return returnFar(cpu, operandSize(u), immediate(u));
    case T.SYS_IRET:
      return interruptReturn(cpu, operandSize(u));
    case T.SYS_INT:
      return softwareInterrupt(cpu, <i32>immediate(u) & 0xff, INT);
    case T.SYS_INT3:
      return softwareInterrupt(cpu, BP, INT3);
    case T.SYS_INTO:
      return overflow(cpu) ? softwareInterrupt(cpu, OF, INTO) : RETIRED;
    case T.SYS_INT1:
      return softwareInterrupt(cpu, DB, INT1);
    case T.SYS_SYSCALL:
      return syscall(cpu);
    case T.SYS_SYSRET:
      return sysret(cpu, operandSize(u));
    case T.SYS_SYSENTER:
      return sysenter(cpu);
    case T.SYS_SYSEXIT:
      return sysexit(cpu, operandSize(u));
    case T.SYS_PAUSE:
      pause(cpu);
      return RETIRED;
    case T.SYS_CLI:
    case T.SYS_STI:
      return changeInterruptFlag(cpu, op == T.SYS_STI);
    case T.SYS_STAC:
    case T.SYS_CLAC:
      return changeAlignmentFlag(cpu, op == T.SYS_STAC);
    case T.SYS_RSM:
      return resume(cpu);
    case T.SYS_FENCE: // LFENCE, MFENCE and SFENCE: see above
      return RETIRED;
    case T.SYS_FXSAVE:
    case T.SYS_FXRSTOR:
    case T.SYS_XSAVE:
    case T.SYS_XSAVEOPT:
    case T.SYS_XSAVEC:
    case T.SYS_XRSTOR:
      return saveOrRestore(cpu, u, op);
    case T.SYS_XGETBV:
    case T.SYS_XSETBV:
      return extendedControl(cpu, op);
    case T.SYS_CLFLUSH: // and CLFLUSHOPT
      return flushLine(cpu, u);
    case T.SYS_CPUID:
      cpuid(cpu);
      return RETIRED;
    case T.SYS_RDTSC:
    case T.SYS_RDTSCP:
      return rdtsc(cpu, op == T.SYS_RDTSCP);
    case T.SYS_RDFSBASE:
    case T.SYS_RDGSBASE:
    case T.SYS_WRFSBASE:
    case T.SYS_WRGSBASE:
      return segmentBase(cpu, u, op);
    case T.SYS_RDPID:
      writeReg(cpu, rmField(u), is64Bit(cpu) ? 8 : 4, load<u64>(cpu, MSR_TSC_AUX));
      return RETIRED;
    case T.SYS_RDPMC:
      return rdpmc(cpu);
    case T.SYS_INVPCID:
      return invalidatePcid(cpu, u);
    case T.SYS_RDPKRU:
      return rdpkru(cpu);
    case T.SYS_WRPKRU:
      return wrpkru(cpu);
    case T.SYS_MONITOR:
      return monitor(cpu, u);
    case T.SYS_MWAIT:
      return mwait(cpu);
    case T.SYS_SGDT:
      if (isPrevented(cpu)) return fault(cpu, GP, 0);
      return storeTable(cpu, u, load<u64>(cpu, GDTR_BASE), load<u32>(cpu, GDTR_LIMIT));
    case T.SYS_SIDT:
      if (isPrevented(cpu)) return fault(cpu, GP, 0);
      return storeTable(cpu, u, load<u64>(cpu, IDTR_BASE), load<u32>(cpu, IDTR_LIMIT));
    case T.SYS_SMSW:
      if (isPrevented(cpu)) return fault(cpu, GP, 0);
      return storeWord(cpu, u, load<u64>(cpu, CR0));
    case T.SYS_SLDT:
    case T.SYS_STR:
      if (!isProtected(cpu)) return raiseUd(cpu);
      if (isPrevented(cpu)) return fault(cpu, GP, 0);
      return storeWord(cpu, u, selectorOf(cpu, op == T.SYS_SLDT ? LDTR : TR));
    case T.SYS_VERR:
    case T.SYS_VERW:
    case T.SYS_LAR:
    case T.SYS_LSL:
    case T.SYS_ARPL:
      return isProtected(cpu) ? aboutSelector(cpu, u, op) : raiseUd(cpu);
    case T.SYS_LLDT:
    case T.SYS_LTR:
      if (!isProtected(cpu)) return raiseUd(cpu);
      break;
    case T.SYS_MOV_FROM_DR:
    case T.SYS_MOV_TO_DR:
      // DR4 and DR5 are other names of DR6 and DR7, until CR4.DE.
      if (regField(u) >> 1 == 2 && (load<u64>(cpu, CR4) & CR4_DE) != 0) return raiseUd(cpu);
      break;
    default:
      break;
  }
  return load<u8>(cpu, CPL) == 0 ? privileged(cpu, u, op) : fault(cpu, GP, 0);
}

/** By user-mode instruction prevention (CR4.UMIP). */
function isPrevented(cpu: usize): bool {
  return load<u8>(cpu, CPL) != 0 && (load<u64>(cpu, CR4) & CR4_UMIP) != 0;
}

/** What only CPL 0 may. */
function privileged(cpu: usize, u: usize, op: i32): i32 {
  const size = is64Bit(cpu) ? 8 : 4;
  switch (op) {
    case T.SYS_HLT:
      exitHlt(cpu);
      return RETIRED;
    case T.SYS_MOV_FROM_CR:
      writeReg(cpu, rmField(u), size, readCr(cpu, regField(u)));
      return RETIRED;
    case T.SYS_MOV_TO_CR:
      return writeCr(cpu, regField(u), readReg(cpu, rmField(u), size));
    case T.SYS_MOV_FROM_DR:
      if (raiseGeneralDetect(cpu)) return FAULT;
      writeReg(cpu, rmField(u), size, readDr(cpu, debugRegister(u)));
      return RETIRED;
    case T.SYS_MOV_TO_DR:
      if (raiseGeneralDetect(cpu)) return FAULT;
      return writeDr(cpu, debugRegister(u), readReg(cpu, rmField(u), size)) ? RETIRED : fault(cpu, GP, 0);
    case T.SYS_CLTS:
      store<u64>(cpu, load<u64>(cpu, CR0) & ~CR0_TS, CR0);
      updateMode(cpu);
      return RETIRED;
    case T.SYS_LMSW: {
      const word = sourceWord(cpu, u);
      if (word == NO_SELECTOR) return FAULT;
      // It can set PE, but not clear it.
      const old = load<u64>(cpu, CR0);
      return writeCr0(cpu, (old & ~(CR0_MP | CR0_EM | CR0_TS)) | (<u64>word & (CR0_PE | CR0_MP | CR0_EM | CR0_TS)));
    }
    case T.SYS_LGDT:
      return loadTable(cpu, u, GDTR_BASE, GDTR_LIMIT);
    case T.SYS_LIDT:
      return loadTable(cpu, u, IDTR_BASE, IDTR_LIMIT);
    case T.SYS_LLDT: {
      const selector = sourceWord(cpu, u);
      return selector == NO_SELECTOR ? FAULT : loadLdt(cpu, selector);
    }
    case T.SYS_LTR: {
      const selector = sourceWord(cpu, u);
      return selector == NO_SELECTOR ? FAULT : loadTaskRegister(cpu, selector);
    }
    case T.SYS_INVLPG:
      invalidatePage(cpu, u);
      return RETIRED;
    case T.SYS_RDMSR:
      return rdmsr(cpu);
    case T.SYS_WRMSR:
      return wrmsr(cpu);
    case T.SYS_SWAPGS: {
      const base = baseOf(cpu, GS);
      store<u64>(segmentAt(cpu, GS), load<u64>(cpu, MSR_KERNEL_GS_BASE));
      store<u64>(cpu, base, MSR_KERNEL_GS_BASE);
      return RETIRED;
    }
    // There are no caches to write back or to drop.
    case T.SYS_WBINVD:
    case T.SYS_INVD:
      return RETIRED;
    default:
      return raiseUd(cpu);
  }
}

function debugRegister(u: usize): i32 {
  const n = regField(u);
  return n >> 1 == 2 ? n + 2 : n;
}

function movToSegment(cpu: usize, u: usize): i32 {
  const selector = sourceWord(cpu, u);
  if (selector == NO_SELECTOR) return FAULT;
  return loadWithShadow(cpu, regField(u), selector);
}

function loadWithShadow(cpu: usize, segment: i32, selector: u32): i32 {
  if (loadSegment(cpu, segment, selector) == FAULT) return FAULT;
  if (segment == SS) store<u8>(cpu, SHADOW_MOV_SS, SHADOW);
  return RETIRED;
}

function popSegment(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  const item = stackItem(cpu, 0, size);
  if (item == 0) return FAULT;
  const selector: u32 = load<u16>(item);
  // By the old SS: its B bit says how wide the stack pointer is.
  const sp = releasedStackPointer(cpu, size);
  if (loadWithShadow(cpu, regField(u), selector) == FAULT) return FAULT;
  store<u64>(cpu, sp, RSP);
  return RETIRED;
}

/** m16:16, m16:32 or m16:64. */
function farPointer(cpu: usize, u: usize, op: i32): i32 {
  const size = operandSize(u);
  let pointer = source(cpu, u, 0, size);
  if (pointer == 0) return FAULT;
  const offset = itemValue(pointer, size);
  pointer = source(cpu, u, size, 2);
  if (pointer == 0) return FAULT;
  const selector: u32 = load<u16>(pointer);
  if (op == T.SYS_JMP_FAR_M) return jumpFar(cpu, selector, offset);
  if (op == T.SYS_CALL_FAR_M) return callFar(cpu, selector, offset, size);
  if (loadSegment(cpu, immediate2(u), selector) == FAULT) return FAULT;
  writeReg(cpu, regField(u), size, offset);
  return RETIRED;
}

/** Like any address, but nothing is accessed and nothing checked. */
function invalidatePage(cpu: usize, u: usize): void {
  const offset = operandOffset(cpu, u);
  const segment = operandSegment(u);
  if (is64Bit(cpu)) {
    const linear = segment >= FS ? baseOf(cpu, segment) + offset : offset;
    if (isCanonical(cpu, linear)) flushTlbPage(cpu, linear);
  } else flushTlbPage(cpu, (baseOf(cpu, segment) + offset) & 0xffffffff);
}

function aboutSelector(cpu: usize, u: usize, op: i32): i32 {
  if (op == T.SYS_ARPL) return adjustRpl(cpu, u);
  const selector = sourceWord(cpu, u);
  if (selector == NO_SELECTOR) return FAULT;
  if (op == T.SYS_VERR || op == T.SYS_VERW) return verify(cpu, selector, op == T.SYS_VERW);
  const result = op == T.SYS_LAR ? loadAccessRights(cpu, selector) : loadSegmentLimit(cpu, selector);
  if (result == -1) return FAULT;
  if (result >= 0) writeReg(cpu, regField(u), operandSize(u), <u64>result);
  return RETIRED;
}

/** ARPL writes only what it changes. */
function adjustRpl(cpu: usize, u: usize): i32 {
  const word = sourceWord(cpu, u);
  if (word == NO_SELECTOR) return FAULT;
  const selector: u32 = word;
  const rpl = <u32>readReg(cpu, regField(u), 2) & SELECTOR_RPL;
  const raised = (selector & SELECTOR_RPL) < rpl;
  const adjusted = (selector & ~SELECTOR_RPL) | rpl;
  if (raised && !isMemory(u)) writeReg(cpu, rmField(u), 2, adjusted);
  else if (raised && storeWord(cpu, u, adjusted) == FAULT) return FAULT;
  const flags = statusFlags(cpu) & ~ZF;
  setStatusFlags(cpu, raised ? flags | ZF : flags);
  return RETIRED;
}

function segmentBase(cpu: usize, u: usize, op: i32): i32 {
  if ((load<u64>(cpu, CR4) & CR4_FSGSBASE) == 0) return raiseUd(cpu);
  const segment = op == T.SYS_RDFSBASE || op == T.SYS_WRFSBASE ? FS : GS;
  const size = operandSize(u);
  if (op == T.SYS_RDFSBASE || op == T.SYS_RDGSBASE) {
    writeReg(cpu, rmField(u), size, baseOf(cpu, segment));
    return RETIRED;
  }
  return setBase(cpu, segment, readReg(cpu, rmField(u), size)) ? RETIRED : fault(cpu, GP, 0);
}

/** CLI and STI. */
function changeInterruptFlag(cpu: usize, on: bool): i32 {
  const rflags = load<u64>(cpu, RFLAGS);
  if (!withinIopl(cpu)) return changeVirtualInterruptFlag(cpu, on);
  if (!on) store<u64>(cpu, rflags & ~RFLAGS_IF, RFLAGS);
  else if ((rflags & RFLAGS_IF) == 0) {
    store<u64>(cpu, rflags | RFLAGS_IF, RFLAGS);
    store<u8>(cpu, SHADOW_STI, SHADOW);
  }
  return RETIRED;
}

/** STAC and CLAC; #UD outside of CPL 0. */
function changeAlignmentFlag(cpu: usize, on: bool): i32 {
  if (load<u8>(cpu, CPL) != 0) return raiseUd(cpu);
  const rflags = load<u64>(cpu, RFLAGS);
  store<u64>(cpu, on ? rflags | RFLAGS_AC : rflags & ~RFLAGS_AC, RFLAGS);
  updateTlbTags(cpu);
  return RETIRED;
}

function rdtsc(cpu: usize, withAux: bool): i32 {
  if ((load<u64>(cpu, CR4) & CR4_TSD) != 0 && load<u8>(cpu, CPL) != 0) return fault(cpu, GP, 0);
  const tsc = readTsc(cpu);
  store<u64>(cpu, tsc & 0xffffffff, RAX);
  store<u64>(cpu, tsc >> 32, RDX);
  if (withAux) store<u64>(cpu, load<u64>(cpu, MSR_TSC_AUX), RCX);
  return RETIRED;
}

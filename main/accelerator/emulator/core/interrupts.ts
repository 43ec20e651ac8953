/** Delivery of one event through the IVT or IDT (SDM vol. 3A, "Interrupt and Exception Handling"; vol. 2, INT n). */
import {
  BIG,
  DB,
  GP,
  LONG,
  NP,
  RFLAGS_AC,
  RFLAGS_IF,
  RFLAGS_NT,
  RFLAGS_RF,
  RFLAGS_TF,
  RFLAGS_VM,
  TYPE_INTERRUPT_GATE,
  TYPE_INTERRUPT_GATE16,
  TYPE_TASK_GATE,
  TYPE_TRAP_GATE,
  TYPE_TRAP_GATE16,
} from './bits';
import {
  descriptorAccess,
  descriptorLimit,
  dplOf,
  isCode,
  isConforming,
  isNull,
  isPresent,
  NO_DESCRIPTOR,
  readDescriptor,
  selectorError,
  selectorOf,
  setAccessed,
  setRealSegment,
  setSegment,
  systemType,
} from './descriptors';
import { fault } from './exceptions';
import { getFlags } from './flags';
import { isCanonical, readAs } from './memory';
import { updateMode } from './modes';
import { ACCESS_IMPLICIT, ACCESS_USER } from './paging';
import { isIa32e, isProtected, isVirtual8086 } from './segments';
import { addToFrame, beginFrame, checkFrame, useOwnStack, useStack, writeFrame } from './stack';
import { CPL, CS, IDTR_BASE, IDTR_LIMIT, NEXT_RIP, RFLAGS, RSP, SS } from './state';
import { FAULT, RETIRED } from './status';
import { BY_EVENT, switchTask } from './tasks';
import { updateTlbTags } from './tlb';
import { enterInnerStack, innerStackPointer, useInnerStack } from './tss';
import { dropDataSegments, pushDataSegments } from './virtual-8086';

/** INT n, INT3, INTO: the gate's DPL counts. */
export const EVENT_SOFTWARE: i32 = 0;
export const EVENT_EXCEPTION: i32 = 1;
/** External interrupts, NMIs, INT1. */
export const EVENT_EXTERNAL: i32 = 2;

export const NO_ERROR_CODE: i64 = -1;

/** Error codes that name an IDT entry. */
const ERROR_IDT: u32 = 1 << 1;
/**
 * RETIRED: CPU state is the handler's, NEXT_RIP its entry; behind a task gate an exception may be pending there (tasks.ts).
 * FAULT: nothing has changed.
 */
export function deliver(cpu: usize, vector: i32, errorCode: i64, kind: i32, returnRip: u64): i32 {
  let image = getFlags(cpu);
  const virtual = isVirtual8086(cpu);
  if (!virtual && !isProtected(cpu)) return deliverReal(cpu, vector, image, returnRip);
  // The instruction of a fault is run again: RF keeps its breakpoint from hitting twice. #DB has what it needs in RFLAGS.
  if (kind == EVENT_EXCEPTION && vector != DB) image |= RFLAGS_RF;

  const long = isIa32e(cpu);
  const gateError = ((<u32>vector) << 3) | ERROR_IDT;
  const gateSize = long ? 16 : 8;
  if (<u32>(vector + 1) * gateSize - 1 > load<u32>(cpu, IDTR_LIMIT)) return fault(cpu, GP, gateError);
  const gateAddress = load<u64>(cpu, IDTR_BASE) + <u64>(vector * gateSize);
  let pointer = readAs(cpu, gateAddress, 8, ACCESS_IMPLICIT);
  if (pointer == 0) return FAULT;
  const gate = load<u64>(pointer);
  const gateAccess = descriptorAccess(gate);
  const type = systemType(gateAccess);
  const wide = type == TYPE_INTERRUPT_GATE || type == TYPE_TRAP_GATE;
  const legacy = type == TYPE_INTERRUPT_GATE16 || type == TYPE_TRAP_GATE16 || type == TYPE_TASK_GATE;
  if (!wide && (long || !legacy)) return fault(cpu, GP, gateError);
  const cpl: u32 = load<u8>(cpu, CPL);
  if (kind == EVENT_SOFTWARE && dplOf(gateAccess) < cpl) return fault(cpu, GP, gateError);
  if (!isPresent(gateAccess)) return fault(cpu, NP, gateError);

  const selector = <u32>(gate >> 16) & 0xffff;
  if (type == TYPE_TASK_GATE) return switchTask(cpu, selector, BY_EVENT, returnRip, image, errorCode);
  let entry = gate & 0xffff;
  if (wide) entry |= (gate >> 32) & 0xffff0000;
  if (long) {
    pointer = readAs(cpu, gateAddress + 8, 8, ACCESS_IMPLICIT);
    if (pointer == 0) return FAULT;
    entry |= load<u64>(pointer) << 32;
  }

  if (isNull(selector)) return fault(cpu, GP, 0);
  const code = readDescriptor(cpu, selector, GP);
  if (code == NO_DESCRIPTOR) return FAULT;
  const codeAccess = descriptorAccess(code);
  if (!isCode(codeAccess) || dplOf(codeAccess) > cpl) return fault(cpu, GP, selectorError(selector));
  if (long && (codeAccess & (LONG | BIG)) != LONG) return fault(cpu, GP, selectorError(selector));
  if (virtual && (isConforming(codeAccess) || dplOf(codeAccess) != 0)) return fault(cpu, GP, selectorError(selector));
  if (!isPresent(codeAccess)) return fault(cpu, NP, selectorError(selector));
  if (long ? !isCanonical(cpu, entry) : entry > descriptorLimit(code)) return fault(cpu, GP, 0);

  const newCpl = isConforming(codeAccess) ? cpl : dplOf(codeAccess);
  const size = long ? 8 : wide ? 4 : 2;
  const access = newCpl == 3 ? ACCESS_USER : 0;
  const inner = newCpl < cpl;
  const ist = long ? <u32>(gate >> 32) & 7 : 0;
  let sp = load<u64>(cpu, RSP);
  beginFrame(cpu);
  if (inner || ist != 0) {
    if (!useInnerStack(cpu, newCpl, ist)) return FAULT;
    sp = innerStackPointer(cpu);
  } else if (long) useStack(cpu, 0, 0, 0, true, 0);
  else useOwnStack(cpu);
  if (long) sp &= ~0xf;

  if (virtual) pushDataSegments(cpu);
  if (long || inner) {
    addToFrame(cpu, selectorOf(cpu, SS));
    addToFrame(cpu, load<u64>(cpu, RSP));
  }
  addToFrame(cpu, image);
  addToFrame(cpu, selectorOf(cpu, CS));
  addToFrame(cpu, returnRip);
  if (errorCode != NO_ERROR_CODE) addToFrame(cpu, <u64>errorCode);
  if (!checkFrame(cpu, sp, size, access) || !setAccessed(cpu, selector, code)) return FAULT;

  store<u64>(cpu, writeFrame(cpu, sp, size, access), RSP);
  const moved = setSegment(cpu, CS, (selector & 0xfffc) | newCpl, code);
  store<u8>(cpu, <u8>newCpl, CPL);
  if (inner) enterInnerStack(cpu, newCpl);
  if (virtual) dropDataSegments(cpu);
  let cleared = RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM;
  if (type == TYPE_INTERRUPT_GATE || type == TYPE_INTERRUPT_GATE16) cleared |= RFLAGS_IF;
  enterHandler(cpu, entry, cleared);
  if (moved || inner) updateMode(cpu);
  if (inner) updateTlbTags(cpu);
  return RETIRED;
}

function deliverReal(cpu: usize, vector: i32, image: u64, returnRip: u64): i32 {
  if (<u32>vector * 4 + 3 > load<u32>(cpu, IDTR_LIMIT)) return fault(cpu, GP, 0);
  const pointer = readAs(cpu, load<u64>(cpu, IDTR_BASE) + <u64>(vector * 4), 4, ACCESS_IMPLICIT);
  if (pointer == 0) return FAULT;
  const entry = load<u32>(pointer);
  beginFrame(cpu);
  addToFrame(cpu, image);
  addToFrame(cpu, selectorOf(cpu, CS));
  addToFrame(cpu, returnRip);
  useOwnStack(cpu);
  const sp = load<u64>(cpu, RSP);
  if (!checkFrame(cpu, sp, 2, 0)) return FAULT;
  store<u64>(cpu, writeFrame(cpu, sp, 2, 0), RSP);
  setRealSegment(cpu, CS, entry >> 16);
  enterHandler(cpu, entry & 0xffff, RFLAGS_IF | RFLAGS_TF | RFLAGS_RF | RFLAGS_AC);
  updateMode(cpu);
  updateTlbTags(cpu);
  return RETIRED;
}

function enterHandler(cpu: usize, entry: u64, cleared: u64): void {
  store<u64>(cpu, load<u64>(cpu, RFLAGS) & ~cleared, RFLAGS);
  store<u64>(cpu, entry, NEXT_RIP);
}

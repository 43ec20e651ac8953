/**
 * Far JMP and CALL to system descriptors: call gates, task gates, task-state segments (SDM vol. 3A, "Gate Descriptors",
 * "Accessing a Code Segment Through a Call Gate", "Stack Switching"; vol. 2, CALL and JMP).
 */
import {
  BIG,
  GP,
  LONG,
  NP,
  TYPE_CALL_GATE,
  TYPE_CALL_GATE16,
  TYPE_TASK_GATE,
  TYPE_TSS,
  TYPE_TSS16,
} from './bits';
import { enterCode, reaches } from './code-segments';
import {
  descriptorAccess,
  dplOf,
  HIGH_TYPE,
  isCode,
  isConforming,
  isNull,
  isPresent,
  NO_DESCRIPTOR,
  readDescriptor,
  readDescriptorHigh,
  selectorError,
  selectorOf,
  SELECTOR_RPL,
  setAccessed,
  systemType,
} from './descriptors';
import { fault } from './exceptions';
import { getFlags } from './flags';
import { NO_ERROR_CODE } from './interrupts';
import { is64Bit, isIa32e } from './segments';
import { addToFrame, beginFrame, checkFrame, itemValue, stackItem, useOwnStack, useStack, writeFrame } from './stack';
import { CPL, CS, NEXT_RIP, RSP, SS } from './state';
import { FAULT, RETIRED } from './status';
import { BY_CALL, BY_JUMP, switchTask } from './tasks';
import { ownAccess, updateTlbTags } from './tlb';
import { enterInnerStack, innerStackPointer, useInnerStack } from './tss';

/** `descriptor`: what the selector of a far pointer names, where that is no segment of code or data. */
export function transfer(cpu: usize, selector: u32, descriptor: u64, isCall: bool): i32 {
  const access = descriptorAccess(descriptor);
  const type = systemType(access);
  const long = isIa32e(cpu);
  const callGate = type == TYPE_CALL_GATE || (type == TYPE_CALL_GATE16 && !long);
  const task = !long && (type == TYPE_TASK_GATE || type == TYPE_TSS || type == TYPE_TSS16);
  const dpl = dplOf(access);
  if ((!callGate && !task) || dpl < load<u8>(cpu, CPL) || dpl < (selector & SELECTOR_RPL))
    return fault(cpu, GP, selectorError(selector));
  // Of a TSS the switch itself says so, after it has looked where the descriptor is.
  if ((callGate || type == TYPE_TASK_GATE) && !isPresent(access)) return fault(cpu, NP, selectorError(selector));
  if (callGate) return throughCallGate(cpu, selector, descriptor, isCall);
  const target = type == TYPE_TASK_GATE ? <u32>(descriptor >> 16) & 0xffff : selector;
  const how = isCall ? BY_CALL : BY_JUMP;
  return switchTask(cpu, target, how, load<u64>(cpu, NEXT_RIP), getFlags(cpu), NO_ERROR_CODE);
}

function throughCallGate(cpu: usize, gateSelector: u32, gate: u64, isCall: bool): i32 {
  const long = isIa32e(cpu);
  const wide = systemType(descriptorAccess(gate)) == TYPE_CALL_GATE;
  let entry = gate & 0xffff;
  if (wide) entry |= (gate >> 32) & 0xffff0000;
  if (long) {
    const high = readDescriptorHigh(cpu, gateSelector, GP);
    if (high == NO_DESCRIPTOR) return FAULT;
    if ((high & HIGH_TYPE) != 0) return fault(cpu, GP, selectorError(gateSelector));
    entry |= high << 32;
  }
  const selector = <u32>(gate >> 16) & 0xffff;
  if (isNull(selector)) return fault(cpu, GP, 0);
  const code = readDescriptor(cpu, selector, GP);
  if (code == NO_DESCRIPTOR) return FAULT;
  const access = descriptorAccess(code);
  const cpl: u32 = load<u8>(cpu, CPL);
  const dpl = dplOf(access);
  // The RPL of the gate's selector does not count.
  const allowed = isCall || isConforming(access) ? dpl <= cpl : dpl == cpl;
  if (!isCode(access) || !allowed || (long && (access & (LONG | BIG)) != LONG))
    return fault(cpu, GP, selectorError(selector));
  if (!isPresent(access)) return fault(cpu, NP, selectorError(selector));
  if (!reaches(cpu, code, entry)) return FAULT;
  const level = isConforming(access) ? cpl : dpl;
  const size = long ? 8 : wide ? 4 : 2;
  const parameters = long ? 0 : <i32>(gate >> 32) & 31;
  const prepared = isCall
    ? pushReturn(cpu, selector, code, level, size, parameters)
    : setAccessed(cpu, selector, code);
  if (!prepared) return FAULT;
  enterCode(cpu, selector, code, entry);
  updateTlbTags(cpu);
  return RETIRED;
}

/**
 * Pushes the way back; towards an inner level on the stack of that, with the parameters, and changes over to it. False: a fault
 * was raised, and nothing has changed.
 */
function pushReturn(cpu: usize, selector: u32, code: u64, level: u32, size: i32, parameters: i32): bool {
  const inner = level < load<u8>(cpu, CPL);
  let sp = load<u64>(cpu, RSP);
  beginFrame(cpu);
  if (inner) {
    if (!useInnerStack(cpu, level, 0)) return false;
    addToFrame(cpu, selectorOf(cpu, SS));
    addToFrame(cpu, sp);
    sp = innerStackPointer(cpu);
    for (let n = parameters - 1; n >= 0; n--) {
      const parameter = stackItem(cpu, <u64>(n * size), size);
      if (parameter == 0) return false;
      addToFrame(cpu, itemValue(parameter, size));
    }
  } else if (isIa32e(cpu)) {
    // The target is 64-bit code, for which SS has no base.
    if (!is64Bit(cpu)) sp &= 0xffffffff;
    useStack(cpu, 0, 0, 0, true, 0);
  } else useOwnStack(cpu);
  addToFrame(cpu, selectorOf(cpu, CS));
  addToFrame(cpu, load<u64>(cpu, NEXT_RIP));
  const access = inner ? 0 : ownAccess(cpu);
  if (!checkFrame(cpu, sp, size, access) || !setAccessed(cpu, selector, code)) return false;
  store<u64>(cpu, writeFrame(cpu, sp, size, access), RSP);
  if (!inner) return true;
  enterInnerStack(cpu, level);
  store<u8>(cpu, <u8>level, CPL);
  return true;
}

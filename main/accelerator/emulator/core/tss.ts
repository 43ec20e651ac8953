/** What transfers to an inner level take from the task-state segment (SDM vol. 3A, "Task-State Segment", "Stack Switching"). */
import { SSF, TS, TYPE_TSS, TYPE_TSS_BUSY } from './bits';
import {
  accessOf,
  baseOf,
  descriptorAccess,
  descriptorBase,
  descriptorLimit,
  isNull,
  NO_DESCRIPTOR,
  segmentAt,
  selectorError,
  selectorOf,
  setAccessed,
  setNullSegment,
  setSegment,
  systemType,
} from './descriptors';
import { raise } from './exceptions';
import { isCanonical, readAs } from './memory';
import { ACCESS_IMPLICIT } from './paging';
import { isIa32e, stackDescriptor } from './segments';
import { useStack } from './stack';
import { SEG_LIMIT, SEG_UNUSABLE, SS, SYSTEM_ROOM, TR } from './state';

/** u64: stack pointer that the TSS gives; u16: its stack selector; u64: the descriptor of that. */
const TSS_SP: usize = SYSTEM_ROOM + 80;
const TSS_SS: usize = SYSTEM_ROOM + 88;
const TSS_STACK: usize = SYSTEM_ROOM + 120;

/** Whether the task register holds a 32-bit TSS (64-bit in IA-32e mode). */
export function isWideTss(cpu: usize): bool {
  const type = systemType(accessOf(cpu, TR));
  return type == TYPE_TSS || type == TYPE_TSS_BUSY;
}

/** Makes the stack of an inner level the one that frames go to; `ist` is of IA-32e mode. False: a fault was raised. */
export function useInnerStack(cpu: usize, level: u32, ist: u32): bool {
  if (isIa32e(cpu)) {
    if (!readLongStack(cpu, level, ist)) return false;
    useStack(cpu, 0, 0, 0, true, 0);
    return true;
  }
  if (!readStack(cpu, level)) return false;
  const selector: u32 = load<u16>(cpu, TSS_SS);
  if (isNull(selector)) {
    raise(cpu, TS, 0);
    return false;
  }
  const stack = stackDescriptor(cpu, selector, level, TS);
  if (stack == NO_DESCRIPTOR) return false;
  const access = descriptorAccess(stack);
  useStack(cpu, descriptorBase(stack), descriptorLimit(stack), access, false, selectorError(selector));
  store<u64>(cpu, stack, TSS_STACK);
  return setAccessed(cpu, selector, stack);
}

/** The stack pointer that goes with it. */
export function innerStackPointer(cpu: usize): u64 {
  return load<u64>(cpu, TSS_SP);
}

/** Loads SS with it. In IA-32e mode that is a null selector. */
export function enterInnerStack(cpu: usize, level: u32): void {
  if (isIa32e(cpu)) setNullSegment(cpu, SS, level, level);
  else setSegment(cpu, SS, load<u16>(cpu, TSS_SS), load<u64>(cpu, TSS_STACK));
}

/** Takes SS:ESP for a privilege level into TSS_SP and TSS_SS; false: a fault was raised. */
function readStack(cpu: usize, level: u32): bool {
  const wide = isWideTss(cpu);
  const offset = wide ? 4 + 8 * level : 2 + 4 * level;
  const pointerSize: u32 = wide ? 4 : 2;
  const sp = readTss(cpu, offset, pointerSize, offset + pointerSize + 1);
  if (sp == 0) return false;
  store<u64>(cpu, wide ? <u64>load<u32>(sp) : <u64>load<u16>(sp), TSS_SP);
  const ss = readTss(cpu, offset + pointerSize, 2, offset + pointerSize + 1);
  if (ss == 0) return false;
  store<u16>(cpu, load<u16>(ss), TSS_SS);
  return true;
}

/** Takes RSP for a privilege level, or of the interrupt stack table, into TSS_SP; false: a fault was raised. */
function readLongStack(cpu: usize, level: u32, ist: u32): bool {
  const offset = ist != 0 ? 28 + 8 * ist : 4 + 8 * level;
  const pointer = readTss(cpu, offset, 8, offset + 7);
  if (pointer == 0) return false;
  const sp = load<u64>(pointer);
  if (!isCanonical(cpu, sp)) {
    raise(cpu, SSF, 0);
    return false;
  }
  store<u64>(cpu, sp, TSS_SP);
  return true;
}

/** Host address of a field of the TSS, which must reach to offset `last`; 0 after a fault. */
export function readTss(cpu: usize, offset: u32, size: u32, last: u32): usize {
  const tr = segmentAt(cpu, TR);
  if (load<u8>(tr, SEG_UNUSABLE) != 0 || last > load<u32>(tr, SEG_LIMIT)) {
    raise(cpu, TS, selectorError(selectorOf(cpu, TR)));
    return 0;
  }
  return readAs(cpu, baseOf(cpu, TR) + offset, size, ACCESS_IMPLICIT);
}

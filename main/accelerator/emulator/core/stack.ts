/**
 * Stack frames of far transfers and events. A frame is checked as a whole before anything of it is written, since what it
 * belongs to either happens or leaves nothing changed.
 */
import { BIG, SSF } from './bits';
import { accessOf, baseOf, segmentAt } from './descriptors';
import { raise, raiseAsStackFault } from './exceptions';
import { commitWrite, readAs, readKnown, writeAs, writeKnown } from './memory';
import { is64Bit, linearAddress, NO_ADDRESS, withinLimit } from './segments';
import { RSP, SCRATCH, SEG_LIMIT, SS, SYSTEM_ROOM } from './state';
import { ownAccess } from './tlb';

/** u64 x 40: items in the order in which they are pushed; at most 31 parameters and what leads back. */
const FRAME: usize = SYSTEM_ROOM + 256;
/** u32: how many. */
const FRAME_COUNT: usize = SYSTEM_ROOM + 96;
/** The stack that a frame goes to. */
const STACK_BASE: usize = SYSTEM_ROOM + 104; // u64
const STACK_LIMIT: usize = SYSTEM_ROOM + 112; // u32
const STACK_ACCESS: usize = SYSTEM_ROOM + 116; // u32
const STACK_MASK: usize = SYSTEM_ROOM + 192; // u64
const STACK_ERROR: usize = SYSTEM_ROOM + 200; // u32

export function beginFrame(cpu: usize): void {
  store<u32>(cpu, 0, FRAME_COUNT);
}

export function addToFrame(cpu: usize, value: u64): void {
  const count = load<u32>(cpu, FRAME_COUNT);
  store<u64>(cpu + ((<usize>count) << 3), value, FRAME);
  store<u32>(cpu, count + 1, FRAME_COUNT);
}

export function frameItem(cpu: usize, n: i32): u64 {
  return load<u64>(cpu + ((<usize>n) << 3), FRAME);
}

/** Bits of the stack pointer that count with this stack segment. */
export function stackMask(access: u32, long: bool): u64 {
  if (long) return u64.MAX_VALUE;
  return (access & BIG) != 0 ? 0xffffffff : 0xffff;
}

/** The stack pointer with a new value in the bits that count. */
export function mergeStackPointer(old: u64, value: u64, mask: u64): u64 {
  return mask == 0xffff ? (old & ~0xffff) | (value & 0xffff) : value & mask;
}

/** Frames go to the present stack. */
export function useOwnStack(cpu: usize): void {
  const access = accessOf(cpu, SS);
  useStack(cpu, baseOf(cpu, SS), load<u32>(segmentAt(cpu, SS), SEG_LIMIT), access, is64Bit(cpu), 0);
}

/** Frames go to a stack that is not in SS yet; `error` is the code of the #SS where it has no room. */
export function useStack(cpu: usize, base: u64, limit: u32, access: u32, long: bool, error: u32): void {
  store<u64>(cpu, long ? 0 : base, STACK_BASE);
  store<u32>(cpu, limit, STACK_LIMIT);
  store<u32>(cpu, access, STACK_ACCESS);
  store<u64>(cpu, stackMask(access, long), STACK_MASK);
  store<u32>(cpu, error, STACK_ERROR);
}

/** Host address of the whole frame where it lies within the limit and in one page that the TLB knows; 0: it has to be gone through. */
function framePointer(cpu: usize, sp: u64, size: i32, access: i32): usize {
  const mask = load<u64>(cpu, STACK_MASK);
  const bytes = <i32>load<u32>(cpu, FRAME_COUNT) * size;
  if ((sp & mask) < <u64>bytes) return 0;
  const long = mask == u64.MAX_VALUE;
  const offset = (sp & mask) - <u64>bytes;
  if (!long && !withinLimit(load<u32>(cpu, STACK_ACCESS), load<u32>(cpu, STACK_LIMIT), offset, bytes)) return 0;
  return writeKnown(cpu, stackLinear(cpu, offset, long), bytes, access);
}

/** Whether the frame, in items of `size` bytes below `sp`, can be written; else a fault was raised. */
export function checkFrame(cpu: usize, sp: u64, size: i32, access: i32): bool {
  if (framePointer(cpu, sp, size, access) != 0) return true;
  const mask = load<u64>(cpu, STACK_MASK);
  const long = mask == u64.MAX_VALUE;
  let offset = sp;
  for (let i: u32 = 0; i < load<u32>(cpu, FRAME_COUNT); i++) {
    offset = (offset - size) & mask;
    if (!long && !withinLimit(load<u32>(cpu, STACK_ACCESS), load<u32>(cpu, STACK_LIMIT), offset, size)) {
      raise(cpu, SSF, load<u32>(cpu, STACK_ERROR));
      return false;
    }
    if (writeAs(cpu, stackLinear(cpu, offset, long), size, access) == 0) {
      raiseAsStackFault(cpu);
      return false;
    }
  }
  return true;
}

/** Writes a frame that checkFrame has passed; the new stack pointer. */
export function writeFrame(cpu: usize, sp: u64, size: i32, access: i32): u64 {
  const mask = load<u64>(cpu, STACK_MASK);
  const long = mask == u64.MAX_VALUE;
  const count = load<u32>(cpu, FRAME_COUNT);
  const whole = framePointer(cpu, sp, size, access);
  let offset = sp;
  for (let i: u32 = 0; i < count; i++) {
    offset = (offset - size) & mask;
    const value = load<u64>(cpu + ((<usize>i) << 3), FRAME);
    if (whole != 0) {
      storeItem(whole + <usize>(count - 1 - i) * <usize>size, size, value);
      continue;
    }
    const pointer = writeAs(cpu, stackLinear(cpu, offset, long), size, access);
    storeItem(pointer, size, value);
    if (pointer == cpu + SCRATCH) commitWrite(cpu);
  }
  return mergeStackPointer(sp, offset, mask);
}

function storeItem(pointer: usize, size: i32, value: u64): void {
  if (size == 8) store<u64>(pointer, value);
  else if (size == 4) store<u32>(pointer, <u32>value);
  else store<u16>(pointer, <u16>value);
}

function stackLinear(cpu: usize, offset: u64, long: bool): u64 {
  return long ? offset : (load<u64>(cpu, STACK_BASE) + offset) & 0xffffffff;
}

/** Where an item above the top of the present stack lies; NO_ADDRESS after #SS(0). */
function itemAddress(cpu: usize, distance: u64, size: i32): u64 {
  const long = is64Bit(cpu);
  const offset = (load<u64>(cpu, RSP) + distance) & stackMask(accessOf(cpu, SS), long);
  return linearAddress(cpu, SS, offset, size, 0);
}

/** Host address of the uppermost `bytes` of the stack where they are within the limit and in one page that the TLB knows; else 0. */
export function stackTop(cpu: usize, bytes: i32): usize {
  const long = is64Bit(cpu);
  const access = accessOf(cpu, SS);
  const mask = stackMask(access, long);
  const offset = load<u64>(cpu, RSP) & mask;
  if (long) return readKnown(cpu, offset, bytes, ownAccess(cpu));
  if (offset + <u64>bytes > mask || !withinLimit(access, load<u32>(segmentAt(cpu, SS), SEG_LIMIT), offset, bytes)) return 0;
  return readKnown(cpu, (baseOf(cpu, SS) + offset) & 0xffffffff, bytes, ownAccess(cpu));
}

/** Host address of an item `distance` bytes above the top of the stack; 0 after a fault. */
export function stackItem(cpu: usize, distance: u64, size: i32): usize {
  const linear = itemAddress(cpu, distance, size);
  return linear == NO_ADDRESS ? 0 : readAs(cpu, linear, size, ownAccess(cpu));
}

/** The item at a host address, zero-extended. */
export function itemValue(pointer: usize, size: i32): u64 {
  if (size == 8) return load<u64>(pointer);
  return size == 4 ? <u64>load<u32>(pointer) : <u64>load<u16>(pointer);
}

/** The present stack pointer after `bytes` more have been released. */
export function releasedStackPointer(cpu: usize, bytes: u64): u64 {
  const sp = load<u64>(cpu, RSP);
  return mergeStackPointer(sp, sp + bytes, stackMask(accessOf(cpu, SS), is64Bit(cpu)));
}

/**
 * Descriptors as they stand in the GDT and LDT (SDM vol. 3A, "Segment Descriptors", "Segment Descriptor Tables in IA-32e
 * Mode"), and the hidden parts of segment registers that are filled from them.
 */
import { ACCESSED, CODE, CONFORMING, DPL_SHIFT, GRANULAR, NOT_SYSTEM, PRESENT, WRITABLE } from './bits';
import { raise } from './exceptions';
import { changeBitsAs, readAs, writeAs } from './memory';
import { ACCESS_IMPLICIT } from './paging';
import {
  GDTR_BASE,
  GDTR_LIMIT,
  LDTR,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_UNUSABLE,
  SEGMENT_SIZE,
  SEGMENTS,
} from './state';

/** Of `readDescriptor`: there is none; a fault was raised. One that has all bits set is read as if its AVL were clear. */
export const NO_DESCRIPTOR: u64 = u64.MAX_VALUE;

export const SELECTOR_TI: u32 = 4;
export const SELECTOR_RPL: u32 = 3;
const ACCESS_SHIFT: u64 = 40;
/** Type bits of the upper half of a 16-byte descriptor, which must be 0. */
export const HIGH_TYPE: u64 = 0x1f << 40;
const AVAILABLE: u64 = 1 << 52;
/** Of a TSS's type. */
export const BUSY: u32 = 2;
/** The byte of a descriptor with type, S, DPL and P. */
const ACCESS_BYTE: u64 = 5;

// @ts-ignore: decorator
@inline
export function segmentAt(cpu: usize, segment: i32): usize {
  return cpu + SEGMENTS + <usize>segment * SEGMENT_SIZE;
}

export function selectorOf(cpu: usize, segment: i32): u32 {
  return load<u16>(segmentAt(cpu, segment), SEG_SELECTOR);
}

export function baseOf(cpu: usize, segment: i32): u64 {
  return load<u64>(segmentAt(cpu, segment), SEG_BASE);
}

export function accessOf(cpu: usize, segment: i32): u32 {
  return load<u16>(segmentAt(cpu, segment), SEG_ACCESS);
}

export function descriptorBase(descriptor: u64): u64 {
  return ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000);
}

/** In bytes: the last valid offset. */
export function descriptorLimit(descriptor: u64): u32 {
  const limit = <u32>((descriptor & 0xffff) | ((descriptor >> 32) & 0xf0000));
  return (descriptorAccess(descriptor) & GRANULAR) != 0 ? (limit << 12) | 0xfff : limit;
}

export function descriptorAccess(descriptor: u64): u32 {
  return <u32>(descriptor >> ACCESS_SHIFT) & 0xf0ff;
}

export function dplOf(access: u32): u32 {
  return (access >> DPL_SHIFT) & 3;
}

export function isPresent(access: u32): bool {
  return (access & PRESENT) != 0;
}

export function isCode(access: u32): bool {
  return (access & (NOT_SYSTEM | CODE)) == (NOT_SYSTEM | CODE);
}

export function isConforming(access: u32): bool {
  return (access & CONFORMING) != 0;
}

export function isWritableData(access: u32): bool {
  return (access & (NOT_SYSTEM | CODE | WRITABLE)) == (NOT_SYSTEM | WRITABLE);
}

/** Type of a system descriptor; 0, which is reserved, for code and data. */
export function systemType(access: u32): u32 {
  return (access & NOT_SYSTEM) != 0 ? 0 : access & 15;
}

export function isNull(selector: u32): bool {
  return (selector & 0xfffc) == 0;
}

/** Error code that names a selector. */
export function selectorError(selector: u32): u32 {
  return selector & 0xfffc;
}

/** Linear address of the descriptor; 0xFFF...: `size` bytes are not within the table. */
function descriptorAddress(cpu: usize, selector: u32, size: u32): u64 {
  const offset = selector & 0xfff8;
  if ((selector & SELECTOR_TI) == 0) {
    return offset + size - 1 > load<u32>(cpu, GDTR_LIMIT) ? u64.MAX_VALUE : load<u64>(cpu, GDTR_BASE) + offset;
  }
  const table = segmentAt(cpu, LDTR);
  if (load<u8>(table, SEG_UNUSABLE) != 0 || offset + size - 1 > load<u32>(table, SEG_LIMIT)) return u64.MAX_VALUE;
  return load<u64>(table, SEG_BASE) + offset;
}

/** Whether the selector's descriptor lies within its table. */
export function descriptorExists(cpu: usize, selector: u32): bool {
  return descriptorAddress(cpu, selector, 8) != u64.MAX_VALUE;
}

function descriptorAt(pointer: usize): u64 {
  const descriptor = load<u64>(pointer);
  return descriptor == NO_DESCRIPTOR ? ~AVAILABLE : descriptor;
}

/** `vector`: raised with the selector where the table has no such entry. */
export function readDescriptor(cpu: usize, selector: u32, vector: i32): u64 {
  const address = descriptorAddress(cpu, selector, 8);
  if (address == u64.MAX_VALUE) {
    raise(cpu, vector, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  const pointer = readAs(cpu, address, 8, ACCESS_IMPLICIT);
  return pointer == 0 ? NO_DESCRIPTOR : descriptorAt(pointer);
}

/** The upper half of a 16-byte system descriptor (IA-32e mode). */
export function readDescriptorHigh(cpu: usize, selector: u32, vector: i32): u64 {
  const address = descriptorAddress(cpu, selector, 16);
  if (address == u64.MAX_VALUE) {
    raise(cpu, vector, selectorError(selector));
    return NO_DESCRIPTOR;
  }
  const pointer = readAs(cpu, address + 8, 8, ACCESS_IMPLICIT);
  return pointer == 0 ? NO_DESCRIPTOR : descriptorAt(pointer);
}

/** Sets type bits in the descriptor in memory: the accessed flag, a TSS's busy flag. False: a fault was raised. */
export function setDescriptorBits(cpu: usize, selector: u32, descriptor: u64, bits: u32): bool {
  const access = descriptorAccess(descriptor);
  return (access & bits) == bits || changeBitsAs(cpu, accessAddress(cpu, selector), ACCESS_IMPLICIT, access, bits, true);
}

function accessAddress(cpu: usize, selector: u32): u64 {
  return descriptorAddress(cpu, selector, 8) + ACCESS_BYTE;
}

/** Whether the type of a descriptor that exists can be changed in memory; else a fault was raised. */
export function canSetType(cpu: usize, selector: u32): bool {
  return writeAs(cpu, accessAddress(cpu, selector), 1, ACCESS_IMPLICIT) != 0;
}

/** Changes a TSS's busy flag in memory, where `canSetType`. */
export function setBusy(cpu: usize, selector: u32, descriptor: u64, busy: bool): void {
  changeBitsAs(cpu, accessAddress(cpu, selector), ACCESS_IMPLICIT, descriptorAccess(descriptor), BUSY, busy);
}

export function setAccessed(cpu: usize, selector: u32, descriptor: u64): bool {
  return setDescriptorBits(cpu, selector, descriptor, ACCESSED);
}

/** Fills the hidden part; the accessed flag is set there as in memory. False: base, limit and rights are what they were. */
export function setSegment(cpu: usize, segment: i32, selector: u32, descriptor: u64): bool {
  const access = descriptorAccess(descriptor);
  const register = segmentAt(cpu, segment);
  const base = descriptorBase(descriptor);
  const limit = descriptorLimit(descriptor);
  const rights = (access & NOT_SYSTEM) != 0 ? access | ACCESSED : access;
  store<u16>(register, <u16>selector, SEG_SELECTOR);
  if (
    load<u64>(register, SEG_BASE) == base &&
    load<u32>(register, SEG_LIMIT) == limit &&
    load<u16>(register, SEG_ACCESS) == <u16>rights &&
    load<u8>(register, SEG_UNUSABLE) == 0
  )
    return false;
  store<u64>(register, base, SEG_BASE);
  store<u32>(register, limit, SEG_LIMIT);
  store<u16>(register, <u16>rights, SEG_ACCESS);
  store<u8>(register, 0, SEG_UNUSABLE);
  return true;
}

/** A null selector, or a segment that a return to an outer level takes away. `dpl` counts for SS, whose DPL is the CPL. */
export function setNullSegment(cpu: usize, segment: i32, selector: u32, dpl: u32): void {
  const register = segmentAt(cpu, segment);
  store<u64>(register, 0, SEG_BASE);
  store<u32>(register, 0, SEG_LIMIT);
  store<u16>(register, <u16>selector, SEG_SELECTOR);
  store<u16>(register, <u16>(dpl << DPL_SHIFT), SEG_ACCESS);
  store<u8>(register, 1, SEG_UNUSABLE);
}

/** Real-mode loads change selector and base only; limit and rights stay as they were. */
export function setRealSegment(cpu: usize, segment: i32, selector: u32): void {
  const register = segmentAt(cpu, segment);
  store<u64>(register, (<u64>selector) << 4, SEG_BASE);
  store<u16>(register, <u16>selector, SEG_SELECTOR);
  store<u8>(register, 0, SEG_UNUSABLE);
}

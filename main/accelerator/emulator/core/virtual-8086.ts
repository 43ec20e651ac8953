/**
 * Virtual-8086 mode with its extensions VME and PVI (SDM vol. 3B, "8086 Emulation": "Virtual-8086 Mode", "Interrupt and
 * Exception Handling in Virtual-8086 Mode", "Protected-Mode Virtual Interrupts").
 */
import {
  ACCESSED,
  CR4_PVI,
  CR4_VME,
  DPL_SHIFT,
  GP,
  NOT_SYSTEM,
  PRESENT,
  RFLAGS_DEFINED,
  RFLAGS_IF,
  RFLAGS_IOPL,
  RFLAGS_NT,
  RFLAGS_RF,
  RFLAGS_STATUS,
  RFLAGS_TF,
  RFLAGS_VIF,
  RFLAGS_VIP,
  WRITABLE,
} from './bits';
import { cancelStep } from './debug';
import { baseOf, segmentAt, selectorOf, setNullSegment, setRealSegment } from './descriptors';
import { fault } from './exceptions';
import { getFlags, setFlags } from './flags';
import { withinIopl } from './io-permission';
import { readAs } from './memory';
import { updateMode } from './modes';
import { ACCESS_IMPLICIT } from './paging';
import { isVirtual8086 } from './segments';
import { addToFrame, beginFrame, checkFrame, frameItem, stackItem, useOwnStack, writeFrame } from './stack';
import {
  CPL,
  CR4,
  CS,
  DS,
  ES,
  FS,
  GS,
  NEXT_RIP,
  RFLAGS,
  RSP,
  SEG_ACCESS,
  SEG_LIMIT,
  SS,
  TR,
} from './state';
import { FAULT, RETIRED } from './status';
import { ownAccess, updateTlbTags } from './tlb';
import { isWideTss, readTss } from './tss';

/** Every segment is data of DPL 3 that may be written, CS too, and has 64 KiB. */
const SEGMENT_ACCESS: u32 = PRESENT | NOT_SYSTEM | (3 << DPL_SHIFT) | WRITABLE | ACCESSED;
const LAST_OFFSET: u32 = 0xffff;

/** The TSS's field that says where the I/O permission map begins, and the size of the map of software interrupts before it. */
const TSS_IO_MAP: u32 = 0x66;
const REDIRECTION_BYTES: u32 = 32;

export function setVirtual8086Segment(cpu: usize, segment: i32, selector: u32): void {
  const register = segmentAt(cpu, segment);
  setRealSegment(cpu, segment, selector);
  store<u32>(register, LAST_OFFSET, SEG_LIMIT);
  store<u16>(register, <u16>SEGMENT_ACCESS, SEG_ACCESS);
}

/** IRET at CPL 0 with VM in the image: behind EIP, CS and EFLAGS lie ESP, SS, ES, DS, FS and GS, 32 bits each. */
export function returnToVirtual8086(cpu: usize, rip: u64, selector: u32, image: u64): i32 {
  beginFrame(cpu);
  for (let n = 3; n <= 8; n++) {
    const item = stackItem(cpu, 4 * n, 4);
    if (item == 0) return FAULT;
    addToFrame(cpu, load<u32>(item));
  }
  if (rip > LAST_OFFSET) return fault(cpu, GP, 0);
  setVirtual8086Segment(cpu, CS, selector);
  setVirtual8086Segment(cpu, SS, <u32>frameItem(cpu, 1) & 0xffff);
  setVirtual8086Segment(cpu, ES, <u32>frameItem(cpu, 2) & 0xffff);
  setVirtual8086Segment(cpu, DS, <u32>frameItem(cpu, 3) & 0xffff);
  setVirtual8086Segment(cpu, FS, <u32>frameItem(cpu, 4) & 0xffff);
  setVirtual8086Segment(cpu, GS, <u32>frameItem(cpu, 5) & 0xffff);
  store<u64>(cpu, frameItem(cpu, 0), RSP);
  store<u64>(cpu, rip, NEXT_RIP);
  store<u8>(cpu, 3, CPL);
  setFlags(cpu, image & RFLAGS_DEFINED);
  updateMode(cpu);
  updateTlbTags(cpu);
  return RETIRED;
}

/** What is pushed of the segments when an event leaves for ring 0, before SS. */
export function pushDataSegments(cpu: usize): void {
  addToFrame(cpu, selectorOf(cpu, GS));
  addToFrame(cpu, selectorOf(cpu, FS));
  addToFrame(cpu, selectorOf(cpu, DS));
  addToFrame(cpu, selectorOf(cpu, ES));
}

/** Their selectors mean nothing to the handler. */
export function dropDataSegments(cpu: usize): void {
  setNullSegment(cpu, ES, 0, 0);
  setNullSegment(cpu, DS, 0, 0);
  setNullSegment(cpu, FS, 0, 0);
  setNullSegment(cpu, GS, 0, 0);
}

/** Whether an extension stands in for the IOPL that is missing: VME in virtual-8086 mode, with 16-bit operands. */
function isExtended(cpu: usize, size: i32): bool {
  return size == 2 && (load<u64>(cpu, CR4) & CR4_VME) != 0;
}

/** CLI and STI where IOPL forbids them. */
export function changeVirtualInterruptFlag(cpu: usize, on: bool): i32 {
  const flags = load<u64>(cpu, RFLAGS);
  const extension = isVirtual8086(cpu) ? CR4_VME : CR4_PVI;
  if ((load<u64>(cpu, CR4) & extension) == 0 || load<u8>(cpu, CPL) != 3) return fault(cpu, GP, 0);
  if (on && (flags & RFLAGS_VIP) != 0) return fault(cpu, GP, 0);
  store<u64>(cpu, on ? flags | RFLAGS_VIF : flags & ~RFLAGS_VIF, RFLAGS);
  return RETIRED;
}

/** What a program below IOPL 3 sees of the flags: all of IOPL, and VIF for IF. */
function virtualFlags(cpu: usize): u64 {
  const flags = getFlags(cpu) & ~RFLAGS_IF;
  return flags | RFLAGS_IOPL | ((flags & RFLAGS_VIF) != 0 ? RFLAGS_IF : 0);
}

/** Whether PUSHF, POPF and IRET need what only an extension gives. */
export function flagsAreVirtual(cpu: usize): bool {
  return isVirtual8086(cpu) && !withinIopl(cpu);
}

/** PUSHF where `flagsAreVirtual`: the image; -1 after #GP(0). */
export function virtualFlagsToPush(cpu: usize, size: i32): i64 {
  if (isExtended(cpu, size)) return <i64>virtualFlags(cpu);
  fault(cpu, GP, 0);
  return -1;
}

/** POPF and IRET where `flagsAreVirtual`: takes a 16-bit image; false: #GP(0). */
export function mayTakeFlags(cpu: usize, image: u64, size: i32): bool {
  const waits = (image & RFLAGS_IF) != 0 && (load<u64>(cpu, RFLAGS) & RFLAGS_VIP) != 0;
  if (isExtended(cpu, size) && !waits && (image & RFLAGS_TF) == 0) return true;
  fault(cpu, GP, 0);
  return false;
}

export function takeVirtualFlags(cpu: usize, image: u64): void {
  const mask = RFLAGS_STATUS | RFLAGS_TF | RFLAGS_NT | RFLAGS_VIF;
  const vif: u64 = (image & RFLAGS_IF) != 0 ? RFLAGS_VIF : 0;
  setFlags(cpu, (getFlags(cpu) & ~mask) | (image & mask & 0xffff) | vif);
}

/** Of `interruptVirtual8086`: the IDT decides. */
export const BY_GATE: i32 = 3;

/** INT n in virtual-8086 mode (table "Software Interrupt Handling Methods While in Virtual-8086 Mode"). */
export function interruptVirtual8086(cpu: usize, vector: i32): i32 {
  if ((load<u64>(cpu, CR4) & CR4_VME) != 0) {
    // The last bytes of the I/O map's head: one bit for each vector, set where the IDT handles it.
    const field = readTss(cpu, TSS_IO_MAP, 2, TSS_IO_MAP + 1);
    if (field == 0 || !isWideTss(cpu)) return fault(cpu, GP, 0);
    const at = <u32>load<u16>(field) - REDIRECTION_BYTES + (vector >> 3);
    if (at > load<u32>(segmentAt(cpu, TR), SEG_LIMIT)) return fault(cpu, GP, 0);
    const map = readAs(cpu, (baseOf(cpu, TR) + at) & 0xffffffff, 1, ACCESS_IMPLICIT);
    if (map == 0) return FAULT;
    if ((load<u8>(map) & (1 << (vector & 7))) == 0) return interruptInside(cpu, vector);
  }
  return withinIopl(cpu) ? BY_GATE : fault(cpu, GP, 0);
}

/** As an 8086 does it, by the vectors at linear address 0. */
function interruptInside(cpu: usize, vector: i32): i32 {
  const pointer = readAs(cpu, vector * 4, 4, ownAccess(cpu));
  if (pointer == 0) return FAULT;
  const entry = load<u32>(pointer);
  const real = withinIopl(cpu);
  beginFrame(cpu);
  addToFrame(cpu, real ? getFlags(cpu) : virtualFlags(cpu));
  addToFrame(cpu, selectorOf(cpu, CS));
  addToFrame(cpu, load<u64>(cpu, NEXT_RIP));
  useOwnStack(cpu);
  const sp = load<u64>(cpu, RSP);
  if (!checkFrame(cpu, sp, 2, ownAccess(cpu))) return FAULT;
  store<u64>(cpu, writeFrame(cpu, sp, 2, ownAccess(cpu)), RSP);
  setRealSegment(cpu, CS, entry >> 16);
  store<u64>(cpu, entry & 0xffff, NEXT_RIP);
  const cleared = RFLAGS_TF | RFLAGS_RF | (real ? RFLAGS_IF : RFLAGS_VIF);
  store<u64>(cpu, load<u64>(cpu, RFLAGS) & ~cleared, RFLAGS);
  cancelStep(cpu);
  updateMode(cpu);
  return RETIRED;
}

/**
 * Task switches (SDM vol. 3A, "Task Management"): by JMP, CALL, IRET with NT, and events through task gates; 16- and 32-bit TSS.
 *
 * What can fail is tried first, in the context of the old task, until the switch is certain. From there on every fault is one
 * of the new task, before its first instruction: it is left pending, and the switch counts as done.
 */
import { CR0_PG, CR0_TS, GP, NP, RFLAGS_DEFINED, RFLAGS_NT, RFLAGS_VM, TS, TYPE_LDT } from './bits';
import { reaches } from './code-segments';
import { writeCr3 } from './control';
import { dropLocalBreakpoints, raiseTaskTrap } from './debug';
import {
  baseOf,
  BUSY,
  canSetType,
  descriptorAccess,
  descriptorBase,
  descriptorLimit,
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
  SELECTOR_TI,
  setAccessed,
  setBusy,
  setNullSegment,
  setSegment,
  systemType,
} from './descriptors';
import { fault, raise } from './exceptions';
import { exitInternalError } from './exits';
import { setFlags } from './flags';
import { NO_ERROR_CODE } from './interrupts';
import { commitWrite, readAs, writeAs } from './memory';
import { updateMode } from './modes';
import { ACCESS_IMPLICIT } from './paging';
import { isVirtual8086, loadDataSegment, stackDescriptor } from './segments';
import { addToFrame, beginFrame, checkFrame, useOwnStack, writeFrame } from './stack';
import {
  CPL,
  CR0,
  CS,
  DS,
  ES,
  EXCEPTION,
  FS,
  GS,
  LDTR,
  NEXT_RIP,
  RSP,
  SCRATCH,
  SEG_LIMIT,
  SS,
  SYSTEM_ROOM,
  TR,
} from './state';
import { FAULT, RETIRED } from './status';
import { ownAccess, updateTlbTags } from './tlb';
import { isWideTss } from './tss';
import { setVirtual8086Segment } from './virtual-8086';

export const BY_JUMP: i32 = 0;
export const BY_CALL: i32 = 1;
/** IRET; the task that is left ends. */
export const BY_RETURN: i32 = 2;
export const BY_EVENT: i32 = 3;

/** Of a TSS's type: 32 bits. */
const WIDE: u32 = 8;

// Offsets in a TSS. General and segment registers follow each other in the order of their encodings.
const LIMIT: u32 = 0x67;
const CR3_AT: u32 = 0x1c;
const EIP: u32 = 0x20;
const EFLAGS: u32 = 0x24;
const GENERAL: u32 = 0x28;
const SEGMENT_SELECTORS: u32 = 0x48;
const LDT: u32 = 0x60;
const TRAP: u32 = 0x64;
const LIMIT16: u32 = 0x2b;
const IP16: u32 = 0x0e;
const FLAGS16: u32 = 0x10;
const GENERAL16: u32 = 0x12;
const SEGMENT_SELECTORS16: u32 = 0x22;
const LDT16: u32 = 0x2a;

/** The TSS of the new task, as it was read: 104 bytes. */
const IMAGE: usize = SYSTEM_ROOM + 640;

/**
 * Switches to the task of a TSS selector; `rip` and `flags` are what the old one goes on with. RETIRED: NEXT_RIP is the new
 * task's, and an exception may be pending there. FAULT: nothing has changed.
 */
export function switchTask(cpu: usize, selector: u32, how: i32, rip: u64, flags: u64, errorCode: i64): i32 {
  const vector = how == BY_RETURN ? TS : GP;
  if (isNull(selector) || (selector & SELECTOR_TI) != 0) return fault(cpu, vector, selectorError(selector));
  const descriptor = readDescriptor(cpu, selector, vector);
  if (descriptor == NO_DESCRIPTOR) return FAULT;
  const access = descriptorAccess(descriptor);
  const type = systemType(access);
  const busy = (type & BUSY) != 0;
  // 1 and 9, or, of a task that waits for this one's end, 3 and 11.
  if ((type & 5) != 1 || busy != (how == BY_RETURN)) return fault(cpu, vector, selectorError(selector));
  if (!isPresent(access)) return fault(cpu, NP, selectorError(selector));
  const wide = (type & WIDE) != 0;
  if (descriptorLimit(descriptor) < (wide ? LIMIT : LIMIT16)) return fault(cpu, TS, selectorError(selector));

  const old = selectorOf(cpu, TR);
  const oldWide = isWideTss(cpu);
  if (load<u32>(segmentAt(cpu, TR), SEG_LIMIT) < (oldWide ? LIMIT : LIMIT16))
    return fault(cpu, TS, selectorError(old));
  const oldDescriptor = readDescriptor(cpu, old, TS);
  if (oldDescriptor == NO_DESCRIPTOR) return FAULT;
  const nests = how == BY_CALL || how == BY_EVENT;
  const base = descriptorBase(descriptor);
  const oldBase = baseOf(cpu, TR);
  if (!readImage(cpu, base, wide)) return FAULT;
  const first = oldWide ? EIP : IP16;
  const end = oldWide ? LDT : LDT16;
  if (!canWrite(cpu, oldBase + first) || !canWrite(cpu, oldBase + end - 1)) return FAULT;
  if (nests && (!canWrite(cpu, base) || !canWrite(cpu, base + 1))) return FAULT;
  if (how != BY_RETURN && !canSetType(cpu, selector)) return FAULT;
  if (!nests && !canSetType(cpu, old)) return FAULT;

  if (!nests) setBusy(cpu, old, oldDescriptor, false);
  saveTask(cpu, oldBase, oldWide, rip, how == BY_RETURN ? flags & ~RFLAGS_NT : flags);
  if (nests) put(cpu, base, old, 2);
  if (how != BY_RETURN) setBusy(cpu, selector, descriptor, true);
  if (base == oldBase) readImage(cpu, base, wide); // a task that returns to itself
  setSegment(cpu, TR, selector, descriptor | ((<u64>BUSY) << 40));
  store<u64>(cpu, load<u64>(cpu, CR0) | CR0_TS, CR0);
  dropLocalBreakpoints(cpu);
  loadRegisters(cpu, wide, nests ? RFLAGS_NT : 0);
  if (!loadTask(cpu, wide) || !pushError(cpu, wide, errorCode)) {
    // Tables outside of RAM: a switch that has begun cannot wait for a device.
    if (load<i32>(cpu, EXCEPTION) < 0) exitInternalError(cpu, base);
  } else if (wide && (load<u8>(cpu, IMAGE + TRAP) & 1) != 0) raiseTaskTrap(cpu);
  updateMode(cpu);
  updateTlbTags(cpu);
  return RETIRED;
}

function linearOf(address: u64): u64 {
  return address & 0xffffffff;
}

function readImage(cpu: usize, base: u64, wide: bool): bool {
  const last = wide ? LIMIT : LIMIT16;
  for (let offset: u32 = 0; offset < last; offset += 4) {
    const pointer = readAs(cpu, linearOf(base + offset), 4, ACCESS_IMPLICIT);
    if (pointer == 0) return false;
    store<u32>(cpu + offset, load<u32>(pointer), IMAGE);
  }
  return true;
}

function canWrite(cpu: usize, address: u64): bool {
  return writeAs(cpu, linearOf(address), 1, ACCESS_IMPLICIT) != 0;
}

/** Where `canWrite` for its first and last byte. */
function put(cpu: usize, address: u64, value: u64, size: i32): void {
  const pointer = writeAs(cpu, linearOf(address), size, ACCESS_IMPLICIT);
  if (pointer == 0) return;
  if (size == 4) store<u32>(pointer, <u32>value);
  else store<u16>(pointer, <u16>value);
  if (pointer == cpu + SCRATCH) commitWrite(cpu);
}

function saveTask(cpu: usize, base: u64, wide: bool, rip: u64, flags: u64): void {
  const size = wide ? 4 : 2;
  put(cpu, base + (wide ? EIP : IP16), rip, size);
  put(cpu, base + (wide ? EFLAGS : FLAGS16), flags, size);
  const general = base + (wide ? GENERAL : GENERAL16);
  for (let n = 0; n < 8; n++) put(cpu, general + n * size, load<u64>(cpu + ((<usize>n) << 3)), size);
  const segments = base + (wide ? SEGMENT_SELECTORS : SEGMENT_SELECTORS16);
  const last = wide ? GS : DS;
  for (let n = ES; n <= last; n++) put(cpu, segments + n * size, selectorOf(cpu, n), size);
}

function imageWord(cpu: usize, wide: bool, offset: u32, offset16: u32): u32 {
  return wide ? load<u32>(cpu + offset, IMAGE) : <u32>load<u16>(cpu + offset16, IMAGE);
}

/** A selector of the image; a 16-bit TSS has none for FS and GS. */
function imageSelector(cpu: usize, wide: bool, segment: i32): u32 {
  if (wide) return load<u16>(cpu + SEGMENT_SELECTORS + 4 * segment, IMAGE);
  return segment <= DS ? <u32>load<u16>(cpu + SEGMENT_SELECTORS16 + 2 * segment, IMAGE) : 0;
}

/** What needs no look at memory. Segments have their selectors, and nothing else yet. */
function loadRegisters(cpu: usize, wide: bool, nested: u64): void {
  const size = wide ? 4 : 2;
  const flags: u64 = imageWord(cpu, wide, EFLAGS, FLAGS16);
  setFlags(cpu, (flags & RFLAGS_DEFINED) | nested);
  store<u64>(cpu, imageWord(cpu, wide, EIP, IP16), NEXT_RIP);
  for (let n = 0; n < 8; n++)
    store<u64>(cpu + ((<usize>n) << 3), imageWord(cpu, wide, GENERAL + n * size, GENERAL16 + n * size));
  const cpl = (flags & RFLAGS_VM) != 0 ? 3 : imageSelector(cpu, wide, CS) & SELECTOR_RPL;
  store<u8>(cpu, <u8>cpl, CPL);
  for (let segment = ES; segment <= GS; segment++)
    setNullSegment(cpu, segment, imageSelector(cpu, wide, segment), segment == SS ? cpl : 0);
  setNullSegment(cpu, LDTR, imageWord(cpu, wide, LDT, LDT16) & 0xffff, 0);
  updateMode(cpu);
}

/** Address space and segments; false: a fault of the new task was raised. */
function loadTask(cpu: usize, wide: bool): bool {
  if (wide && (load<u64>(cpu, CR0) & CR0_PG) != 0 && writeCr3(cpu, load<u32>(cpu + CR3_AT, IMAGE)) == FAULT)
    return false;
  if (!loadLdt(cpu, selectorOf(cpu, LDTR))) return false;
  if (isVirtual8086(cpu)) {
    for (let segment = ES; segment <= GS; segment++)
      setVirtual8086Segment(cpu, segment, imageSelector(cpu, wide, segment));
  } else {
    if (!loadCode(cpu, selectorOf(cpu, CS)) || !loadStack(cpu, selectorOf(cpu, SS))) return false;
    if (!loadData(cpu, ES) || !loadData(cpu, DS) || !loadData(cpu, FS) || !loadData(cpu, GS)) return false;
  }
  updateMode(cpu);
  updateTlbTags(cpu);
  return true;
}

function refuse(cpu: usize, vector: i32, selector: u32): bool {
  raise(cpu, vector, selectorError(selector));
  return false;
}

function loadLdt(cpu: usize, selector: u32): bool {
  if (isNull(selector)) return true;
  if ((selector & SELECTOR_TI) != 0) return refuse(cpu, TS, selector);
  const descriptor = readDescriptor(cpu, selector, TS);
  if (descriptor == NO_DESCRIPTOR) return false;
  const access = descriptorAccess(descriptor);
  if (systemType(access) != TYPE_LDT || !isPresent(access)) return refuse(cpu, TS, selector);
  setSegment(cpu, LDTR, selector, descriptor);
  return true;
}

function loadCode(cpu: usize, selector: u32): bool {
  if (isNull(selector)) return refuse(cpu, TS, selector);
  const code = readDescriptor(cpu, selector, TS);
  if (code == NO_DESCRIPTOR) return false;
  const access = descriptorAccess(code);
  const cpl: u32 = load<u8>(cpu, CPL);
  const allowed = isConforming(access) ? dplOf(access) <= cpl : dplOf(access) == cpl;
  if (!isCode(access) || !allowed) return refuse(cpu, TS, selector);
  if (!isPresent(access)) return refuse(cpu, NP, selector);
  if (!setAccessed(cpu, selector, code)) return false;
  setSegment(cpu, CS, selector, code);
  return reaches(cpu, code, load<u64>(cpu, NEXT_RIP));
}

function loadStack(cpu: usize, selector: u32): bool {
  if (isNull(selector)) return refuse(cpu, TS, selector);
  const stack = stackDescriptor(cpu, selector, load<u8>(cpu, CPL), TS);
  if (stack == NO_DESCRIPTOR || !setAccessed(cpu, selector, stack)) return false;
  setSegment(cpu, SS, selector, stack);
  return true;
}

function loadData(cpu: usize, segment: i32): bool {
  const selector = selectorOf(cpu, segment);
  return isNull(selector) || loadDataSegment(cpu, segment, selector, TS) == RETIRED;
}

/** The error code of an exception that a task handles, on the stack of that task. */
function pushError(cpu: usize, wide: bool, errorCode: i64): bool {
  if (errorCode == NO_ERROR_CODE) return true;
  beginFrame(cpu);
  addToFrame(cpu, <u64>errorCode);
  useOwnStack(cpu);
  const sp = load<u64>(cpu, RSP);
  const size = wide ? 4 : 2;
  const access = ownAccess(cpu);
  if (!checkFrame(cpu, sp, size, access)) return false;
  store<u64>(cpu, writeFrame(cpu, sp, size, access), RSP);
  return true;
}

/**
 * Breakpoints and watchpoints of a debugger outside the machine, which its guest neither sees nor can use up. The host keeps the
 * list in the block that all vcpus share, while nobody runs, and then has decoded code and TLBs dropped.
 *
 * - A breakpoint is a micro-operation of its own before each instruction whose address within its page is a breakpoint's, on
 *   whatever page: it costs only those, and a block is divided no differently for it.
 * - The page of a watchpoint enters no TLB, so that each access to it takes the slow path. Where that meets one, the instruction
 *   is run again by itself, as after a device's read, and leaves for the host when it is done.
 */
import { RFLAGS_RF } from './bits';
import { exitDebug } from './exits';
import { CODE_64, CODE_SIZE } from './modes';
import { BREAKPOINT } from './opcode-table';
import { ACCESS_IMPLICIT, ACCESS_WRITE } from './paging';
import {
  CS_BASE,
  MODE,
  PASS,
  PASS_RIP,
  RFLAGS,
  RIP,
  SHARED,
  SHARED_BREAKPOINT_COUNT,
  SHARED_BREAKPOINTS,
  SHARED_WATCHPOINT_COUNT,
  SHARED_WATCHPOINTS,
  WATCHPOINT_SIZE,
  WATCH_ALONE,
  WATCH_MET,
  WATCH_RERUN,
} from './state';
import { FAULT, RETIRED } from './status';
import { F_REP, F_REPNE, UOP_SIZE, U_FLAGS, U_LENGTH, U_NEXT, U_NUMBER, U_OP } from './uop';

/** Of PASS: which breakpoint at PASS_RIP does not count once. */
const PASS_NONE: u8 = 0;
const PASS_ANY: u8 = 1;
/** That of a repeated string instruction which is under way. */
const PASS_REPEATED: u8 = 2;

/** Of a watchpoint: first and last linear address, and the accesses that meet it. */
const WATCH_LAST: usize = 8;
const WATCH_KIND: usize = 16;
const WATCH_WRITES: u32 = 1;
const WATCH_READS: u32 = 2;

/** KVM_EXIT_DEBUG tells of an exception: #BP, or #DB with what was met. */
const VECTOR_BP: u32 = 3;
const VECTOR_DB: u32 = 1;

// @ts-ignore: decorator
@inline
function shared(cpu: usize): usize {
  return <usize>load<u32>(cpu, SHARED);
}

// @ts-ignore: decorator
@inline
export function hasBreakpoints(cpu: usize): bool {
  return load<u32>(shared(cpu), SHARED_BREAKPOINT_COUNT) != 0;
}

// @ts-ignore: decorator
@inline
function hasWatchpoints(cpu: usize): bool {
  return load<u32>(shared(cpu), SHARED_WATCHPOINT_COUNT) != 0;
}

/** Whether an instruction at this place of a page is to be preceded by a mark. */
export function marksBreakpoint(cpu: usize, inPage: u32): bool {
  const list = shared(cpu);
  const count = load<u32>(list, SHARED_BREAKPOINT_COUNT);
  for (let n: u32 = 0; n < count; n++) {
    if ((load<u32>(list + (<usize>n << 3), SHARED_BREAKPOINTS) & 0xfff) == (inPage & 0xfff)) return true;
  }
  return false;
}

/** Puts the mark before the instruction that was decoded to `u`; that is moved up by one. */
export function mark(u: usize, number: u32, offset: u32): void {
  memory.copy(u + UOP_SIZE, u, UOP_SIZE);
  memory.fill(u, 0, UOP_SIZE);
  store<u16>(u, <u16>BREAKPOINT, U_OP);
  store<u16>(u, <u16>offset, U_NEXT);
  store<u8>(u, 0, U_LENGTH);
  store<u8>(u, <u8>number, U_NUMBER);
}

/** At a mark: leaves for the host where the instruction behind it is a breakpoint's. */
export function breakpoint(cpu: usize, u: usize): i32 {
  const rip = load<u64>(cpu, RIP);
  const passing = load<u8>(cpu, PASS);
  if (passing != PASS_NONE && load<u64>(cpu, PASS_RIP) == rip) {
    store<u8>(cpu, PASS_NONE, PASS);
    if (passing == PASS_ANY || (load<u8>(u + UOP_SIZE, U_FLAGS) & (F_REP | F_REPNE)) != 0) return RETIRED;
  }
  const is64 = (load<u32>(cpu, MODE) & CODE_SIZE) == CODE_64;
  const linear = is64 ? rip : (load<u64>(cpu, CS_BASE) + rip) & 0xffffffff;
  const list = shared(cpu);
  const count = load<u32>(list, SHARED_BREAKPOINT_COUNT);
  for (let n: u32 = 0; n < count; n++) {
    if (load<u64>(list + (<usize>n << 3), SHARED_BREAKPOINTS) != linear) continue;
    exitDebug(cpu, VECTOR_BP, 0);
    return FAULT;
  }
  return RETIRED;
}

/** The instruction at RIP has met its breakpoint already. */
function pass(cpu: usize, which: u8): void {
  store<u64>(cpu, load<u64>(cpu, RIP), PASS_RIP);
  store<u8>(cpu, which, PASS);
}

/** The instruction at RIP is to run next, whatever breakpoint is there; to be taken back when it has. */
export function passBreakpoint(cpu: usize, wanted: bool): void {
  pass(cpu, wanted ? PASS_ANY : PASS_NONE);
}

/** Between two runs of blocks: RF says that a repeated string instruction at RIP has met its breakpoint. */
export function noteRepetition(cpu: usize): void {
  if (load<u8>(cpu, PASS) == PASS_ANY) return;
  if ((load<u64>(cpu, RFLAGS) & RFLAGS_RF) != 0) pass(cpu, PASS_REPEATED);
  else store<u8>(cpu, PASS_NONE, PASS);
}

/** Whether some watchpoint reaches into the page of a linear address. */
export function watchesPage(cpu: usize, linear: u64): bool {
  return hasWatchpoints(cpu) && watchpointAt(cpu, linear & ~0xfff, linear | 0xfff, WATCH_READS | WATCH_WRITES) >= 0;
}

/** The first watchpoint that these accesses to these bytes meet; -1: none. */
function watchpointAt(cpu: usize, first: u64, last: u64, accesses: u32): i32 {
  const list = shared(cpu);
  const count = load<u32>(list, SHARED_WATCHPOINT_COUNT);
  for (let n: u32 = 0; n < count; n++) {
    const entry = list + SHARED_WATCHPOINTS + <usize>n * WATCHPOINT_SIZE;
    if ((load<u32>(entry, WATCH_KIND) & accesses) == 0) continue;
    if (load<u64>(entry) <= last && load<u64>(entry, WATCH_LAST) >= first) return n;
  }
  return -1;
}

/** An instruction accesses bytes, on the slow path. False: it meets a watchpoint, and has to be run again by itself. */
export function passesWatchpoints(cpu: usize, linear: u64, size: i32, access: i32): bool {
  if (!hasWatchpoints(cpu) || (access & ACCESS_IMPLICIT) != 0) return true;
  const accesses = (access & ACCESS_WRITE) != 0 ? WATCH_WRITES : WATCH_READS;
  const met = watchpointAt(cpu, linear, linear + <u64>(size - 1), accesses);
  if (met < 0) return true;
  if (load<u8>(cpu, WATCH_ALONE) == 0) {
    store<u8>(cpu, 1, WATCH_RERUN);
    return false;
  }
  if (load<u8>(cpu, WATCH_MET) == 0) store<u8>(cpu, <u8>(met + 1), WATCH_MET);
  return true;
}

/** The instruction that met a watchpoint is done. */
export function exitWatchpoint(cpu: usize): void {
  exitDebug(cpu, VECTOR_DB, load<u8>(cpu, WATCH_MET) - 1);
  store<u8>(cpu, 0, WATCH_MET);
}

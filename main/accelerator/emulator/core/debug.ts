/** Debug registers (SDM vol. 3B, "Debug, Branch Profile, TSC"): breakpoints and single-stepping. */
import { CR4_DE, DB, RFLAGS_RF, RFLAGS_TF } from './bits';
import { raise } from './exceptions';
import { ACCESS_WRITE } from './paging';
import { CR4, CS_BASE, DEBUG_ACTIVE, DR0, DR6, DR7, MODE, RFLAGS, RIP, SHADOW, SYSTEM_ROOM } from './state';
import { CODE_64, CODE_SIZE } from './modes';
import { BREAKPOINTS_MET, DATA_BREAKPOINTS, updateTlbTags } from './tlb';

/** u8: RFLAGS.TF as it was when the instruction began. */
const STEPPING: usize = SYSTEM_ROOM + 73;

/** Of SHADOW: begun by STI, which holds interrupts off; by a load of SS, which holds debug exceptions off, too. */
export const SHADOW_STI: u8 = 1;
export const SHADOW_MOV_SS: u8 = 2;

const DR6_FIXED: u64 = 0xffff0ff0;
const DR6_WRITABLE: u64 = 0xe00f;
const DR6_BD: u64 = 1 << 13;
const DR6_BS: u64 = 1 << 14;
const DR6_BT: u64 = 1 << 15;
const DR7_FIXED: u64 = 1 << 10;
export const DR7_RESET: u64 = DR7_FIXED;
const DR7_WRITABLE: u64 = 0xffff2bff;
const DR7_GD: u64 = 1 << 13;
/** L0 to L3 and LE: breakpoints of one task. */
const DR7_LOCAL: u64 = 0x155;

/** What a breakpoint's R/W field asks for. */
const BREAK_EXECUTE: u32 = 0;
const BREAK_WRITE: u32 = 1;
const BREAK_IO: u32 = 2;
const BREAK_ACCESS: u32 = 3;

function enabled(dr7: u64, n: i32): bool {
  return ((<u32>dr7 >> (2 * n)) & 3) != 0;
}

function kind(dr7: u64, n: i32): u32 {
  return (<u32>dr7 >> (16 + 4 * n)) & 3;
}

/** 1, 2, 8 or 4 bytes, as encoded. */
function lengthMask(dr7: u64, n: i32): u64 {
  const encoded = (<u32>dr7 >> (18 + 4 * n)) & 3;
  return encoded == 2 ? 7 : <u64>encoded;
}

/** Derives from DR7 what has to be watched; after every change of it. */
export function updateDebug(cpu: usize): void {
  const dr7 = load<u64>(cpu, DR7);
  let active: u8 = 0;
  let data: u8 = 0;
  for (let n = 0; n < 4; n++) {
    if (!enabled(dr7, n)) continue;
    active = 1;
    if (kind(dr7, n) == BREAK_WRITE || kind(dr7, n) == BREAK_ACCESS) data = 1;
  }
  store<u8>(cpu, active, DEBUG_ACTIVE);
  store<u8>(cpu, data, DATA_BREAKPOINTS);
  updateTlbTags(cpu);
}

/** Raises #DB as a fault where an instruction breakpoint stands at RIP; RF lets one instruction pass. */
export function beforeInstruction(cpu: usize): bool {
  const rflags = load<u64>(cpu, RFLAGS);
  store<u8>(cpu, (rflags & RFLAGS_TF) != 0 ? 1 : 0, STEPPING);
  if (load<u8>(cpu, SHADOW) != SHADOW_MOV_SS) store<u8>(cpu, 0, BREAKPOINTS_MET);
  store<u64>(cpu, rflags & ~RFLAGS_RF, RFLAGS);
  if ((rflags & RFLAGS_RF) != 0) return false;
  const rip = load<u64>(cpu, RIP);
  const linear = (load<u32>(cpu, MODE) & CODE_SIZE) == CODE_64 ? rip : (load<u64>(cpu, CS_BASE) + rip) & 0xffffffff;
  const met = breakpointsAt(cpu, linear, 1, BREAK_EXECUTE);
  if (met == 0) return false;
  reportDebug(cpu, met);
  raise(cpu, DB, 0);
  return true;
}

/** Raises #DB as a trap for what the instruction that has just retired met. */
export function afterInstruction(cpu: usize): void {
  // A load of SS holds debug exceptions off until the next instruction has retired, which is stepped itself.
  if (load<u8>(cpu, SHADOW) == SHADOW_MOV_SS) return;
  let causes: u64 = load<u8>(cpu, BREAKPOINTS_MET);
  if (load<u8>(cpu, STEPPING) != 0) causes |= DR6_BS;
  store<u8>(cpu, 0, BREAKPOINTS_MET);
  store<u8>(cpu, 0, STEPPING);
  if (causes == 0) return;
  reportDebug(cpu, causes);
  raise(cpu, DB, 0);
}

/** An event has been delivered: its handler is not stepped, whatever TF was. */
export function cancelStep(cpu: usize): void {
  store<u8>(cpu, 0, STEPPING);
}

/** B0 to B3 tell what was met last; the other causes add up until software clears them. */
function reportDebug(cpu: usize, causes: u64): void {
  store<u64>(cpu, (load<u64>(cpu, DR6) & ~0xf) | causes, DR6);
}

/** The instruction that now runs reads or writes these bytes. */
export function meetDataBreakpoints(cpu: usize, linear: u64, size: i32, access: i32): void {
  let met = breakpointsAt(cpu, linear, size, BREAK_ACCESS);
  if ((access & ACCESS_WRITE) != 0) met |= breakpointsAt(cpu, linear, size, BREAK_WRITE);
  store<u8>(cpu, load<u8>(cpu, BREAKPOINTS_MET) | <u8>met, BREAKPOINTS_MET);
}

/** The instruction that now runs reads or writes these ports. */
export function meetIoBreakpoints(cpu: usize, port: u32, size: i32): void {
  if (load<u8>(cpu, DEBUG_ACTIVE) == 0 || (load<u64>(cpu, CR4) & CR4_DE) == 0) return;
  const met = breakpointsAt(cpu, port, size, BREAK_IO);
  store<u8>(cpu, load<u8>(cpu, BREAKPOINTS_MET) | <u8>met, BREAKPOINTS_MET);
}

function breakpointsAt(cpu: usize, address: u64, size: i32, what: u32): u64 {
  const dr7 = load<u64>(cpu, DR7);
  let met: u64 = 0;
  for (let n = 0; n < 4; n++) {
    if (!enabled(dr7, n) || kind(dr7, n) != what) continue;
    const mask = what == BREAK_EXECUTE ? 0 : lengthMask(dr7, n);
    const first = load<u64>(cpu + ((<usize>n) << 3), DR0) & ~mask;
    if (address <= first + mask && address + <u64>(size - 1) >= first) met |= (<u64>1) << n;
  }
  return met;
}

export function readDr(cpu: usize, n: i32): u64 {
  if (n < 4) return load<u64>(cpu + ((<usize>n) << 3), DR0);
  return n == 6 ? load<u64>(cpu, DR6) : load<u64>(cpu, DR7);
}

/** `n` is 0-3, 6 or 7. False: a reserved upper half. */
export function writeDr(cpu: usize, n: i32, value: u64): bool {
  if (n >= 4 && value >> 32 != 0) return false;
  if (n < 4) store<u64>(cpu + ((<usize>n) << 3), value, DR0);
  else if (n == 6) store<u64>(cpu, (value & DR6_WRITABLE) | DR6_FIXED, DR6);
  else setBreakpoints(cpu, value);
  return true;
}

export function setBreakpoints(cpu: usize, dr7: u64): void {
  store<u64>(cpu, (dr7 & DR7_WRITABLE) | DR7_FIXED, DR7);
  updateDebug(cpu);
}

/** DR7.GD: an access to a debug register is itself an exception. */
export function raiseGeneralDetect(cpu: usize): bool {
  const dr7 = load<u64>(cpu, DR7);
  if ((dr7 & DR7_GD) == 0) return false;
  // A fault, unlike other causes of #DB that RF is clear for.
  store<u64>(cpu, load<u64>(cpu, RFLAGS) | RFLAGS_RF, RFLAGS);
  store<u64>(cpu, load<u64>(cpu, DR6) | DR6_BD, DR6);
  raise(cpu, DB, 0);
  return true;
}

/** Delivery of #DB clears GD, so that the handler can reach the registers. */
export function allowDebugRegisters(cpu: usize): void {
  store<u64>(cpu, load<u64>(cpu, DR7) & ~DR7_GD, DR7);
}

/** A task switch. */
export function dropLocalBreakpoints(cpu: usize): void {
  store<u64>(cpu, load<u64>(cpu, DR7) & ~DR7_LOCAL, DR7);
  updateDebug(cpu);
}

/** The T flag of a TSS: #DB before the first instruction of its task. */
export function raiseTaskTrap(cpu: usize): void {
  reportDebug(cpu, DR6_BT);
  raise(cpu, DB, 0);
}

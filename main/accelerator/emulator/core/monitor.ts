/**
 * MONITOR and MWAIT (SDM vol. 2B; vol. 3A, "MONITOR/MWAIT Instruction"). The watched line is marked as if it held decoded
 * code, so that a store of any vcpu changes its page's generation: that is the trigger. Code that changes in the same page is
 * one, too: MWAIT may always end for reasons of the processor's own.
 */
import { GP } from './bits';
import { watchLine } from './code-map';
import { fault, raiseUd } from './exceptions';
import { exitHlt } from './exits';
import { readPointer } from './memory';
import { linearAddress, NO_ADDRESS } from './segments';
import {
  CPL,
  MONITOR_GENERATION,
  MONITOR_PAGE,
  MONITOR_STATE,
  PAGE_GENERATIONS,
  RAM_BASE,
  RAM_SIZE,
  RAX,
  RCX,
} from './state';
import { FAULT, RETIRED } from './status';
import { operandSegment, READ, readSlot, U_ADDRESS_SIZE } from './uop';

/** MONITOR_STATE; the host's half has the last two. */
const NOTHING: u32 = 0;
const ARMED: u32 = 1;
export const WAITS: u32 = 2;
/** Interrupts end it while RFLAGS.IF is 0, too. */
export const WAITS_MASKED: u32 = 3;

export function monitor(cpu: usize, u: usize): i32 {
  if (load<u8>(cpu, CPL) != 0) return raiseUd(cpu);
  if (load<u32>(cpu, RCX) != 0) return fault(cpu, GP, 0);
  const offset = readSlot(cpu, RAX, load<u8>(u, U_ADDRESS_SIZE));
  const linear = linearAddress(cpu, operandSegment(u), offset, 1, READ);
  if (linear == NO_ADDRESS) return FAULT;
  const pointer = readPointer(cpu, linear, 1);
  if (pointer == 0) return FAULT;
  const physical: u64 = <u64>(pointer - <usize>load<u32>(cpu, RAM_BASE));
  const isRam = pointer >= <usize>load<u32>(cpu, RAM_BASE) && physical < load<u64>(cpu, RAM_SIZE);
  store<u32>(cpu, isRam ? ARMED : NOTHING, MONITOR_STATE);
  if (!isRam) return RETIRED;
  watchLine(cpu, <u32>physical);
  store<u32>(cpu, <u32>(physical >> 12), MONITOR_PAGE);
  store<u32>(cpu, generation(cpu), MONITOR_GENERATION);
  return RETIRED;
}

export function mwait(cpu: usize): i32 {
  if (load<u8>(cpu, CPL) != 0) return raiseUd(cpu);
  const extensions = load<u32>(cpu, RCX);
  if (extensions > 1) return fault(cpu, GP, 0);
  const isArmed = load<u32>(cpu, MONITOR_STATE) == ARMED;
  // Who writes the line changes its generation and then looks at this word (beside.ts): one of the two sees the other.
  atomic.store<u32>(cpu, !isArmed ? NOTHING : extensions == 0 ? WAITS : WAITS_MASKED, MONITOR_STATE);
  if (isArmed && generation(cpu) == load<u32>(cpu, MONITOR_GENERATION)) exitHlt(cpu);
  else store<u32>(cpu, NOTHING, MONITOR_STATE);
  return RETIRED;
}

/** The CPU waits in MWAIT, and its line has been written. */
export function lineWritten(cpu: usize): bool {
  return load<u32>(cpu, MONITOR_STATE) >= WAITS && generation(cpu) != load<u32>(cpu, MONITOR_GENERATION);
}

/** The CPU goes on after its MWAIT. */
export function waitEnded(cpu: usize): void {
  if (load<u32>(cpu, MONITOR_STATE) >= WAITS) store<u32>(cpu, NOTHING, MONITOR_STATE);
}

function generation(cpu: usize): u32 {
  return atomic.load<u32>(<usize>load<u32>(cpu, PAGE_GENERATIONS) + (<usize>load<u32>(cpu, MONITOR_PAGE) << 2));
}

/** Code segments as targets of far transfers in protected mode (SDM vol. 2, JMP and CALL; vol. 3A, "Privilege Level Checking"). */
import { BIG, GP, LONG, NP } from './bits';
import {
  descriptorAccess,
  descriptorLimit,
  dplOf,
  isCode,
  isConforming,
  isPresent,
  selectorError,
  SELECTOR_RPL,
  setSegment,
} from './descriptors';
import { raise } from './exceptions';
import { isCanonical } from './memory';
import { updateMode } from './modes';
import { isIa32e } from './segments';
import { CPL, CS, NEXT_RIP } from './state';

/** Whether JMP and CALL may go to this segment and offset at the present level; else a fault was raised. */
export function mayEnter(cpu: usize, selector: u32, code: u64, offset: u64): bool {
  const access = descriptorAccess(code);
  const cpl: u32 = load<u8>(cpu, CPL);
  const dpl = dplOf(access);
  const allowed = isConforming(access) ? dpl <= cpl : (selector & SELECTOR_RPL) <= cpl && dpl == cpl;
  if (!isCode(access) || !allowed || reservedSize(cpu, access)) {
    raise(cpu, GP, selectorError(selector));
    return false;
  }
  if (!isPresent(access)) {
    raise(cpu, NP, selectorError(selector));
    return false;
  }
  return reaches(cpu, code, offset);
}

/** In IA-32e mode L and D together are reserved. */
export function reservedSize(cpu: usize, access: u32): bool {
  return isIa32e(cpu) && (access & (LONG | BIG)) == (LONG | BIG);
}

/** Whether the offset is one of this code segment; else #GP(0). */
export function reaches(cpu: usize, code: u64, offset: u64): bool {
  const long = isIa32e(cpu) && (descriptorAccess(code) & LONG) != 0;
  if (long ? isCanonical(cpu, offset) : offset <= descriptorLimit(code)) return true;
  raise(cpu, GP, 0);
  return false;
}

/** At the CPL that is set. */
export function enterCode(cpu: usize, selector: u32, code: u64, rip: u64): void {
  store<u64>(cpu, rip, NEXT_RIP);
  // Another CPL is of another segment, but for a return to an outer level in conforming code (far.ts).
  if (setSegment(cpu, CS, (selector & 0xfffc) | load<u8>(cpu, CPL), code)) updateMode(cpu);
}

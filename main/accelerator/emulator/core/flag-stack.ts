/** POPF (SDM vol. 2): what of RFLAGS the privilege level lets change. */
import { RFLAGS_AC, RFLAGS_IF, RFLAGS_IOPL, RFLAGS_RF, RFLAGS_VM } from './bits';
import { getFlags, setFlags } from './flags';
import { pop, popped } from './near';
import { CODE_CHANGED, CPL } from './state';
import { FAULT, RETIRED } from './status';
import { updateTlbTags } from './tlb';

export function popFlags(cpu: usize, size: i32): i32 {
  if (!pop(cpu, size)) return FAULT;
  const before = getFlags(cpu);
  const cpl: u64 = load<u8>(cpu, CPL);
  let kept = RFLAGS_VM | RFLAGS_VIF_VIP;
  if (cpl != 0) kept |= RFLAGS_IOPL;
  if (cpl > (before & RFLAGS_IOPL) >> 12) kept |= RFLAGS_IF;
  if (size == 2) kept |= 0xffffffffffff0000;
  const value = (before & kept) | (popped() & ~kept & FLAGS_IMPLEMENTED);
  setFlags(cpu, size == 2 ? value : value & ~RFLAGS_RF);
  store<u8>(cpu, 1, CODE_CHANGED); // TF and IF are looked at before the next instruction
  if (((before ^ value) & RFLAGS_AC) != 0) updateTlbTags(cpu);
  return RETIRED;
}

const RFLAGS_VIF_VIP: u64 = 3 << 19;
/** CF to ID without the bits that are always 0. */
const FLAGS_IMPLEMENTED: u64 = 0x3f7fd5;

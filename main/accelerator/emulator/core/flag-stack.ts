/** PUSHF and POPF (SDM vol. 2): what of RFLAGS is shown, and what the privilege level lets change. */
import { RFLAGS_AC, RFLAGS_DEFINED, RFLAGS_IF, RFLAGS_IOPL, RFLAGS_RF, RFLAGS_VIF, RFLAGS_VIP, RFLAGS_VM } from './bits';
import { getFlags, setFlags } from './flags';
import { pop, popped, push } from './near';
import { CODE_CHANGED, CPL, RSP } from './state';
import { FAULT, RETIRED } from './status';
import { updateTlbTags } from './tlb';
import { flagsAreVirtual, mayTakeFlags, takeVirtualFlags, virtualFlagsToPush } from './virtual-8086';

export function pushFlags(cpu: usize, size: i32): i32 {
  const image = flagsAreVirtual(cpu) ? virtualFlagsToPush(cpu, size) : <i64>getFlags(cpu);
  if (image < 0) return FAULT;
  return push(cpu, size, <u64>image & ~(RFLAGS_RF | RFLAGS_VM)) ? RETIRED : FAULT;
}

export function popFlags(cpu: usize, size: i32): i32 {
  const sp = load<u64>(cpu, RSP);
  if (!pop(cpu, size)) return FAULT;
  store<u8>(cpu, 1, CODE_CHANGED); // TF and IF are looked at before the next instruction
  if (flagsAreVirtual(cpu)) {
    if (!mayTakeFlags(cpu, popped(), size)) {
      store<u64>(cpu, sp, RSP);
      return FAULT;
    }
    takeVirtualFlags(cpu, popped());
    return RETIRED;
  }
  const before = getFlags(cpu);
  const cpl: u64 = load<u8>(cpu, CPL);
  let kept = RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP;
  if (cpl != 0) kept |= RFLAGS_IOPL;
  if (cpl > (before & RFLAGS_IOPL) >> 12) kept |= RFLAGS_IF;
  if (size == 2) kept |= 0xffffffffffff0000;
  const value = (before & kept) | (popped() & ~kept & RFLAGS_DEFINED);
  setFlags(cpu, size == 2 ? value : value & ~RFLAGS_RF);
  if (((before ^ value) & RFLAGS_AC) != 0) updateTlbTags(cpu);
  return RETIRED;
}

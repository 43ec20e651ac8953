/**
 * INVPCID (SDM vol. 2A). The TLB does not keep translations of several address spaces apart, and drops those of all where
 * one is named, as it does at each MOV to CR3: a processor may drop more than it is asked to.
 */
import { CR4_PCIDE, GP } from './bits';
import { fault } from './exceptions';
import { isCanonical } from './memory';
import { is64Bit } from './segments';
import { CPL, CR4 } from './state';
import { FAULT, RETIRED } from './status';
import { source } from './system-operands';
import { flushTlb, flushTlbExceptGlobal, flushTlbPage } from './tlb';
import { readReg, regField } from './uop';

const ADDRESS: u64 = 0;
const CONTEXT: u64 = 1;
const ALL: u64 = 2;
const ALL_BUT_GLOBAL: u64 = 3;
const PCID: u64 = 0xfff;

export function invalidatePcid(cpu: usize, u: usize): i32 {
  if (load<u8>(cpu, CPL) != 0) return fault(cpu, GP, 0);
  const type = readReg(cpu, regField(u), is64Bit(cpu) ? 8 : 4);
  let pointer = source(cpu, u, 0, 8);
  if (pointer == 0) return FAULT;
  const pcid = load<u64>(pointer);
  pointer = source(cpu, u, 8, 8);
  if (pointer == 0) return FAULT;
  const linear = load<u64>(pointer);
  if (type > ALL_BUT_GLOBAL || pcid > PCID) return fault(cpu, GP, 0);
  if (type <= CONTEXT && pcid != 0 && (load<u64>(cpu, CR4) & CR4_PCIDE) == 0) return fault(cpu, GP, 0);
  if (type == ADDRESS) {
    if (!isCanonical(cpu, linear)) return fault(cpu, GP, 0);
    flushTlbPage(cpu, linear);
  } else if (type == ALL) flushTlb(cpu);
  else flushTlbExceptGlobal(cpu);
  return RETIRED;
}

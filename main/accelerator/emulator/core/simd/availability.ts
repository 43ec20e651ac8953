/**
 * Whether the processor lets software use MMX, XMM and YMM registers (SDM vol. 3A, "System Programming for Instruction Set
 * Extensions and Processor Extended States"). Decoded code depends on it (modes.ts): what comes here may not run.
 */
import { CR0_EM, CR0_TS, CR4_OSFXSR, CR4_OSXSAVE, NM, UD } from '../bits';
import { fault } from '../exceptions';
import { XCR0_VEX } from '../modes';
import { CR0, CR4, XCR0 } from '../state';
import { SHAPE_MMX, SHAPE_XMM, V_SHAPE } from '../uop';

/** The fault of an instruction that the mode does not have. */
export function unavailable(cpu: usize, u: usize): i32 {
  const isEmulated = (load<u64>(cpu, CR0) & CR0_EM) != 0;
  const cr4 = load<u64>(cpu, CR4);
  const shape: u32 = load<u8>(u, V_SHAPE);
  let exists: bool;
  if (shape == SHAPE_MMX) exists = !isEmulated;
  else if (shape == SHAPE_XMM) exists = !isEmulated && (cr4 & CR4_OSFXSR) != 0;
  else exists = (cr4 & CR4_OSXSAVE) != 0 && (load<u64>(cpu, XCR0) & XCR0_VEX) == XCR0_VEX;
  return fault(cpu, exists && (load<u64>(cpu, CR0) & CR0_TS) != 0 ? NM : UD, 0);
}

/** XCR0: which state components software may use (SDM vol. 2, XGETBV and XSETBV; vol. 3A, "Extended Control Registers"). */
import { CR4_OSXSAVE, GP } from '../bits';
import { fault, raiseUd } from '../exceptions';
import { updateMode } from '../modes';
import * as T from '../opcode-table';
import { CPL, CR4, RAX, RCX, RDX, XCR0 } from '../state';
import { RETIRED } from '../status';
import { AVX_STATE, SSE_STATE, X87_STATE, XCR0_DEFINED } from './area';
import { inUse } from './save';

/** XGETBV and XSETBV. */
export function extendedControl(cpu: usize, op: i32): i32 {
  if ((load<u64>(cpu, CR4) & CR4_OSXSAVE) == 0) return raiseUd(cpu);
  const index = load<u32>(cpu, RCX);
  if (op == T.SYS_XSETBV) return index == 0 ? write(cpu) : fault(cpu, GP, 0);
  // Register 1 is the components of XCR0 that are in use.
  if (index > 1) return fault(cpu, GP, 0);
  const value = load<u64>(cpu, XCR0) & (index == 0 ? u64.MAX_VALUE : inUse(cpu));
  store<u64>(cpu, value & 0xffffffff, RAX);
  store<u64>(cpu, value >> 32, RDX);
  return RETIRED;
}

function write(cpu: usize): i32 {
  const value = (load<u64>(cpu, RDX) << 32) | load<u32>(cpu, RAX);
  const isComplete = (value & X87_STATE) != 0 && ((value & AVX_STATE) == 0 || (value & SSE_STATE) != 0);
  if (load<u8>(cpu, CPL) != 0 || (value & ~XCR0_DEFINED) != 0 || !isComplete) return fault(cpu, GP, 0);
  store<u64>(cpu, value, XCR0);
  updateMode(cpu);
  return RETIRED;
}

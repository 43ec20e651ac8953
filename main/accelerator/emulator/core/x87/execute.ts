/** From an x87 instruction to what carries it out (SDM vol. 1, "Programming with the x87 FPU"; vol. 2D, "Escape Opcodes"). */
import { CR0_EM, CR0_MP, CR0_TS, MF, NM } from '../bits';
import { raise } from '../exceptions';
import { CR0, X87_STATUS } from '../state';
import { U_IMMEDIATE } from '../uop';
import { memoryForm } from './memory-forms';
import { SUMMARY } from './operation';
import { registerForm } from './register-forms';

/** U_IMMEDIATE is the opcode as the FPU keeps it: the low 3 bits of the first byte, then ModRM. False: a fault. */
export function x87(cpu: usize, u: usize): bool {
  const code = load<u32>(u, U_IMMEDIATE);
  if (((<u32>load<u64>(cpu, CR0) & <u32>(CR0_EM | CR0_TS)) | (load<u16>(cpu, X87_STATUS) & SUMMARY)) != 0)
    if (!mayRun(cpu, code)) return false;
  if ((code & 0xff) < 0xc0) return memoryForm(cpu, u, code);
  registerForm(cpu, u, code);
  return true;
}

/**
 * Whether the FPU is there, and no exception waits. One that does is #MF with CR0.NE = 0, too, as on KVM, for whose processors
 * VMX sets NE: no FERR# leads to an interrupt controller, so that no IGNNE# could ever be asked for.
 */
function mayRun(cpu: usize, code: u32): bool {
  if ((load<u64>(cpu, CR0) & (CR0_EM | CR0_TS)) != 0) raise(cpu, NM, 0);
  else if (waits(code)) raise(cpu, MF, 0);
  else return true;
  return false;
}

/** Whether an instruction waits for exceptions: all but some control instructions do. */
function waits(code: u32): bool {
  const group = code >> 8;
  const n = (code >> 3) & 7;
  // FNSTENV, FNSTCW, FNSAVE, FNSTSW
  if ((code & 0xff) < 0xc0) return !((group == 1 || group == 5) && n >= 6);
  // FNCLEX, FNINIT, and what FNENI, FNDISI and FNSETPM were; FNSTSW AX
  return !((group == 3 && n == 4) || code == 0x7e0);
}

export function fwait(cpu: usize): bool {
  const both = CR0_MP | CR0_TS;
  if ((load<u64>(cpu, CR0) & both) == both) raise(cpu, NM, 0);
  else if ((load<u16>(cpu, X87_STATUS) & SUMMARY) != 0) raise(cpu, MF, 0);
  else return true;
  return false;
}

/** Instructions on the state of the vector registers as a whole (SDM vol. 2, EMMS, VZEROUPPER, LDMXCSR). */
import { GP } from '../bits';
import { fault } from '../exceptions';
import { is64Bit } from '../segments';
import * as T from '../opcode-table';
import { settle } from '../operate';
import { MXCSR, X87_FULL } from '../state';
import { FAULT, RETIRED } from '../status';
import { SHAPE_VEX256, V_SHAPE } from '../uop';
import { enterMmx, readableMemory, vectorAt, writableMemory, x87Waits, zero128 } from './registers';

/** Bits of MXCSR that there are: 0 to 15, with denormals-are-zeros (SDM vol. 1, "MXCSR Control and Status Register"). */
export const MXCSR_MASK: u32 = 0xffff;

export function vectorState(cpu: usize, u: usize, op: i32): i32 {
  switch (op) {
    case T.EMMS:
      if (x87Waits(cpu)) return FAULT;
      enterMmx(cpu);
      store<u8>(cpu, 0, X87_FULL);
      return RETIRED;
    case T.VZERO:
      return clearRegisters(cpu, load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256);
    case T.LDMXCSR: {
      const p = readableMemory(cpu, u);
      if (p == 0) return FAULT;
      const value = load<u32>(p);
      if ((value & ~MXCSR_MASK) != 0) return fault(cpu, GP, 0);
      store<u32>(cpu, value, MXCSR);
      return RETIRED;
    }
    default: {
      const p = writableMemory(cpu, u);
      if (p == 0) return FAULT;
      store<u32>(p, load<u32>(cpu, MXCSR));
      settle(cpu, p);
      return RETIRED;
    }
  }
}

/** VZEROALL and VZEROUPPER; outside of 64-bit mode of registers 0 to 7. */
function clearRegisters(cpu: usize, all: bool): i32 {
  const count = is64Bit(cpu) ? 16 : 8;
  for (let n = 0; n < count; n++) {
    const p = vectorAt(cpu, <u8>(n << 3));
    if (all) v128.store(p, zero128());
    v128.store(p, zero128(), 16);
  }
  return RETIRED;
}

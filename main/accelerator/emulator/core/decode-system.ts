/** Which system instructions and system registers there are, where ModRM says so (SDM vol. 2D, appendix A.4). */
import * as T from './opcode-table';
import { INVALID, UD } from './opcode-table';
import { CS, GS } from './state';

/** Bit n: CRn. */
const CONTROL_REGISTERS: u32 = 0x11d;

/** Whether what ModRM.reg names is there, of segment, control and debug registers. */
export function hasRegister(instruction: i32, reg: u32): bool {
  switch (instruction) {
    case T.MOV_FROM_SEG:
      return (reg & 7) <= <u32>GS;
    case T.SYS_MOV_TO_SEG:
      return (reg & 7) <= <u32>GS && (reg & 7) != <u32>CS;
    case T.SYS_MOV_FROM_CR:
    case T.SYS_MOV_TO_CR:
      return ((CONTROL_REGISTERS >> reg) & 1) != 0;
    case T.SYS_MOV_FROM_DR:
    case T.SYS_MOV_TO_DR:
      return reg < 8;
    default:
      return true;
  }
}

/** 0F 01 with a register: what is not a memory form there. */
export function registerForm0F01(modrm: u32, is64: bool, hasPrefix: bool): i32 {
  if (hasPrefix && modrm < 0xf8) return INVALID;
  if (modrm == 0xc8) return T.SYS_MONITOR;
  if (modrm == 0xc9) return T.SYS_MWAIT;
  if (modrm == 0xca) return T.SYS_CLAC;
  if (modrm == 0xcb) return T.SYS_STAC;
  if (modrm == 0xd0) return T.SYS_XGETBV;
  if (modrm == 0xd1) return T.SYS_XSETBV;
  if (modrm == 0xee) return T.SYS_RDPKRU;
  if (modrm == 0xef) return T.SYS_WRPKRU;
  if (modrm == 0xf8) return is64 ? T.SYS_SWAPGS : UD;
  return modrm == 0xf9 ? T.SYS_RDTSCP : INVALID;
}

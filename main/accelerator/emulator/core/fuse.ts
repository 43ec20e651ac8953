/**
 * What a block allows beyond its single instructions: arithmetic whose flags nobody reads is replaced by a variant without
 * them, and a comparison before a conditional jump becomes one operation with it.
 */
import { FIRST_VECTOR, ROL, ROR } from './opcode-table';
import {
  A_RI32,
  A_RI64,
  A_RM32,
  A_RR32,
  A_RR64,
  CMPJ_RI32,
  CMPJ_RI64,
  CMPJ_RR32,
  CMPJ_RR64,
  DECJNZ_R,
  DEC_R,
  INC_R,
  INC_R_NF,
  J,
  K_ADD,
  K_ADD_NF,
  K_AND,
  K_AND_NF,
  K_CMP,
  K_OR,
  K_OR_NF,
  K_SUB,
  K_SUB_NF,
  K_TEST,
  K_XOR,
  K_XOR_NF,
  NEXT,
  PUSH_R,
  RET_NEAR,
  ROL_RI_NF,
  ROR_RI_NF,
  SAR_RI,
  SHL_RI,
  SHL_RI_NF,
  TESTJ_RR32,
  TESTJ_RR64,
} from './ops';
import { EXECUTION_ROOM } from './state';
import {
  F_MEMORY,
  UOP_SIZE,
  U_DST,
  U_FLAGS,
  U_IMMEDIATE,
  U_IMMEDIATE2,
  U_LENGTH,
  U_NEXT,
  U_NUMBER,
  U_OP,
  U_OPERAND_SIZE,
  U_SRC,
} from './uop';

const FLAG_C: u32 = 1;
const FLAG_O: u32 = 1 << 5;
const ALL: u32 = 63;

/** Flags that an instruction of the block writes and reads: two bytes each, from EXECUTION_ROOM on. */
// @ts-ignore: decorator
@inline
export function noteFlags(cpu: usize, number: u32, written: u32, read: u32): void {
  store<u16>(cpu + EXECUTION_ROOM + ((<usize>number) << 1), <u16>(written | (read << 8)));
}

export function fuse(cpu: usize, first: usize, end: usize): void {
  if (first == end) return;
  const last = end - UOP_SIZE;
  if (last != first) fuseBranch(last - UOP_SIZE, last);
  let live = ALL;
  for (let u = last; u >= first; u -= UOP_SIZE) {
    const op: i32 = load<u16>(u, U_OP);
    const masks: u32 = load<u16>(cpu + EXECUTION_ROOM + ((<usize>load<u8>(u, U_NUMBER)) << 1));
    const written = masks & 0xff;
    if ((op == ROL || op == ROR) && ((FLAG_C | FLAG_O) & live) == 0 && rotatesRegister(u)) {
      const pair = load<u8>(u, U_OPERAND_SIZE) == 8 ? 1 : 0;
      store<u8>(u, load<u8>(u, U_SRC), U_DST);
      store<u16>(u, <u16>((op == ROL ? ROL_RI_NF : ROR_RI_NF) + pair), U_OP);
      continue;
    }
    // What may fault, or runs elsewhere, shows all flags.
    if (mayFault(u, op)) {
      live = ALL;
      continue;
    }
    if ((written & live) == 0 && written != 0) {
      const plain = withoutFlags(op);
      if (plain != 0) {
        store<u16>(u, <u16>plain, U_OP);
        continue;
      }
    }
    const shifts = op >= SHL_RI && op < SAR_RI + 2; // by a count that is not zero
    live = (live & ~written) | (shifts ? 0 : masks >> 8);
  }
}

function rotatesRegister(u: usize): bool {
  const size: u32 = load<u8>(u, U_OPERAND_SIZE);
  return (load<u8>(u, U_FLAGS) & F_MEMORY) == 0 && size >= 4 && load<u8>(u, U_IMMEDIATE) != 0;
}

function mayFault(u: usize, op: i32): bool {
  if (op < A_RR32 || op >= FIRST_VECTOR) return true;
  if ((load<u8>(u, U_FLAGS) & F_MEMORY) != 0) return true;
  return op >= PUSH_R && op < RET_NEAR + 2;
}

function withoutFlags(op: i32): i32 {
  if (op >= INC_R && op < DEC_R + 2) return op - INC_R + INC_R_NF;
  if (op >= SHL_RI && op < SAR_RI + 2) return op - SHL_RI + SHL_RI_NF;
  if (op < A_RR32 || op >= A_RM32) return 0;
  const kind: u32 = op & 15;
  const group = op & ~15;
  if (kind == K_ADD) return group + <i32>K_ADD_NF;
  if (kind == K_OR) return group + <i32>K_OR_NF;
  if (kind == K_AND) return group + <i32>K_AND_NF;
  if (kind == K_SUB) return group + <i32>K_SUB_NF;
  return kind == K_XOR ? group + <i32>K_XOR_NF : 0;
}

/** The fused operation stands at the comparison; nothing reaches the jump's own record any more. */
function fuseBranch(u: usize, jump: usize): void {
  const op: i32 = load<u16>(jump, U_OP);
  if (op < J || op >= J + 16) return;
  const fused = withBranch(load<u16>(u, U_OP), op - J);
  if (fused == 0) return;
  store<u16>(u, <u16>fused, U_OP);
  store<u32>(u, load<u32>(jump, U_IMMEDIATE2), U_IMMEDIATE2);
  store<u16>(u, load<u16>(jump, U_NEXT), U_NEXT);
  store<u8>(u, load<u8>(jump, U_LENGTH), U_LENGTH);
  store<u16>(jump, <u16>NEXT, U_OP);
}

function withBranch(op: i32, condition: i32): i32 {
  const signedOrder = condition >= 12;
  const equality = condition == 4 || condition == 5;
  if (op == DEC_R || op == DEC_R + 1) return condition == 5 ? DECJNZ_R + (op - DEC_R) : 0;
  if (op == A_RR32 + <i32>K_TEST || op == A_RR64 + <i32>K_TEST) {
    if (!signedOrder && !equality && condition != 8 && condition != 9) return 0;
    return (op < A_RR64 ? TESTJ_RR32 : TESTJ_RR64) + condition;
  }
  if (!signedOrder && !equality && condition != 2 && condition != 3 && condition != 6 && condition != 7) return 0;
  if (op == A_RR32 + <i32>K_CMP) return CMPJ_RR32 + condition;
  if (op == A_RI32 + <i32>K_CMP) return CMPJ_RI32 + condition;
  if (op == A_RR64 + <i32>K_CMP) return CMPJ_RR64 + condition;
  return op == A_RI64 + <i32>K_CMP ? CMPJ_RI64 + condition : 0;
}

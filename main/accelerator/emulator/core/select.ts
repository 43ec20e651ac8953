/** Picks the micro-operation specialised for an instruction's form and size, where interpret.ts has one. */
import { IMMEDIATE_CL, IMMEDIATE_NONE, IMMEDIATE_O } from './decode-immediate';
import { FORM_TO_REG } from './decode-vector';
import { CODE_64, CODE_SIZE, FLAT, STACK_32 } from './modes';
import {
  ANY_MI,
  ANY_MR,
  ANY_RI,
  ANY_RM,
  ANY_RR,
  A_RI32,
  A_RI64,
  A_RM32,
  A_RM64,
  A_RR32,
  A_RR64,
  CALL_NEAR,
  CALL_R,
  COMPARE_MI,
  COMPARE_MR,
  DEC_R,
  FWAIT,
  IMUL_RR,
  INC_R,
  J,
  JMP_NEAR,
  JMP_R,
  K_CMP,
  K_TEST,
  LEA32,
  LEA64,
  MOVSX_RM16_32,
  MOVSX_RM16_64,
  MOVSX_RM32_64,
  MOVSX_RM8_32,
  MOVSX_RM8_64,
  MOVSX_RR16_32,
  MOVSX_RR16_64,
  MOVSX_RR32_64,
  MOVSX_RR8_32,
  MOVSX_RR8_64,
  MOVZX_RM16,
  MOVZX_RM8,
  MOVZX_RR16,
  MOVZX_RR8,
  MOV_MI,
  MOV_MR,
  MOV_RI,
  MOV_RM,
  MOV_RR,
  NOTHING,
  NOT_R,
  POP_R,
  PUSH_I,
  PUSH_R,
  RET_NEAR,
  SAR_RI,
  SHL_RI,
  SHR_RI,
  X87,
} from './ops';
import * as T from './opcode-table';
import {
  F_MEMORY,
  U_ADDRESS_SIZE,
  U_DISPLACEMENT,
  U_DST,
  U_EXTRA,
  U_FLAGS,
  U_IMMEDIATE,
  U_OP,
  U_OPERAND_SIZE,
  U_SRC,
} from './uop';

export function select(u: usize, instruction: i32, form: u32, mode: u32): void {
  const op = specialised(u, instruction, form, mode);
  if (op != 0) store<u16>(u, <u16>op, U_OP);
}

function exchangeOperands(u: usize): void {
  const dst = load<u8>(u, U_DST);
  store<u8>(u, load<u8>(u, U_SRC), U_DST);
  store<u8>(u, dst, U_SRC);
}

/** Puts the register of the E operand where the specialised operations have their destination. */
function registerIsDestination(u: usize): void {
  store<u8>(u, load<u8>(u, U_SRC), U_DST);
}

function specialised(u: usize, instruction: i32, form: u32, mode: u32): i32 {
  const size: i32 = load<u8>(u, U_OPERAND_SIZE);
  const log2 = ctz(size);
  const memory = (load<u8>(u, U_FLAGS) & F_MEMORY) != 0;
  const immediateKind = (form >> 4) & 15;
  const toRegister = (form & FORM_TO_REG) != 0;
  if (instruction >= T.ADD && instruction <= T.CMP)
    return arithmetic(u, instruction - T.ADD, log2, memory, immediateKind, toRegister);
  if (instruction == T.TEST) return arithmetic(u, K_TEST, log2, memory, immediateKind, false);
  const wide = size >= 4;
  const pair = size == 8 ? 1 : 0;
  const flatStack =
    (mode & FLAT) != 0 && ((mode & CODE_SIZE) == CODE_64 ? size == 8 : (mode & STACK_32) != 0 && size == 4);
  const nativeBranch = (mode & CODE_SIZE) == CODE_64 ? size == 8 : size == 4;
  switch (instruction) {
    case T.MOV:
      return move(u, log2, memory, immediateKind, toRegister);
    case T.MOVZX:
      if (!wide) return 0;
      if (load<u8>(u, U_EXTRA) == 1) return memory ? MOVZX_RM8 : MOVZX_RR8;
      return memory ? MOVZX_RM16 : MOVZX_RR16;
    case T.MOVSX:
      return moveSigned(u, size, memory);
    case T.LEA:
      return size == 8 ? LEA64 : size == 4 ? LEA32 : 0;
    case T.INC:
    case T.DEC:
      if (memory || !wide) return 0;
      registerIsDestination(u);
      return (instruction == T.INC ? INC_R : DEC_R) + pair;
    case T.SHL:
    case T.SHR:
    case T.SAR: {
      if (memory || !wide || immediateKind == IMMEDIATE_CL) return 0;
      const count = load<u32>(u, U_IMMEDIATE) & (size == 8 ? 63 : 31);
      registerIsDestination(u);
      if (count == 0) return size == 8 ? NOTHING : MOV_RR + 2;
      store<u64>(u, count, U_IMMEDIATE);
      return (instruction == T.SHL ? SHL_RI : instruction == T.SHR ? SHR_RI : SAR_RI) + pair;
    }
    case T.NOT:
      if (memory || !wide) return 0;
      registerIsDestination(u);
      return NOT_R + pair;
    case T.IMUL2:
      return memory || !wide ? 0 : IMUL_RR + pair;
    case T.PUSH:
      if (!flatStack) return 0;
      return (immediateKind != IMMEDIATE_NONE ? PUSH_I : PUSH_R) + pair;
    case T.PUSH_E:
      return flatStack && !memory ? PUSH_R + pair : 0;
    case T.POP:
      if (!flatStack) return 0;
      registerIsDestination(u);
      return POP_R + pair;
    case T.CALL:
      return flatStack && nativeBranch ? CALL_NEAR + pair : 0;
    case T.CALL_E:
      return flatStack && nativeBranch && !memory ? CALL_R + pair : 0;
    case T.RET:
      return flatStack && nativeBranch ? RET_NEAR + pair : 0;
    case T.JMP:
      return JMP_NEAR;
    case T.JMP_E:
      return nativeBranch && !memory && (mode & FLAT) != 0 ? JMP_R + pair : 0;
    case T.JCC:
      return J + <i32>(load<u8>(u, U_EXTRA) & 15);
    case T.NOP:
      return NOTHING;
    case T.X87:
      return X87;
    case T.FWAIT:
      return FWAIT;
    default:
      return 0;
  }
}

function arithmetic(u: usize, kind: u32, log2: i32, memory: bool, immediateKind: u32, toRegister: bool): i32 {
  store<u8>(u, <u8>kind, U_EXTRA);
  const writes = kind != K_CMP && kind != K_TEST;
  if (memory) {
    if (toRegister) return log2 == 3 ? A_RM64 + <i32>kind : log2 == 2 ? A_RM32 + <i32>kind : ANY_RM + log2;
    if (immediateKind != IMMEDIATE_NONE) return (writes ? ANY_MI : COMPARE_MI) + log2;
    exchangeOperands(u);
    return (writes ? ANY_MR : COMPARE_MR) + log2;
  }
  if (immediateKind != IMMEDIATE_NONE) {
    registerIsDestination(u);
    return log2 == 3 ? A_RI64 + <i32>kind : log2 == 2 ? A_RI32 + <i32>kind : ANY_RI + log2;
  }
  if (!toRegister) exchangeOperands(u);
  return log2 == 3 ? A_RR64 + <i32>kind : log2 == 2 ? A_RR32 + <i32>kind : ANY_RR + log2;
}

function move(u: usize, log2: i32, memory: bool, immediateKind: u32, toRegister: bool): i32 {
  if (immediateKind == IMMEDIATE_O) {
    // An offset of 64 bits that the displacement cannot hold stays with general.ts; smaller ones are truncated anyway.
    const held =
      load<u8>(u, U_ADDRESS_SIZE) != 8 || <u64>(<i64>load<i32>(u, U_DISPLACEMENT)) == load<u64>(u, U_IMMEDIATE);
    if (!held) return 0;
    if (toRegister) return MOV_RM + log2;
    store<u8>(u, load<u8>(u, U_DST), U_SRC);
    return MOV_MR + log2;
  }
  if (memory) {
    if (toRegister) return MOV_RM + log2;
    if (immediateKind != IMMEDIATE_NONE) return MOV_MI + log2;
    store<u8>(u, load<u8>(u, U_DST), U_SRC);
    return MOV_MR + log2;
  }
  if (immediateKind != IMMEDIATE_NONE) {
    registerIsDestination(u);
    return MOV_RI + log2;
  }
  if (!toRegister) exchangeOperands(u);
  return MOV_RR + log2;
}

function moveSigned(u: usize, size: i32, memory: bool): i32 {
  const source: i32 = load<u8>(u, U_EXTRA);
  if (size < 4) return 0;
  if (size == 8) {
    if (source == 1) return memory ? MOVSX_RM8_64 : MOVSX_RR8_64;
    if (source == 2) return memory ? MOVSX_RM16_64 : MOVSX_RR16_64;
    return memory ? MOVSX_RM32_64 : MOVSX_RR32_64;
  }
  if (source == 1) return memory ? MOVSX_RM8_32 : MOVSX_RR8_32;
  if (source == 2) return memory ? MOVSX_RM16_32 : MOVSX_RR16_32;
  return memory ? MOV_RM + 2 : MOV_RR + 2;
}

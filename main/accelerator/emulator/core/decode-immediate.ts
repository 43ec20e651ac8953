/** Immediate operands of an instruction, relative targets and offsets among them (SDM vol. 2D, appendix A.2, "Codes for Operand Type"). */
import { byte, cursor, dword, qword, signedByte, word } from './code-bytes';
import { BLOCK_RIP } from './state';
import { U_BASE, U_DISPLACEMENT, U_IMMEDIATE, U_IMMEDIATE2 } from './uop';

// Of a table entry, as scripts/build-core.mjs writes them.
export const IMMEDIATE_NONE: u32 = 0;
const IMMEDIATE_B: u32 = 1;
const IMMEDIATE_BS: u32 = 2;
const IMMEDIATE_W: u32 = 3;
const IMMEDIATE_Z: u32 = 4;
const IMMEDIATE_V: u32 = 5;
const IMMEDIATE_P: u32 = 6;
const IMMEDIATE_WB: u32 = 7;
const IMMEDIATE_JB: u32 = 8;
const IMMEDIATE_JZ: u32 = 9;
export const IMMEDIATE_O: u32 = 10;
const IMMEDIATE_ONE: u32 = 11;
export const IMMEDIATE_CL: u32 = 12;

/** Reads what stands behind the opcode, ModRM and displacement; completes a displacement that counts from the instruction's end. */
export function immediates(u: usize, kind: u32, bytes: u32, address: u32, offset: u32, code: usize): void {
  let value: u64 = 0;
  if (kind == IMMEDIATE_B) value = byte();
  else if (kind == IMMEDIATE_BS) value = signedByte();
  else if (kind == IMMEDIATE_W) value = word();
  else if (kind == IMMEDIATE_Z)
    value = bytes == 2 ? <u64>(<i64>(<i16>word())) : bytes == 1 ? <u64>signedByte() : <u64>(<i64>(<i32>dword()));
  else if (kind == IMMEDIATE_V)
    value = bytes == 8 ? qword() : bytes == 4 ? <u64>dword() : bytes == 2 ? <u64>word() : <u64>byte();
  else if (kind == IMMEDIATE_P) {
    value = bytes == 2 ? <u64>word() : <u64>dword();
    store<u32>(u, word(), U_IMMEDIATE2);
  } else if (kind == IMMEDIATE_WB) {
    value = word();
    store<u32>(u, byte(), U_IMMEDIATE2);
  } else if (kind == IMMEDIATE_JB || kind == IMMEDIATE_JZ) {
    const relative: i32 = kind == IMMEDIATE_JB ? <i32>signedByte() : bytes == 2 ? <i32>(<i16>word()) : <i32>dword();
    store<i32>(u, relative + <i32>offset + <i32>(cursor - code), U_IMMEDIATE2);
  } else if (kind == IMMEDIATE_O) {
    value = address == 8 ? qword() : address == 4 ? <u64>dword() : <u64>word();
    store<i32>(u, <i32>value, U_DISPLACEMENT);
  } else if (kind == IMMEDIATE_ONE) value = 1;
  store<u64>(u, value, U_IMMEDIATE);
  if (load<u8>(u, U_BASE) == BLOCK_RIP) {
    store<i32>(u, load<i32>(u, U_DISPLACEMENT) + <i32>offset + <i32>(cursor - code), U_DISPLACEMENT);
  }
}

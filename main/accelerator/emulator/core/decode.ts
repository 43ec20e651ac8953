/**
 * From the bytes of an instruction to its micro-operation (SDM vol. 2A, chapter 2, "Instruction Format"; vol. 2D,
 * appendix A). What stands here between calls are wasm globals, of one thread, and nothing of a CPU.
 */
import { byte, cursor, dword, peek, short, signedByte, startAt, word } from './code-bytes';
import { IMMEDIATE_O, immediates } from './decode-immediate';
import { hasRegister, registerForm0F01 } from './decode-system';
import { FORM_BYTE, FORM_TO_REG, VECTOR_MMX, VEX_PRESENT, isVexAllowed, vectorOperands } from './decode-vector';
import { AVX, CODE_16, CODE_32, CODE_64, CODE_SIZE, FLAT, MMX, PROTECTED, SSE } from './modes';
import { INVALID, OPCODE_TABLE, SYS_MOV_FROM_CR, SYS_MOV_TO_DR, UD } from './opcode-table';
import * as T from './opcode-table';
import { select } from './select';
import { BLOCK_RIP, CS, DS, FS, GS, RAX, RSP, SS, ZERO } from './state';
import {
  ADDRESS_32,
  ADDRESS_64,
  ADDRESS_SEGMENTED,
  F_END,
  F_LOCK,
  F_MEMORY,
  F_REP,
  F_REPNE,
  U_ADDRESS,
  U_ADDRESS_SIZE,
  U_BASE,
  U_DISPLACEMENT,
  U_DST,
  U_EXTRA,
  U_FLAGS,
  U_IMMEDIATE,
  U_IMMEDIATE2,
  U_INDEX,
  U_LENGTH,
  U_NEXT,
  U_OP,
  U_OPERAND_SIZE,
  U_SCALE,
  U_SRC,
} from './uop';
import { isReserved } from './x87/reserved';

// Fields of a table entry, as scripts/build-core.mjs writes them.
const INSTRUCTION: u64 = 4095;
const GROUP: u32 = 4095;
const FORM_SHIFT: u64 = 12;
const VECTOR_SHIFT: u64 = 52;
const FORM_MODRM: u32 = 1;
const FORM_OPCODE_REG: u32 = 8;
const FORM_MEMORY_ONLY: u32 = 0x200;
const FORM_REGISTER_ONLY: u32 = 0x400;
const FORM_ACCUMULATOR: u32 = 0x800;
const FORM_SOURCE_BYTE: u32 = 0x1000;
const FORM_SOURCE_WORD: u32 = 0x2000;
/** Of the operand size, where the destination is 32 or 64 bits. */
const FORM_SOURCE: u32 = FORM_SOURCE_BYTE | FORM_SOURCE_WORD;
const FORM_YWORD: u32 = 0x4000;
const FORM_WORD: u32 = 0x8000;
const ATTRIBUTE_LOCK: u32 = 1;
const ATTRIBUTE_I64: u32 = 2;
const ATTRIBUTE_O64: u32 = 4;
const ATTRIBUTE_D64: u32 = 8;
const ATTRIBUTE_F64: u32 = 16;
const ATTRIBUTE_END: u32 = 32;
const ATTRIBUTE_VSIB: u32 = 64;

// Maps of two and three bytes of opcode, each without prefix, with 66, F3 and F2; then the same with VEX.
const MAP_0F: u32 = 1;
const MAP_0F38: u32 = 5;
const MAP_0F3A: u32 = 9;
const MAP_VEX: u32 = 13;

/** Of no instruction that is here. */
const NO_MAP: u32 = 255;

const REX_B: u32 = 1;
const REX_X: u32 = 2;
const REX_R: u32 = 4;
const REX_W: u32 = 8;

/** The longest instruction; a longer one is #GP. */
export const MAX_LENGTH: usize = 15;
const DEFAULT_SEGMENT: i32 = -1;
const NO_SIB: i32 = -1;

let mode: u32 = 0;
let rex: u32 = 0;
let hasRex: bool = false;
let operand: u32 = 0;
let address: u32 = 0;
let segment: i32 = DEFAULT_SEGMENT;
/** Number of the index register, where there is a SIB byte. */
let sibIndex: i32 = NO_SIB;

/** Results for the builder of a block: the table's entry, and whether the instruction may leave the straight line. */
export let entryForm: u32 = 0;
export let entryWritten: u32 = 0;
export let entryRead: u32 = 0;
export let entryEnds: bool = false;

/**
 * Decodes the instruction at `code` to `u`, where `offset` is the instruction's distance from the block's start.
 * Returns its length; 0: the bytes up to `limit` do not hold all of it.
 */
export function decode(u: usize, code: usize, limit: usize, offset: u32, codeMode: u32): usize {
  startAt(code, limit);
  mode = codeMode;
  rex = 0;
  hasRex = false;
  segment = DEFAULT_SEGMENT;
  sibIndex = NO_SIB;
  memory.fill(u, 0, 32);
  const size = codeMode & CODE_SIZE;
  const is64 = size == CODE_64;
  operand = size == CODE_16 ? 2 : 4;
  address = is64 ? 8 : size == CODE_32 ? 4 : 2;

  let flags: u32 = 0;
  let prefix: u32 = 0; // the last of F2 and F3
  let has66 = false;
  let opcode: u32;
  for (;;) {
    opcode = byte();
    if (short) return 0;
    if (opcode == 0x66) has66 = true;
    else if (opcode == 0x67) address = is64 ? 4 : size == CODE_32 ? 2 : 4;
    else if (opcode == 0xf0) flags |= F_LOCK;
    else if (opcode == 0xf2 || opcode == 0xf3) prefix = opcode;
    else if (opcode == 0x64) segment = FS;
    else if (opcode == 0x65) segment = GS;
    else if ((opcode & 0xe7) == 0x26) {
      // ES, CS, SS, DS: null prefixes in 64-bit mode, which do not take back FS or GS either.
      if (!is64) segment = <i32>((opcode >> 3) & 3);
    } else if (is64 && (opcode & 0xf0) == 0x40) {
      // A REX prefix counts only directly before the opcode.
      rex = opcode;
      hasRex = true;
      continue;
    } else break;
    rex = 0;
    hasRex = false;
  }
  if (has66) operand ^= 6;
  if (prefix == 0xf3) flags |= F_REP;
  else if (prefix == 0xf2) flags |= F_REPNE;

  let map: u32 = 0;
  let vvvv: u32 = 0;
  let vex: u32 = 0; // its last byte, and VEX_PRESENT
  // What the SDM demands #UD for is UD; INVALID is what it has and this processor does not.
  let isUndefined = false;
  if (opcode == 0x0f) {
    opcode = byte();
    map = MAP_0F;
    if (opcode == 0x38 || opcode == 0x3a) {
      map = opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
      opcode = byte();
    }
    map += prefix == 0xf2 ? 3 : prefix == 0xf3 ? 2 : has66 ? 1 : 0;
  } else if ((opcode == 0xc4 || opcode == 0xc5) && (is64 || peek() >= 0xc0)) {
    // VEX (SDM vol. 2A, "The VEX Prefix").
    const first = byte();
    const second = opcode == 0xc4 ? byte() : first & 0x7f;
    const selected = opcode == 0xc4 ? first & 31 : 1;
    vex = VEX_PRESENT | second;
    isUndefined = flags != 0 || has66 || hasRex || (codeMode & PROTECTED) == 0;
    hasRex = true;
    rex = (~first >> 5) & REX_R;
    if (opcode == 0xc4) rex |= ((~first >> 5) & (REX_X | REX_B)) | ((second >> 4) & REX_W);
    if (!is64) rex &= REX_W;
    vvvv = (~second >> 3) & (is64 ? 15 : 7);
    opcode = byte();
    map = selected - 1 < 3 ? MAP_VEX + ((selected - 1) << 2) + (second & 3) : NO_MAP;
  }
  if (short) return 0;

  const at = (map << 8) | opcode;
  let entry = map == NO_MAP ? 0 : unchecked(OPCODE_TABLE[at]);
  let modrm: u32 = 0;
  if (<u32>(entry & INSTRUCTION) == GROUP) {
    modrm = peek();
    if (short) return 0;
    entry = unchecked(OPCODE_TABLE[<u32>((entry >> FORM_SHIFT) & 0xffff) + ((modrm >> 3) & 7) + (modrm >= 0xc0 ? 8 : 0)]);
  }
  let instruction = <i32>(entry & INSTRUCTION);
  let form = <u32>(entry >> FORM_SHIFT) & 0xffff;
  let attributes = <u32>(entry >> 28) & 0xff;
  const isVector = instruction >= T.FIRST_VECTOR;
  if (is64 && at == 0x63) {
    instruction = T.MOVSX;
    form = FORM_MODRM | FORM_TO_REG;
    attributes = 0;
  }
  if ((attributes & ATTRIBUTE_I64) != 0 && is64) {
    if (instruction == T.BOUND) instruction = INVALID; // the EVEX prefix
    else isUndefined = true;
  }
  if ((attributes & ATTRIBUTE_O64) != 0 && !is64) isUndefined = true;
  if (vex != 0 && !isVexAllowed(vex, <u32>(entry >> VECTOR_SHIFT), is64)) isUndefined = true;

  if ((rex & REX_W) != 0 && is64) operand = 8;
  if (is64 && (attributes & ATTRIBUTE_D64) != 0 && operand == 4) operand = 8;
  if (is64 && (attributes & ATTRIBUTE_F64) != 0) operand = 8;
  const general = operand;
  if (isVector) operand = (rex & REX_W) != 0 && is64 ? 8 : 4;
  else if ((form & FORM_BYTE) != 0) operand = 1;
  else if ((form & FORM_WORD) != 0) operand = 2;
  else if ((form & FORM_YWORD) != 0) operand = (rex & REX_W) != 0 && is64 ? 8 : 4;
  const registersOnly = instruction >= SYS_MOV_FROM_CR && instruction <= SYS_MOV_TO_DR;
  if (registersOnly) operand = is64 ? 8 : 4;
  const bytes = operand;

  let reg: u32 = 0;
  let rm: u32 = 0;
  if ((form & FORM_MODRM) != 0 && instruction != INVALID) {
    modrm = byte();
    reg = ((modrm >> 3) & 7) | ((rex & REX_R) << 1);
    rm = (modrm & 7) | ((rex & REX_B) << 3);
    if (!hasRegister(instruction, reg)) isUndefined = true;
    // REX.R extends general, control and debug registers alone.
    if (instruction == T.MOV_FROM_SEG || instruction == T.SYS_MOV_TO_SEG) reg &= 7;
    // Control and debug registers have no memory form: mod is ignored.
    if (modrm < 0xc0 && !registersOnly) {
      flags |= F_MEMORY;
      if (address == 2) modrm16(u, modrm);
      else modrm32(u, modrm);
      if ((attributes & ATTRIBUTE_VSIB) != 0) {
        if (sibIndex == NO_SIB) isUndefined = true;
        else store<u8>(u, <u8>(sibIndex << 3), U_INDEX);
      }
      if ((form & FORM_REGISTER_ONLY) != 0) {
        if (instruction == T.RDRAND || instruction == T.RDSEED) instruction = INVALID; // of VMX
        else isUndefined = true;
      }
    } else if ((form & FORM_MEMORY_ONLY) != 0) {
      if (opcode == 0x01 && map >= MAP_0F && map < MAP_0F38) instruction = registerForm0F01(modrm, is64, has66 || prefix != 0);
      else if (instruction == T.BOUND) instruction = INVALID; // the EVEX prefix
      else isUndefined = true;
    }
  } else if ((form & FORM_OPCODE_REG) != 0) {
    rm = (opcode & 7) | ((rex & REX_B) << 3);
  }
  const isNop = at == 0x90 && rm == 0;
  if (isNop) instruction = (flags & F_REP) != 0 ? T.SYS_PAUSE : T.NOP;
  if ((flags & F_LOCK) != 0 && ((attributes & ATTRIBUTE_LOCK) == 0 || (flags & F_MEMORY) == 0)) isUndefined = true;
  if (isUndefined) instruction = UD;

  let source = bytes;
  if ((form & FORM_SOURCE) == FORM_SOURCE) source = general;
  else if ((form & FORM_SOURCE_BYTE) != 0) source = 1;
  else if ((form & FORM_SOURCE_WORD) != 0) source = 2;
  else if (is64 && at == 0x63) source = 4;
  store<u8>(u, registerSlot(reg, bytes), U_DST);
  store<u8>(u, registerSlot(rm, source), U_SRC);
  store<u8>(u, <u8>bytes, U_OPERAND_SIZE);
  store<u8>(u, <u8>address, U_ADDRESS_SIZE);
  if (vex != 0) store<u8>(u, <u8>(vvvv << 3), U_EXTRA);
  else if (source != bytes || instruction == T.CRC32) store<u8>(u, <u8>source, U_EXTRA);
  else store<u8>(u, <u8>(opcode & 15), U_EXTRA);
  const named = <u32>(entry >> 48) & 15;
  if ((flags & F_MEMORY) == 0) {
    setAddress(u, DS); // of string instructions, XLAT, and MOV with an offset
    store<u8>(u, ZERO, U_BASE);
    store<u8>(u, ZERO, U_INDEX);
  }
  const immediateKind = (form >> 4) & 15;
  if (instruction != INVALID && instruction != UD) immediates(u, immediateKind, bytes, address, offset, code);
  if (immediateKind == IMMEDIATE_O) flags |= F_MEMORY;
  if (
    named != 0 ||
    instruction == T.PUSH_SEG ||
    instruction == T.SYS_POP_SEG ||
    instruction == T.SYS_LOAD_FAR_POINTER
  ) {
    store<u32>(u, named, U_IMMEDIATE2);
    if (instruction != T.SYS_LOAD_FAR_POINTER) store<u8>(u, <u8>(named << 3), U_DST);
  }
  if ((form & FORM_ACCUMULATOR) != 0) store<u8>(u + (immediateKind == IMMEDIATE_O ? U_DST : U_SRC), RAX);
  if (instruction == T.X87) {
    // As the FPU keeps it: the opcode's low bits, and ModRM.
    const code = ((opcode & 7) << 8) | modrm;
    store<u32>(u, code, U_IMMEDIATE);
    if (isReserved(code)) instruction = UD;
  }
  if (short) return 0;
  if (isVector && instruction >= T.FIRST_VECTOR) {
    vectorOperands(u, form, <u32>(entry >> VECTOR_SHIFT), vex, bytes, is64);
    const needs = vex != 0 ? AVX : (<u32>(entry >> VECTOR_SHIFT) & VECTOR_MMX) != 0 ? MMX : SSE;
    if ((codeMode & needs) == 0) instruction = T.UNAVAILABLE;
  }

  const length = cursor - code;
  store<u16>(u, <u16>(offset + <u32>length), U_NEXT);
  store<u8>(u, <u8>length, U_LENGTH);
  store<u16>(u, <u16>instruction, U_OP);
  entryForm = form;
  entryWritten = <u32>(entry >> 36) & 63;
  entryRead = <u32>(entry >> 42) & 63;
  entryEnds =
    (attributes & ATTRIBUTE_END) != 0 ||
    // CLI: whatever it forbids, nothing else has to be looked at.
    (instruction >= T.FIRST_SYSTEM && !isVector && instruction != T.SYS_CLI) ||
    instruction == INVALID ||
    instruction == UD ||
    instruction == T.UNAVAILABLE;
  if (entryEnds) flags |= F_END;
  store<u8>(u, <u8>flags, U_FLAGS);
  if (instruction != INVALID) select(u, instruction, form, codeMode);
  return length;
}

/** Where in the state block a register's bytes are. Without REX numbers 4 to 7 of 8 bits are AH, CH, DH, BH. */
function registerSlot(n: u32, size: u32): u8 {
  return size == 1 && !hasRex && n >= 4 ? <u8>((n - 4) * 8 + 1) : <u8>(n * 8);
}

function setAddress(u: usize, defaultSegment: i32): void {
  const chosen = segment == DEFAULT_SEGMENT ? defaultSegment : segment;
  let kind = ADDRESS_SEGMENTED;
  if ((mode & FLAT) != 0 && chosen != FS && chosen != GS) {
    if (address == 4) kind = ADDRESS_32;
    else if (address == 8) kind = ADDRESS_64;
  }
  // CS is never writable outside of 64-bit mode, and flat CS may be unreadable: segments.ts says.
  if (chosen == CS && (mode & CODE_SIZE) != CODE_64) kind = ADDRESS_SEGMENTED;
  store<u8>(u, <u8>(kind | ((<u32>chosen) << 4)), U_ADDRESS);
}

function modrm16(u: usize, modrm: u32): void {
  const rm = modrm & 7;
  const mod = modrm >> 6;
  let base: usize = ZERO;
  let index: usize = ZERO;
  if (rm < 4) {
    base = (rm & 2) != 0 ? <usize>40 : <usize>24; // BP, BX
    index = (rm & 1) != 0 ? <usize>56 : <usize>48; // DI, SI
  } else if (rm == 4) base = 48;
  else if (rm == 5) base = 56;
  else if (rm == 7) base = 24;
  else if (mod != 0) base = 40;
  let displacement: i32 = 0;
  if (mod == 1) displacement = <i32>signedByte();
  else if (mod == 2 || (mod == 0 && rm == 6)) displacement = <i32>word();
  store<u8>(u, <u8>base, U_BASE);
  store<u8>(u, <u8>index, U_INDEX);
  store<i32>(u, displacement, U_DISPLACEMENT);
  setAddress(u, base == 40 ? SS : DS);
}

function modrm32(u: usize, modrm: u32): void {
  const mod = modrm >> 6;
  let rm = modrm & 7;
  let base: usize = ZERO;
  let index: usize = ZERO;
  let baseless = false;
  if (rm == 4) {
    const sib = byte();
    const indexNumber = ((sib >> 3) & 7) | ((rex & REX_X) << 2);
    sibIndex = <i32>indexNumber;
    if (indexNumber != 4) index = (<usize>indexNumber) << 3;
    store<u8>(u, <u8>(sib >> 6), U_SCALE);
    rm = sib & 7;
    baseless = rm == 5 && mod == 0;
    if (!baseless) base = (<usize>(rm | ((rex & REX_B) << 3))) << 3;
  } else if (rm == 5 && mod == 0) {
    baseless = true;
    if ((mode & CODE_SIZE) == CODE_64) base = BLOCK_RIP; // its displacement is completed in `immediates`
  } else base = (<usize>(rm | ((rex & REX_B) << 3))) << 3;
  let displacement: i32 = 0;
  if (mod == 1) displacement = <i32>signedByte();
  else if (mod == 2 || baseless) displacement = <i32>dword();
  store<u8>(u, <u8>base, U_BASE);
  store<u8>(u, <u8>index, U_INDEX);
  store<i32>(u, displacement, U_DISPLACEMENT);
  setAddress(u, base == RSP || base == 40 ? SS : DS);
}

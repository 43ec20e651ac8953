/**
 * The record of one micro-operation, 32 bytes; usually one x86 instruction. Registers are byte offsets from the start
 * of the state block, so AH is RAX + 1, and an absent base or index is the slot that is always zero.
 */
import { linearAddress } from './segments';

export const UOP_SIZE: usize = 32;

export const U_OP: usize = 0; // u16
/** u8: destination of specialised operations; ModRM.reg of the others. */
export const U_DST: usize = 2;
/** u8: source of specialised operations; ModRM.rm of the others, where it is a register. */
export const U_SRC: usize = 3;
export const U_BASE: usize = 4; // u8
export const U_INDEX: usize = 5; // u8
export const U_SCALE: usize = 6; // u8: shift
/** u8: bits 0-1: ADDRESS_*; bits 4-6: segment register. */
export const U_ADDRESS: usize = 7;
export const U_DISPLACEMENT: usize = 8; // i32
/** u16: where the next instruction starts, counted from the block's start. */
export const U_NEXT: usize = 12;
export const U_LENGTH: usize = 14; // u8
/** u8: instructions of the block before this one. */
export const U_NUMBER: usize = 15;
export const U_IMMEDIATE: usize = 16; // u64
/** u32: target of a branch, counted from the block's start; selector of a far pointer; nesting level of ENTER. */
export const U_IMMEDIATE2: usize = 24;
export const U_OPERAND_SIZE: usize = 28; // u8: bytes
export const U_FLAGS: usize = 29; // u8
export const U_ADDRESS_SIZE: usize = 30; // u8: bytes
/** u8: condition code, kind of arithmetic, VEX.vvvv's register offset, size of a source that differs from the destination's. */
export const U_EXTRA: usize = 31;

// ---- SIMD (core/simd): slot n * 8 is register n. U_DST is the destination and U_SRC the second source, or with V_STORES the
// other way round; U_EXTRA is the first source.
export const V_THIRD: usize = 20; // u8: slot of the register in bits 4-7 of the immediate
export const V_STORES: usize = 21; // u8: ModRM.rm is the destination
export const V_SHAPE: usize = 24; // u8: SHAPE_*
export const V_GENERAL: usize = 25; // u8: bytes of a general register that is an operand
/** u8: bits that have to be clear in the address of memory. U_OPERAND_SIZE is how many bytes there are accessed. */
export const V_ALIGNMENT: usize = 26;
export const V_W: usize = 27; // u8: VEX.W

export const SHAPE_MMX: u32 = 0;
/** Legacy SSE: the upper half of the destination's ymm register stays; with VEX it is cleared. */
export const SHAPE_XMM: u32 = 1;
export const SHAPE_VEX128: u32 = 2;
export const SHAPE_VEX256: u32 = 3;

/** The linear address is the 64-bit sum. */
export const ADDRESS_64: u32 = 0;
/** The linear address is the low half of the sum. */
export const ADDRESS_32: u32 = 1;
/** The segment's base, limit and rights have a say. */
export const ADDRESS_SEGMENTED: u32 = 2;

export const F_MEMORY: u32 = 1;
export const F_REP: u32 = 2;
export const F_REPNE: u32 = 4;
export const F_LOCK: u32 = 8;
/** The instruction may leave the straight line: it is the last of its block. */
export const F_END: u32 = 16;

export const READ: i32 = 0;
export const WRITE: i32 = 1;

// @ts-ignore: decorator
@inline
export function isMemory(u: usize): bool {
  return (load<u8>(u, U_FLAGS) & F_MEMORY) != 0;
}

// @ts-ignore: decorator
@inline
export function operandSize(u: usize): i32 {
  return load<u8>(u, U_OPERAND_SIZE);
}

/** ModRM.reg with its REX bit. */
export function regField(u: usize): i32 {
  return load<u8>(u, U_DST) >> 3;
}

/** ModRM.rm with its REX bit, where it is a register. */
export function rmField(u: usize): i32 {
  return load<u8>(u, U_SRC) >> 3;
}

export function immediate(u: usize): u64 {
  return load<u64>(u, U_IMMEDIATE);
}

export function immediate2(u: usize): u32 {
  return load<u32>(u, U_IMMEDIATE2);
}

export function operandSegment(u: usize): i32 {
  return load<u8>(u, U_ADDRESS) >> 4;
}

/** Reads `size` bytes of a register at a byte offset of the state block, zero-extended. */
export function readSlot(cpu: usize, slot: usize, size: i32): u64 {
  const p = cpu + slot;
  if (size == 8) return load<u64>(p);
  if (size == 4) return load<u32>(p);
  return size == 2 ? load<u16>(p) : load<u8>(p);
}

/** 32-bit writes clear the upper half of the register. */
export function writeSlot(cpu: usize, slot: usize, size: i32, value: u64): void {
  const p = cpu + slot;
  if (size == 8) store<u64>(p, value);
  else if (size == 4) store<u64>(p, <u32>value);
  else if (size == 2) store<u16>(p, <u16>value);
  else store<u8>(p, <u8>value);
}

export function readReg(cpu: usize, n: i32, size: i32): u64 {
  return readSlot(cpu, (<usize>n) << 3, size);
}

export function writeReg(cpu: usize, n: i32, size: i32, value: u64): void {
  writeSlot(cpu, (<usize>n) << 3, size, value);
}

// @ts-ignore: decorator
@inline
export function addressSum(cpu: usize, u: usize): u64 {
  return (
    load<u64>(cpu + load<u8>(u, U_BASE)) +
    (load<u64>(cpu + load<u8>(u, U_INDEX)) << load<u8>(u, U_SCALE)) +
    <u64>(<i64>load<i32>(u, U_DISPLACEMENT))
  );
}

/** Truncates an offset to an address size in bytes. */
// @ts-ignore: decorator
@inline
export function truncate(offset: u64, bytes: i32): u64 {
  return bytes == 8 ? offset : bytes == 4 ? <u64>(<u32>offset) : offset & 0xffff;
}

/** Effective address: the operand's offset in its segment. */
export function operandOffset(cpu: usize, u: usize): u64 {
  return truncate(addressSum(cpu, u), load<u8>(u, U_ADDRESS_SIZE));
}

function segmentedAddress(cpu: usize, u: usize, size: i32, access: i32): u64 {
  return linearAddress(cpu, operandSegment(u), operandOffset(cpu, u), size, access);
}

/** Linear address of the memory operand; NO_ADDRESS after a fault. */
// @ts-ignore: decorator
@inline
export function operandAddress(cpu: usize, u: usize, size: i32, access: i32): u64 {
  const sum = addressSum(cpu, u);
  const kind: u32 = load<u8>(u, U_ADDRESS) & 3;
  if (kind == ADDRESS_64) return sum;
  return kind == ADDRESS_32 ? <u64>(<u32>sum) : segmentedAddress(cpu, u, size, access);
}

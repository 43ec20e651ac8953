/** Vector registers and operands of SIMD instructions; what of the micro-operation says which is in uop.ts. */
import { GP, MF } from '../bits';
import { fault, raise } from '../exceptions';
import { readPointer, writePointer } from '../memory';
import { NO_ADDRESS } from '../segments';
import { X87, X87_FULL, X87_STATUS, YMM } from '../state';
import {
  READ,
  SHAPE_VEX128,
  U_DST,
  U_EXTRA,
  U_OPERAND_SIZE,
  U_SRC,
  V_ALIGNMENT,
  V_SHAPE,
  WRITE,
  isMemory,
  operandAddress,
} from '../uop';

const X87_ES: u32 = 1 << 7;
const X87_TOP: u32 = 7 << 11;
/** Sign and exponent of a register that an MMX instruction has written. */
const MMX_EXPONENT: u16 = 0xffff;

export function zero128(): v128 {
  return i64x2.splat(0);
}

/** Address of an xmm or ymm register by its slot. */
// @ts-ignore: decorator
@inline
export function vectorAt(cpu: usize, slot: u8): usize {
  return cpu + YMM + ((<usize>slot) << 2);
}

// @ts-ignore: decorator
@inline
export function destinationAt(cpu: usize, u: usize): usize {
  return vectorAt(cpu, load<u8>(u, U_DST));
}

/** The first source: H, or without VEX the destination. */
// @ts-ignore: decorator
@inline
export function firstAt(cpu: usize, u: usize): usize {
  return vectorAt(cpu, load<u8>(u, U_EXTRA));
}

/** Address of an mm register by a slot: there are eight. */
export function mmxAt(cpu: usize, slot: u8): usize {
  return cpu + X87 + (((<usize>slot) & 0x38) << 1);
}

/** Where the memory operand can be read; 0: a fault. */
export function readableMemory(cpu: usize, u: usize): usize {
  const size: i32 = load<u8>(u, U_OPERAND_SIZE);
  const linear = alignedAddress(cpu, u, size, READ);
  return linear == NO_ADDRESS ? 0 : readPointer(cpu, linear, size);
}

/** Where the memory operand can be written, to be followed by `settle`; 0: a fault. */
export function writableMemory(cpu: usize, u: usize): usize {
  const size: i32 = load<u8>(u, U_OPERAND_SIZE);
  const linear = alignedAddress(cpu, u, size, WRITE);
  return linear == NO_ADDRESS ? 0 : writePointer(cpu, linear, size);
}

function alignedAddress(cpu: usize, u: usize, size: i32, access: i32): u64 {
  const linear = operandAddress(cpu, u, size, access);
  if ((linear & load<u8>(u, V_ALIGNMENT)) == 0 || linear == NO_ADDRESS) return linear;
  raise(cpu, GP, 0);
  return NO_ADDRESS;
}

/** Where the second source stands, a register or memory; 0: a fault. */
// @ts-ignore: decorator
@inline
export function sourceAt(cpu: usize, u: usize): usize {
  return isMemory(u) ? readableMemory(cpu, u) : vectorAt(cpu, load<u8>(u, U_SRC));
}

/** `size` bytes in the low end of a vector, zeros above. */
export function loadVector(p: usize, size: i32): v128 {
  if (size >= 16) return v128.load(p);
  if (size == 8) return v128.load64_zero(p);
  if (size == 4) return v128.load32_zero(p);
  return i32x4.replace_lane(zero128(), 0, size == 2 ? load<u16>(p) : load<u8>(p));
}

/** Writes a result of 16 bytes to the destination; with VEX its upper half is cleared. */
// @ts-ignore: decorator
@inline
export function setVector(cpu: usize, u: usize, value: v128): void {
  const p = destinationAt(cpu, u);
  v128.store(p, value);
  if (load<u8>(u, V_SHAPE) >= <u8>SHAPE_VEX128) v128.store(p, zero128(), 16);
}

/** What every MMX instruction begins with: an unmasked x87 exception that waits is #MF. */
export function x87Waits(cpu: usize): bool {
  if ((<u32>load<u16>(cpu, X87_STATUS) & X87_ES) == 0) return false;
  fault(cpu, MF, 0);
  return true;
}

/** MMX instructions leave TOP 0 and all registers in use, but EMMS none (SDM vol. 3A, "Intel MMX Technology System Programming"). */
export function enterMmx(cpu: usize): void {
  store<u16>(cpu, <u16>(<u32>load<u16>(cpu, X87_STATUS) & ~X87_TOP), X87_STATUS);
  store<u8>(cpu, 0xff, X87_FULL);
}

export function setMmx(cpu: usize, slot: u8, value: u64): void {
  const p = mmxAt(cpu, slot);
  store<u64>(p, value);
  store<u16>(p, MMX_EXPONENT, 8);
}

/** Where the second source of an MMX instruction stands; 0: a fault. */
export function mmxSourceAt(cpu: usize, u: usize): usize {
  return isMemory(u) ? readableMemory(cpu, u) : mmxAt(cpu, load<u8>(u, U_SRC));
}

/** Shifts of elements: all by one count, from the low end of a register or an immediate, or each by its own (SDM vol. 2B, PSLLW…). */
import * as T from '../opcode-table';
import { FAULT, RETIRED } from '../status';
import { SHAPE_MMX, SHAPE_VEX256, U_DST, U_IMMEDIATE, U_SRC, V_SHAPE, V_W } from '../uop';
import {
  destinationAt,
  enterMmx,
  firstAt,
  mmxAt,
  mmxSourceAt,
  setMmx,
  setVector,
  sourceAt,
  vectorAt,
  x87Waits,
  zero128,
} from './registers';

export function shift(cpu: usize, u: usize, op: i32): i32 {
  const shape: u32 = load<u8>(u, V_SHAPE);
  if (shape == SHAPE_MMX) return shiftMmx(cpu, u, op);
  if (op >= T.PSRLV) return shiftEach(cpu, u, op, shape);
  let a: usize;
  let count: u64;
  if (op >= T.PSRLW_I) {
    a = vectorAt(cpu, load<u8>(u, U_SRC));
    count = load<u8>(u, U_IMMEDIATE);
  } else {
    const b = sourceAt(cpu, u);
    if (b == 0) return FAULT;
    a = firstAt(cpu, u);
    count = load<u64>(b);
  }
  const low = shiftLane(op, v128.load(a), count);
  if (shape != SHAPE_VEX256) {
    setVector(cpu, u, low);
    return RETIRED;
  }
  const high = shiftLane(op, v128.load(a, 16), count);
  const d = destinationAt(cpu, u);
  v128.store(d, low);
  v128.store(d, high, 16);
  return RETIRED;
}

function shiftMmx(cpu: usize, u: usize, op: i32): i32 {
  if (x87Waits(cpu)) return FAULT;
  const slot = load<u8>(u, U_DST);
  let count: u64;
  if (op >= T.PSRLW_I) count = load<u8>(u, U_IMMEDIATE);
  else {
    const p = mmxSourceAt(cpu, u);
    if (p == 0) return FAULT;
    count = load<u64>(p);
  }
  const result = shiftLane(op, v128.load64_zero(mmxAt(cpu, slot)), count);
  enterMmx(cpu);
  setMmx(cpu, slot, i64x2.extract_lane(result, 0));
  return RETIRED;
}

/** A count of the element's bits and more leaves nothing, or only the sign. */
function shiftLane(op: i32, a: v128, count: u64): v128 {
  const n = <i32>min<u64>(count, 255);
  switch (op) {
    case T.PSRLW:
    case T.PSRLW_I:
      return n > 15 ? zero128() : i16x8.shr_u(a, n);
    case T.PSRLD:
    case T.PSRLD_I:
      return n > 31 ? zero128() : i32x4.shr_u(a, n);
    case T.PSRLQ:
    case T.PSRLQ_I:
      return n > 63 ? zero128() : i64x2.shr_u(a, n);
    case T.PSRAW:
    case T.PSRAW_I:
      return i16x8.shr_s(a, min(n, 15));
    case T.PSRAD:
    case T.PSRAD_I:
      return i32x4.shr_s(a, min(n, 31));
    case T.PSLLW:
    case T.PSLLW_I:
      return n > 15 ? zero128() : i16x8.shl(a, n);
    case T.PSLLD:
    case T.PSLLD_I:
      return n > 31 ? zero128() : i32x4.shl(a, n);
    case T.PSLLQ:
    case T.PSLLQ_I:
      return n > 63 ? zero128() : i64x2.shl(a, n);
    default: {
      // By bytes: an index outside of the lane gives zero.
      const by = i8x16.splat(<i8>min(n, 16));
      const places = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
      return i8x16.swizzle(a, op == T.PSRLDQ_I ? i8x16.add(places, by) : i8x16.sub(places, by));
    }
  }
}

/** VPSRLV, VPSRAV and VPSLLV, of doublewords or with VEX.W quadwords. */
function shiftEach(cpu: usize, u: usize, op: i32, shape: u32): i32 {
  const b = sourceAt(cpu, u);
  if (b == 0) return FAULT;
  const a = firstAt(cpu, u);
  const d = destinationAt(cpu, u);
  const bytes: usize = shape == SHAPE_VEX256 ? 32 : 16;
  if (load<u8>(u, V_W) != 0) {
    for (let n: usize = 0; n < bytes; n += 8) {
      const count = load<u64>(b + n);
      const value = load<u64>(a + n);
      store<u64>(d + n, count > 63 ? 0 : op == T.PSRLV ? value >> count : value << count);
    }
  } else {
    for (let n: usize = 0; n < bytes; n += 4) {
      const count = load<u32>(b + n);
      const value = load<u32>(a + n);
      if (op == T.PSRAV) store<i32>(d + n, <i32>value >> <i32>min<u32>(count, 31));
      else store<u32>(d + n, count > 31 ? 0 : op == T.PSRLV ? value >> count : value << count);
    }
  }
  if (shape != SHAPE_VEX256) v128.store(d, zero128(), 16);
  return RETIRED;
}

/** Vectors from narrower operands: extensions, broadcasts, and 128-bit halves of ymm registers (SDM vol. 2, PMOVSX, VBROADCAST, VPERM…). */
import * as T from '../opcode-table';
import { settle } from '../operate';
import { FAULT, RETIRED } from '../status';
import {
  SHAPE_VEX128,
  SHAPE_VEX256,
  U_IMMEDIATE,
  U_OPERAND_SIZE,
  U_SRC,
  V_SHAPE,
  V_THIRD,
  isMemory,
} from '../uop';
import { destinationAt, firstAt, loadVector, setVector, sourceAt, vectorAt, writableMemory, zero128 } from './registers';

export function widen(cpu: usize, u: usize, op: i32): i32 {
  if (op == T.EXTRACT128) return extractHalf(cpu, u);
  const p = sourceAt(cpu, u);
  if (p == 0) return FAULT;
  const wide = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256;
  const immediate: u32 = load<u8>(u, U_IMMEDIATE);
  if (op <= T.PMOVZXDQ) {
    const narrow = loadVector(p, load<u8>(u, U_OPERAND_SIZE));
    const low = extend(op, narrow);
    if (!wide) setVector(cpu, u, low);
    else setBoth(cpu, u, low, extend(op, upperPart(op, narrow)));
    return RETIRED;
  }
  if (op == T.MOVDDUP && wide) {
    setBoth(cpu, u, v128.load64_splat(p), v128.load64_splat(p, 16));
    return RETIRED;
  }
  if (op <= T.BROADCAST128) {
    const value = broadcast(op, p);
    if (wide) setBoth(cpu, u, value, value);
    else setVector(cpu, u, value);
    return RETIRED;
  }
  const a = firstAt(cpu, u);
  switch (op) {
    case T.INSERT128: {
      const value = v128.load(p);
      const isUpper = (immediate & 1) != 0;
      setBoth(cpu, u, isUpper ? v128.load(a) : value, isUpper ? value : v128.load(a, 16));
      return RETIRED;
    }
    case T.PERM2X128:
      setBoth(cpu, u, chooseHalf(a, p, immediate), chooseHalf(a, p, immediate >> 4));
      return RETIRED;
    case T.PERMQ: {
      const low = i64x2.replace_lane(i64x2.splat(quadword(p, immediate)), 1, quadword(p, immediate >> 2));
      const high = i64x2.replace_lane(i64x2.splat(quadword(p, immediate >> 4)), 1, quadword(p, immediate >> 6));
      setBoth(cpu, u, low, high);
      return RETIRED;
    }
    case T.PERMD:
      setBoth(cpu, u, doublewords(p, a), doublewords(p, a + 16));
      return RETIRED;
    default:
      return blendVariable(cpu, u, op, a, p, wide);
  }
}

function setBoth(cpu: usize, u: usize, low: v128, high: v128): void {
  const d = destinationAt(cpu, u);
  v128.store(d, low);
  v128.store(d, high, 16);
}

/** PMOVSX and PMOVZX, of the low elements. */
function extend(op: i32, value: v128): v128 {
  switch (op) {
    case T.PMOVSXBW:
      return i16x8.extend_low_i8x16_s(value);
    case T.PMOVSXBD:
      return i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(value));
    case T.PMOVSXBQ:
      return i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(value)));
    case T.PMOVSXWD:
      return i32x4.extend_low_i16x8_s(value);
    case T.PMOVSXWQ:
      return i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(value));
    case T.PMOVSXDQ:
      return i64x2.extend_low_i32x4_s(value);
    case T.PMOVZXBW:
      return i16x8.extend_low_i8x16_u(value);
    case T.PMOVZXBD:
      return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(value));
    case T.PMOVZXBQ:
      return i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(value)));
    case T.PMOVZXWD:
      return i32x4.extend_low_i16x8_u(value);
    case T.PMOVZXWQ:
      return i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(value));
    default:
      return i64x2.extend_low_i32x4_u(value);
  }
}

/** Moves down what the upper 16 bytes of the result come from. */
function upperPart(op: i32, value: v128): v128 {
  const kind = (op - T.PMOVSXBW) % 6;
  // By the order of the opcodes: BW, BD, BQ, WD, WQ, DQ.
  if (kind == 2) return i16x8.shuffle(value, value, 1, 1, 1, 1, 1, 1, 1, 1);
  if (kind == 1 || kind == 4) return i32x4.shuffle(value, value, 1, 1, 1, 1);
  return i64x2.shuffle(value, value, 1, 1);
}

function broadcast(op: i32, p: usize): v128 {
  switch (op) {
    case T.BROADCASTB:
      return v128.load8_splat(p);
    case T.BROADCASTW:
      return v128.load16_splat(p);
    case T.BROADCASTD:
      return v128.load32_splat(p);
    case T.BROADCASTQ:
    case T.MOVDDUP:
      return v128.load64_splat(p);
    default:
      return v128.load(p);
  }
}

function extractHalf(cpu: usize, u: usize): i32 {
  const half: usize = (load<u8>(u, U_IMMEDIATE) & 1) << 4;
  const value = v128.load(destinationAt(cpu, u) + half);
  if (!isMemory(u)) {
    const to = vectorAt(cpu, load<u8>(u, U_SRC));
    v128.store(to, value);
    v128.store(to, zero128(), 16);
    return RETIRED;
  }
  const p = writableMemory(cpu, u);
  if (p == 0) return FAULT;
  v128.store(p, value);
  settle(cpu, p);
  return RETIRED;
}

/** Of the four halves of both sources, by two bits; bit 3 asks for zeros. */
function chooseHalf(a: usize, b: usize, control: u32): v128 {
  if ((control & 8) != 0) return zero128();
  return v128.load(((control & 2) != 0 ? b : a) + ((<usize>control & 1) << 4));
}

function quadword(p: usize, control: u32): u64 {
  return load<u64>(p + ((<usize>control & 3) << 3));
}

/** Four doublewords of the eight at `p`, by those at `indices`. */
function doublewords(p: usize, indices: usize): v128 {
  let result = v128.load32_splat(p + ((<usize>load<u32>(indices) & 7) << 2));
  result = i32x4.replace_lane(result, 1, load<u32>(p + ((<usize>load<u32>(indices, 4) & 7) << 2)));
  result = i32x4.replace_lane(result, 2, load<u32>(p + ((<usize>load<u32>(indices, 8) & 7) << 2)));
  return i32x4.replace_lane(result, 3, load<u32>(p + ((<usize>load<u32>(indices, 12) & 7) << 2)));
}

/** PBLENDVB, BLENDVPS and BLENDVPD: by the signs of elements of XMM0, or with VEX of a fourth register. */
function blendVariable(cpu: usize, u: usize, op: i32, a: usize, b: usize, wide: bool): i32 {
  const isVex = load<u8>(u, V_SHAPE) >= <u8>SHAPE_VEX128;
  const mask = vectorAt(cpu, isVex ? load<u8>(u, V_THIRD) : 0);
  const low = v128.bitselect(v128.load(b), v128.load(a), signs(op, v128.load(mask)));
  if (!wide) setVector(cpu, u, low);
  else setBoth(cpu, u, low, v128.bitselect(v128.load(b, 16), v128.load(a, 16), signs(op, v128.load(mask, 16))));
  return RETIRED;
}

function signs(op: i32, mask: v128): v128 {
  if (op == T.PBLENDVB) return i8x16.shr_s(mask, 7);
  return op == T.BLENDVPS ? i32x4.shr_s(mask, 31) : i64x2.shr_s(mask, 63);
}

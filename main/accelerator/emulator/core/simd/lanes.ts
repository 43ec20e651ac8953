/**
 * Instructions whose result has in each lane of 16 bytes what the same lane of two sources gives: once for XMM registers,
 * twice for VEX.256, and in eight bytes for MMX.
 */
import * as T from '../opcode-table';
import { FAULT, RETIRED } from '../status';
import { SHAPE_MMX, SHAPE_VEX256, U_DST, U_IMMEDIATE, U_OPERAND_SIZE, V_SHAPE } from '../uop';
import { arithmeticLane } from './arithmetic';
import { cryptographyLane } from './cryptography';
import {
  destinationAt,
  enterMmx,
  firstAt,
  loadVector,
  mmxAt,
  mmxSourceAt,
  setMmx,
  setVector,
  sourceAt,
  x87Waits,
  zero128,
} from './registers';
import { shuffleLane, shuffleMmx } from './shuffles';

export function lanes(cpu: usize, u: usize, op: i32): i32 {
  const shape: u32 = load<u8>(u, V_SHAPE);
  if (shape == SHAPE_MMX) return lanesMmx(cpu, u, op);
  const b = sourceAt(cpu, u);
  if (b == 0) return FAULT;
  const a = firstAt(cpu, u);
  const immediate: u32 = load<u8>(u, U_IMMEDIATE);
  const low = lane(op, v128.load(a), v128.load(b), immediate);
  if (shape != SHAPE_VEX256) {
    setVector(cpu, u, low);
    return RETIRED;
  }
  // Of these the immediate has a part for each lane.
  const next =
    op == T.SHUFPD || op == T.BLENDPD || op == T.PERMILPD
      ? immediate >> 2
      : op == T.BLENDPS
        ? immediate >> 4
        : op == T.MPSADBW
          ? immediate >> 3
          : immediate;
  const high = lane(op, v128.load(a, 16), v128.load(b, 16), next);
  const d = destinationAt(cpu, u);
  v128.store(d, low);
  v128.store(d, high, 16);
  return RETIRED;
}

// @ts-ignore: decorator
@inline
function lane(op: i32, a: v128, b: v128, immediate: u32): v128 {
  if (op < T.FIRST_SHUFFLES) return arithmeticLane(op, a, b);
  return op < T.FIRST_CRYPTOGRAPHY ? shuffleLane(op, a, b, immediate) : cryptographyLane(op, a, b, immediate);
}

function lanesMmx(cpu: usize, u: usize, op: i32): i32 {
  if (x87Waits(cpu)) return FAULT;
  const p = mmxSourceAt(cpu, u);
  if (p == 0) return FAULT;
  const slot = load<u8>(u, U_DST);
  const a = v128.load64_zero(mmxAt(cpu, slot));
  const b = loadVector(p, load<u8>(u, U_OPERAND_SIZE));
  let result: u64;
  if (op >= T.FIRST_SHUFFLES) result = shuffleMmx(op, a, b, load<u8>(u, U_IMMEDIATE));
  else if (op >= T.PACKSSWB && op <= T.PHSUBSW) {
    // Both sources at once make one lane.
    const both = i64x2.replace_lane(a, 1, i64x2.extract_lane(b, 0));
    result = i64x2.extract_lane(arithmeticLane(op, both, zero128()), 0);
  } else if (op >= T.PUNPCKHBW && op <= T.PUNPCKHDQ) {
    result = i64x2.extract_lane(arithmeticLane(op - T.PUNPCKHBW + T.PUNPCKLBW, a, b), 1);
  } else if (op == T.PSHUFB) {
    result = i64x2.extract_lane(arithmeticLane(op, a, v128.and(b, i8x16.splat(<i8>0x87))), 0);
  } else result = i64x2.extract_lane(arithmeticLane(op, a, b), 0);
  enterMmx(cpu);
  setMmx(cpu, slot, result);
  return RETIRED;
}

/** Integer arithmetic and logic of two sources, lane by lane (SDM vol. 2B, PADDB and its like). */
import * as T from '../opcode-table';
import { FAULT, RETIRED } from '../status';
import { SHAPE_MMX, SHAPE_VEX256, U_DST, V_SHAPE } from '../uop';
import { destinationAt, enterMmx, firstAt, mmxAt, mmxSourceAt, setMmx, setVector, sourceAt, x87Waits } from './registers';

export function integer(cpu: usize, u: usize, op: i32): i32 {
  const shape: u32 = load<u8>(u, V_SHAPE);
  if (shape == SHAPE_MMX) return integerMmx(cpu, u, op);
  const b = sourceAt(cpu, u);
  if (b == 0) return FAULT;
  const a = firstAt(cpu, u);
  const low = lane(op, v128.load(a), v128.load(b));
  if (shape != SHAPE_VEX256) {
    setVector(cpu, u, low);
    return RETIRED;
  }
  const high = lane(op, v128.load(a, 16), v128.load(b, 16));
  const d = destinationAt(cpu, u);
  v128.store(d, low);
  v128.store(d, high, 16);
  return RETIRED;
}

function integerMmx(cpu: usize, u: usize, op: i32): i32 {
  if (x87Waits(cpu)) return FAULT;
  const b = mmxSourceAt(cpu, u);
  if (b == 0) return FAULT;
  const slot = load<u8>(u, U_DST);
  const result = lane(op, v128.load64_zero(mmxAt(cpu, slot)), v128.load64_zero(b));
  enterMmx(cpu);
  setMmx(cpu, slot, i64x2.extract_lane(result, 0));
  return RETIRED;
}

/** Sixteen bytes of the result; those of MMX are the lower eight. */
function lane(op: i32, a: v128, b: v128): v128 {
  switch (op) {
    case T.PAND:
      return v128.and(a, b);
    case T.PANDN:
      return v128.andnot(b, a);
    case T.POR:
      return v128.or(a, b);
    case T.PXOR:
      return v128.xor(a, b);
    case T.PADDB:
      return i8x16.add(a, b);
    case T.PADDW:
      return i16x8.add(a, b);
    case T.PADDD:
      return i32x4.add(a, b);
    case T.PADDQ:
      return i64x2.add(a, b);
    case T.PSUBB:
      return i8x16.sub(a, b);
    case T.PSUBW:
      return i16x8.sub(a, b);
    case T.PSUBD:
      return i32x4.sub(a, b);
    default:
      return i64x2.sub(a, b);
  }
}

/** Moves of parts of vectors: halves, scalars, single elements, and sign masks (SDM vol. 2B, MOVHPS, MOVSD, PINSRB, PMOVMSKB). */
import * as T from '../opcode-table';
import { settle } from '../operate';
import { loadSized, storeSized } from '../operands';
import { FAULT, RETIRED } from '../status';
import {
  SHAPE_MMX,
  SHAPE_XMM,
  SHAPE_VEX256,
  U_DST,
  U_IMMEDIATE,

  U_SRC,
  V_GENERAL,
  V_SHAPE,
  V_STORES,
  isMemory,
  readSlot,
  writeSlot,
} from '../uop';
import {
  destinationAt,
  enterMmx,
  firstAt,
  mmxAt,
  readableMemory,
  setMmx,
  setVector,
  vectorAt,
  writableMemory,
  x87Waits,
  zero128,
} from './registers';

export function part(cpu: usize, u: usize, op: i32): i32 {
  switch (op) {
    case T.MOVLPS:
    case T.MOVHPS:
      return moveHalf(cpu, u, op == T.MOVHPS ? 1 : 0);
    case T.MOVHLPS:
    case T.MOVLHPS: {
      const b = vectorAt(cpu, load<u8>(u, U_SRC));
      const a = firstAt(cpu, u);
      const result =
        op == T.MOVHLPS
          ? i64x2.replace_lane(v128.load(a), 0, load<u64>(b, 8))
          : i64x2.replace_lane(v128.load(a), 1, load<u64>(b));
      setVector(cpu, u, result);
      return RETIRED;
    }
    case T.MOVSS:
    case T.MOVSD:
      return moveScalar(cpu, u, op == T.MOVSS ? 4 : 8);
    case T.MOVMSKPS:
    case T.MOVMSKPD:
    case T.PMOVMSKB:
      return signMask(cpu, u, op);
    case T.MOVQ2DQ:
    case T.MOVDQ2Q:
      return moveBetweenSets(cpu, u, op == T.MOVQ2DQ);
    case T.INSERTPS:
      return insertSingle(cpu, u);
    case T.PINSRB:
    case T.PINSRW:
    case T.PINSRD:
      return insert(cpu, u, op);
    default:
      return extract(cpu, u, op);
  }
}

/** MOVLPS, MOVLPD, MOVHPS and MOVHPD: eight bytes of memory. */
function moveHalf(cpu: usize, u: usize, half: usize): i32 {
  const at = half << 3;
  if (load<u8>(u, V_STORES) != 0) {
    const p = writableMemory(cpu, u);
    if (p == 0) return FAULT;
    store<u64>(p, load<u64>(destinationAt(cpu, u) + at));
    settle(cpu, p);
    return RETIRED;
  }
  const p = readableMemory(cpu, u);
  if (p == 0) return FAULT;
  const other = v128.load(firstAt(cpu, u));
  const value = load<u64>(p);
  setVector(cpu, u, half != 0 ? i64x2.replace_lane(other, 1, value) : i64x2.replace_lane(other, 0, value));
  return RETIRED;
}

/** From memory the rest of the destination is cleared, from a register it is that of the first source. */
function moveScalar(cpu: usize, u: usize, size: i32): i32 {
  if (load<u8>(u, V_STORES) != 0) {
    const from = destinationAt(cpu, u);
    if (isMemory(u)) {
      const p = writableMemory(cpu, u);
      if (p == 0) return FAULT;
      storeSized(p, size, load<u64>(from));
      settle(cpu, p);
      return RETIRED;
    }
    const to = vectorAt(cpu, load<u8>(u, U_SRC));
    const isVex = load<u8>(u, V_SHAPE) != <u8>SHAPE_XMM;
    v128.store(to, merged(isVex ? firstAt(cpu, u) : to, from, size));
    if (isVex) v128.store(to, zero128(), 16);
    return RETIRED;
  }
  if (isMemory(u)) {
    const p = readableMemory(cpu, u);
    if (p == 0) return FAULT;
    setVector(cpu, u, size == 4 ? v128.load32_zero(p) : v128.load64_zero(p));
    return RETIRED;
  }
  setVector(cpu, u, merged(firstAt(cpu, u), vectorAt(cpu, load<u8>(u, U_SRC)), size));
  return RETIRED;
}

function merged(rest: usize, scalar: usize, size: i32): v128 {
  const vector = v128.load(rest);
  return size == 4
    ? i32x4.replace_lane(vector, 0, load<u32>(scalar))
    : i64x2.replace_lane(vector, 0, load<u64>(scalar));
}

function signMask(cpu: usize, u: usize, op: i32): i32 {
  const shape: u32 = load<u8>(u, V_SHAPE);
  const slot = load<u8>(u, U_SRC);
  let mask: u32;
  if (shape == SHAPE_MMX) {
    if (x87Waits(cpu)) return FAULT;
    mask = i8x16.bitmask(v128.load64_zero(mmxAt(cpu, slot)));
    enterMmx(cpu);
  } else {
    const p = vectorAt(cpu, slot);
    mask = maskOf(op, v128.load(p));
    if (shape == SHAPE_VEX256) {
      const lanes: u32 = op == T.MOVMSKPS ? 4 : op == T.MOVMSKPD ? 2 : 16;
      mask |= maskOf(op, v128.load(p, 16)) << lanes;
    }
  }
  store<u64>(cpu + load<u8>(u, U_DST), mask);
  return RETIRED;
}

function maskOf(op: i32, value: v128): u32 {
  return op == T.MOVMSKPS ? i32x4.bitmask(value) : op == T.MOVMSKPD ? i64x2.bitmask(value) : i8x16.bitmask(value);
}

function moveBetweenSets(cpu: usize, u: usize, toVector: bool): i32 {
  if (x87Waits(cpu)) return FAULT;
  const slot = load<u8>(u, U_SRC);
  if (toVector) setVector(cpu, u, v128.load64_zero(mmxAt(cpu, slot)));
  else setMmx(cpu, load<u8>(u, U_DST), load<u64>(vectorAt(cpu, slot)));
  enterMmx(cpu);
  return RETIRED;
}

/** The element that the immediate's upper bits name, to where its middle ones say; its lower four clear elements. */
function insertSingle(cpu: usize, u: usize): i32 {
  const immediate: u32 = load<u8>(u, U_IMMEDIATE);
  let from: usize;
  if (isMemory(u)) {
    from = readableMemory(cpu, u);
    if (from == 0) return FAULT;
  } else from = vectorAt(cpu, load<u8>(u, U_SRC)) + ((immediate >> 6) << 2);
  const value = load<u32>(from);
  let result = v128.load(firstAt(cpu, u));
  const place = (immediate >> 4) & 3;
  const chosen = i32x4.eq(i32x4(0, 1, 2, 3), i32x4.splat(place));
  result = v128.bitselect(i32x4.splat(value), result, chosen);
  const cleared = i32x4.ne(v128.and(i32x4.splat(immediate), i32x4(1, 2, 4, 8)), zero128());
  setVector(cpu, u, v128.andnot(result, cleared));
  return RETIRED;
}

function elementSize(u: usize, op: i32): i32 {
  if (op == T.PINSRB || op == T.PEXTRB) return 1;
  if (op == T.PINSRW || op == T.PEXTRW) return 2;
  return op == T.EXTRACTPS ? 4 : load<u8>(u, V_GENERAL);
}

function insert(cpu: usize, u: usize, op: i32): i32 {
  const size = elementSize(u, op);
  const shape: u32 = load<u8>(u, V_SHAPE);
  if (shape == SHAPE_MMX && x87Waits(cpu)) return FAULT;
  let value: u64;
  if (isMemory(u)) {
    const p = readableMemory(cpu, u);
    if (p == 0) return FAULT;
    value = loadSized(p, size);
  } else value = readSlot(cpu, <usize>load<u8>(u, U_SRC), size);
  const immediate: usize = load<u8>(u, U_IMMEDIATE);
  if (shape == SHAPE_MMX) {
    const slot = load<u8>(u, U_DST);
    const p = mmxAt(cpu, slot);
    enterMmx(cpu);
    store<u16>(p + ((immediate & 3) << 1), <u16>value);
    setMmx(cpu, slot, load<u64>(p));
    return RETIRED;
  }
  setVector(cpu, u, v128.load(firstAt(cpu, u)));
  storeSized(destinationAt(cpu, u) + ((immediate * size) & 15), size, value);
  return RETIRED;
}

/** PEXTRB, PEXTRW, PEXTRD, PEXTRQ and EXTRACTPS: memory gets the element, a register zeros above it. */
function extract(cpu: usize, u: usize, op: i32): i32 {
  const size = elementSize(u, op);
  const immediate: usize = load<u8>(u, U_IMMEDIATE);
  if (load<u8>(u, V_STORES) == 0) {
    // PEXTRW as SSE has it: a general register is ModRM.reg.
    const slot = load<u8>(u, U_SRC);
    let value: u32;
    if (load<u8>(u, V_SHAPE) == <u8>SHAPE_MMX) {
      if (x87Waits(cpu)) return FAULT;
      value = load<u16>(mmxAt(cpu, slot) + ((immediate & 3) << 1));
      enterMmx(cpu);
    } else value = load<u16>(vectorAt(cpu, slot) + ((immediate & 7) << 1));
    store<u64>(cpu + load<u8>(u, U_DST), value);
    return RETIRED;
  }
  const value = loadSized(destinationAt(cpu, u) + ((immediate * size) & 15), size);
  if (!isMemory(u)) {
    writeSlot(cpu, load<u8>(u, U_SRC), size == 8 ? 8 : 4, value);
    return RETIRED;
  }
  const p = writableMemory(cpu, u);
  if (p == 0) return FAULT;
  storeSized(p, size, value);
  settle(cpu, p);
  return RETIRED;
}

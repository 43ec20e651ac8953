/** Moves between vector registers, general registers and memory (SDM vol. 2B, MOVAPS, MOVD, MOVQ and their like). */
import * as T from '../opcode-table';
import { settle } from '../operate';
import { loadSized, storeSized } from '../operands';
import { FAULT, RETIRED } from '../status';
import {
  SHAPE_MMX,
  SHAPE_VEX128,
  SHAPE_VEX256,
  U_DST,
  U_OPERAND_SIZE,
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
  mmxAt,
  readableMemory,
  setMmx,
  setVector,
  sourceAt,
  vectorAt,
  writableMemory,
  x87Waits,
  zero128,
} from './registers';

export function move(cpu: usize, u: usize, op: i32): i32 {
  const shape: u32 = load<u8>(u, V_SHAPE);
  if (shape == SHAPE_MMX) return moveMmx(cpu, u, op);
  const stores = load<u8>(u, V_STORES) != 0;
  if (op == T.MOVAPS || op == T.MOVUPS) return stores ? storeWhole(cpu, u, shape) : loadWhole(cpu, u, shape);
  const size: i32 = op == T.MOVQ ? 8 : load<u8>(u, V_GENERAL);
  if (!stores) {
    const p = isMemory(u) ? readableMemory(cpu, u) : op == T.MOVQ ? sourceAt(cpu, u) : cpu + load<u8>(u, U_SRC);
    if (p == 0) return FAULT;
    setVector(cpu, u, size == 8 ? v128.load64_zero(p) : v128.load32_zero(p));
    return RETIRED;
  }
  const value = load<u64>(destinationAt(cpu, u));
  if (isMemory(u)) {
    const p = writableMemory(cpu, u);
    if (p == 0) return FAULT;
    storeSized(p, size, value);
    settle(cpu, p);
  } else if (op == T.MOVD) writeSlot(cpu, load<u8>(u, U_SRC), size, value);
  else {
    const p = vectorAt(cpu, load<u8>(u, U_SRC));
    v128.store(p, i64x2.replace_lane(zero128(), 0, value));
    if (shape == SHAPE_VEX128) v128.store(p, zero128(), 16);
  }
  return RETIRED;
}

function loadWhole(cpu: usize, u: usize, shape: u32): i32 {
  const p = sourceAt(cpu, u);
  if (p == 0) return FAULT;
  copyToRegister(destinationAt(cpu, u), p, shape);
  return RETIRED;
}

function copyToRegister(to: usize, from: usize, shape: u32): void {
  v128.store(to, v128.load(from));
  if (shape == SHAPE_VEX256) v128.store(to, v128.load(from, 16), 16);
  else if (shape == SHAPE_VEX128) v128.store(to, zero128(), 16);
}

function storeWhole(cpu: usize, u: usize, shape: u32): i32 {
  const from = destinationAt(cpu, u);
  if (!isMemory(u)) {
    copyToRegister(vectorAt(cpu, load<u8>(u, U_SRC)), from, shape);
    return RETIRED;
  }
  const p = writableMemory(cpu, u);
  if (p == 0) return FAULT;
  v128.store(p, v128.load(from));
  if (shape == SHAPE_VEX256) v128.store(p, v128.load(from, 16), 16);
  settle(cpu, p);
  return RETIRED;
}

/** MOVD and MOVQ of mm registers. */
function moveMmx(cpu: usize, u: usize, op: i32): i32 {
  if (x87Waits(cpu)) return FAULT;
  const size: i32 = op == T.MOVQ ? 8 : load<u8>(u, V_GENERAL);
  const slot = load<u8>(u, U_SRC);
  const reg = load<u8>(u, U_DST);
  const isGeneral = op == T.MOVD;
  if (load<u8>(u, V_STORES) == 0) {
    let value: u64;
    if (isMemory(u)) {
      const p = readableMemory(cpu, u);
      if (p == 0) return FAULT;
      value = loadSized(p, size);
    } else value = isGeneral ? readSlot(cpu, slot, size) : load<u64>(mmxAt(cpu, slot));
    setMmx(cpu, reg, value);
  } else {
    const value = load<u64>(mmxAt(cpu, reg));
    if (isMemory(u)) {
      const p = writableMemory(cpu, u);
      if (p == 0) return FAULT;
      storeSized(p, size, value);
      settle(cpu, p);
    } else if (isGeneral) writeSlot(cpu, slot, size, value);
    else setMmx(cpu, slot, value);
  }
  enterMmx(cpu);
  return RETIRED;
}

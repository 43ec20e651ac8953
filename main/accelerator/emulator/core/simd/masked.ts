/**
 * Accesses to memory element by element, of which a mask leaves some out: these do not fault (SDM vol. 2, VMASKMOV,
 * MASKMOVDQU, VPGATHERDD). None of them checks alignment.
 */
import { raiseUd } from '../exceptions';
import { readAs, writeAs } from '../memory';
import * as T from '../opcode-table';
import { settle } from '../operate';
import { loadSized, storeSized } from '../operands';
import { ACCESS_UNALIGNED } from '../paging';
import { NO_ADDRESS, linearAddress } from '../segments';
import { RDI } from '../state';
import { FAULT, RETIRED } from '../status';
import { ownAccess } from '../tlb';
import {
  READ,
  SHAPE_MMX,
  SHAPE_VEX256,
  U_ADDRESS_SIZE,
  U_BASE,
  U_DISPLACEMENT,
  U_DST,
  U_EXTRA,
  U_INDEX,
  U_SCALE,
  U_SRC,
  V_SHAPE,
  V_STORES,
  V_W,
  WRITE,
  operandOffset,
  operandSegment,
  truncate,
} from '../uop';
import { enterMmx, mmxAt, vectorAt, x87Waits, zero128 } from './registers';

export function masked(cpu: usize, u: usize, op: i32): i32 {
  if (op == T.MASKMOVDQU) return maskedBytes(cpu, u);
  if (op == T.GATHERD || op == T.GATHERQ) return gather(cpu, u, op == T.GATHERQ);
  const size = op == T.MASKMOVPD || (op == T.PMASKMOV && load<u8>(u, V_W) != 0) ? 8 : 4;
  return load<u8>(u, V_STORES) != 0 ? storeElements(cpu, u, size) : loadElements(cpu, u, size);
}

function elementAddress(cpu: usize, u: usize, offset: u64, size: i32, access: i32): u64 {
  return linearAddress(cpu, operandSegment(u), truncate(offset, load<u8>(u, U_ADDRESS_SIZE)), size, access);
}

function readElement(cpu: usize, linear: u64, size: i32): usize {
  return readAs(cpu, linear, size, ownAccess(cpu) | ACCESS_UNALIGNED);
}

function writeElement(cpu: usize, linear: u64, size: i32): usize {
  return writeAs(cpu, linear, size, ownAccess(cpu) | ACCESS_UNALIGNED);
}

function isChosen(mask: usize, size: i32): bool {
  return size == 8 ? load<i64>(mask) < 0 : load<i32>(mask) < 0;
}

function loadElements(cpu: usize, u: usize, size: i32): i32 {
  const mask = vectorAt(cpu, load<u8>(u, U_EXTRA));
  const bytes = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256 ? 32 : 16;
  const offset = operandOffset(cpu, u);
  let low = zero128();
  let high = zero128();
  for (let n = 0; n < bytes; n += size) {
    let value: u64 = 0;
    if (isChosen(mask + n, size)) {
      const linear = elementAddress(cpu, u, offset + n, size, READ);
      if (linear == NO_ADDRESS) return FAULT;
      const p = readElement(cpu, linear, size);
      if (p == 0) return FAULT;
      value = loadSized(p, size);
    }
    if (n >= 16) high = pushed(high, value, size);
    else low = pushed(low, value, size);
  }
  const d = vectorAt(cpu, load<u8>(u, U_DST));
  v128.store(d, low);
  v128.store(d, high, 16);
  return RETIRED;
}

/** Puts an element on top, and moves the others down. */
function pushed(elements: v128, value: u64, size: i32): v128 {
  return size == 8
    ? i64x2.replace_lane(i64x2.shuffle(elements, elements, 1, 1), 1, value)
    : i32x4.replace_lane(i32x4.shuffle(elements, elements, 1, 2, 3, 3), 3, <u32>value);
}

/** All of them can be stored before the first one is. */
function storeElements(cpu: usize, u: usize, size: i32): i32 {
  const mask = vectorAt(cpu, load<u8>(u, U_EXTRA));
  const from = vectorAt(cpu, load<u8>(u, U_DST));
  const bytes = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256 ? 32 : 16;
  const offset = operandOffset(cpu, u);
  for (let n = 0; n < bytes; n += size) {
    if (!isChosen(mask + n, size)) continue;
    const linear = elementAddress(cpu, u, offset + n, size, WRITE);
    if (linear == NO_ADDRESS || writeElement(cpu, linear, size) == 0) return FAULT;
  }
  for (let n = 0; n < bytes; n += size) {
    if (!isChosen(mask + n, size)) continue;
    const p = writeElement(cpu, elementAddress(cpu, u, offset + n, size, WRITE), size);
    storeSized(p, size, loadSized(from + n, size));
    settle(cpu, p);
  }
  return RETIRED;
}

/** MASKMOVDQU and MASKMOVQ: bytes to [rDI]. */
function maskedBytes(cpu: usize, u: usize): i32 {
  const isMmx = load<u8>(u, V_SHAPE) == <u8>SHAPE_MMX;
  if (isMmx && x87Waits(cpu)) return FAULT;
  const mask = isMmx ? mmxAt(cpu, load<u8>(u, U_SRC)) : vectorAt(cpu, load<u8>(u, U_SRC));
  const from = isMmx ? mmxAt(cpu, load<u8>(u, U_DST)) : vectorAt(cpu, load<u8>(u, U_DST));
  const bytes = isMmx ? 8 : 16;
  const offset = load<u64>(cpu, RDI);
  for (let n = 0; n < bytes; n++) {
    if (load<i8>(mask + n) >= 0) continue;
    const linear = elementAddress(cpu, u, offset + n, 1, WRITE);
    if (linear == NO_ADDRESS || writeElement(cpu, linear, 1) == 0) return FAULT;
  }
  for (let n = 0; n < bytes; n++) {
    if (load<i8>(mask + n) >= 0) continue;
    const p = writeElement(cpu, elementAddress(cpu, u, offset + n, 1, WRITE), 1);
    store<u8>(p, load<u8>(from + n));
    settle(cpu, p);
  }
  if (isMmx) enterMmx(cpu);
  return RETIRED;
}

/** What has been read stays when a later element faults: its part of the mask is clear by then. */
function gather(cpu: usize, u: usize, wideIndex: bool): i32 {
  const slot = load<u8>(u, U_DST);
  const maskSlot = load<u8>(u, U_EXTRA);
  const indexSlot = load<u8>(u, U_INDEX);
  if (slot == maskSlot || slot == indexSlot || maskSlot == indexSlot) return raiseUd(cpu);
  const size = load<u8>(u, V_W) != 0 ? 8 : 4;
  const bytes = load<u8>(u, V_SHAPE) == <u8>SHAPE_VEX256 ? 32 : 16;
  const count = bytes / (wideIndex ? 8 : size);
  const d = vectorAt(cpu, slot);
  const mask = vectorAt(cpu, maskSlot);
  const indices = vectorAt(cpu, indexSlot);
  const base = load<u64>(cpu + load<u8>(u, U_BASE)) + <u64>(<i64>load<i32>(u, U_DISPLACEMENT));
  // The mask's elements become all ones or zeros first, and what is none of them zero.
  for (let n = 0; n < count * size; n += 4) {
    const sign = load<i32>(mask + (size == 8 ? n | 4 : n)) >> 31;
    if (size == 4 || (n & 4) != 0) {
      store<i32>(mask + n, sign);
      if (size == 8) store<i32>(mask + n - 4, sign);
    }
  }
  const filled = count * size;
  memory.fill(mask + filled, 0, 32 - filled);
  for (let n = 0; n < count; n++) {
    if (!isChosen(mask + n * size, size)) continue;
    const index = wideIndex ? load<u64>(indices + (n << 3)) : <u64>(<i64>load<i32>(indices + (n << 2)));
    const linear = elementAddress(cpu, u, base + (index << load<u8>(u, U_SCALE)), size, READ);
    if (linear == NO_ADDRESS) return FAULT;
    const p = readElement(cpu, linear, size);
    if (p == 0) return FAULT;
    storeSized(d + n * size, size, loadSized(p, size));
    storeSized(mask + n * size, size, 0);
  }
  memory.fill(d + filled, 0, 32 - filled);
  return RETIRED;
}

/** Moves that are none of the common ones: by a 64-bit offset, of segment registers, with bytes swapped. */
import { raiseUd } from './exceptions';
import { modifyPointer, readPointer } from './memory';
import { closeRm, fetchRm, fetched, loadSized, openRmForWrite, readG, writeG } from './operands';
import { NO_ADDRESS, linearAddress } from './segments';
import { RAX, SEGMENTS, SEG_SELECTOR } from './state';
import { FAULT, RETIRED } from './status';
import { READ, U_DST, U_EXTRA, U_SRC, WRITE, immediate, isMemory, operandSegment, readSlot, writeSlot } from './uop';

/** MOV between the accumulator and a 64-bit offset. */
export function moveByOffset(cpu: usize, u: usize, size: i32): i32 {
  const isStore = (load<u8>(u, U_EXTRA) & 2) != 0;
  const linear = linearAddress(cpu, operandSegment(u), immediate(u), size, isStore ? WRITE : READ);
  if (linear == NO_ADDRESS) return FAULT;
  const p = isStore ? modifyPointer(cpu, linear, size) : readPointer(cpu, linear, size);
  if (p == 0) return FAULT;
  if (isStore) closeRm(cpu, u, p, size, readSlot(cpu, RAX, size));
  else writeSlot(cpu, RAX, size, loadSized(p, size));
  return RETIRED;
}

export function selector(cpu: usize, segment: usize): u64 {
  return load<u16>(cpu + SEGMENTS + (segment << 5), SEG_SELECTOR);
}

/** Memory gets 16 bits, a register as many as the operand size. */
export function moveFromSegment(cpu: usize, u: usize, size: i32): i32 {
  const segment = <usize>load<u8>(u, U_DST) >> 3;
  if (segment > 5) return raiseUd(cpu);
  const width = isMemory(u) ? 2 : size;
  const p = openRmForWrite(cpu, u, width);
  if (p == 0) return FAULT;
  closeRm(cpu, u, p, width, selector(cpu, segment));
  return RETIRED;
}

function swapped(value: u64, size: i32): u64 {
  return bswap<u64>(value) >> (64 - ((<u64>size) << 3));
}

export function moveSwapped(cpu: usize, u: usize, size: i32): i32 {
  if ((load<u8>(u, U_EXTRA) & 1) == 0) {
    if (!fetchRm(cpu, u, size)) return FAULT;
    writeG(cpu, u, size, swapped(fetched, size));
    return RETIRED;
  }
  const p = openRmForWrite(cpu, u, size);
  if (p == 0) return FAULT;
  closeRm(cpu, u, p, size, swapped(readG(cpu, u, size), size));
  return RETIRED;
}

/** Of 16 bits the result is undefined; processors clear them. */
export function swapBytes(cpu: usize, u: usize, size: i32): i32 {
  const slot: usize = load<u8>(u, U_SRC);
  writeSlot(cpu, slot, size, size == 2 ? 0 : swapped(readSlot(cpu, slot, size), size));
  return RETIRED;
}

/** The stack and near transfers in every mode (SDM vol. 1, "Procedure Stack"); the common flat cases stand in interpret.ts. */
import { GP } from './bits';
import { fault } from './exceptions';
import { codeLimit } from './blocks';
import { checkWrite, isCanonical, readPointer, writePointer } from './memory';
import { CODE_64, CODE_SIZE, STACK_32 } from './modes';
import { closeRm, fetchRm, fetched, loadSized, openRmForWrite, storeSized } from './operands';
import { settle } from './operate';
import { NO_ADDRESS, linearAddress } from './segments';
import { MODE, NEXT_RIP, RAX, RBP, RDI, RSP, SS } from './state';
import { FAULT, RETIRED } from './status';
import { READ, U_IMMEDIATE, U_IMMEDIATE2, U_SRC, WRITE, operandSize, readSlot, truncate, writeSlot } from './uop';

/** What `peek` has read. */
let top: u64 = 0;

/** Bytes of the stack pointer that count. */
export function stackWidth(cpu: usize): i32 {
  const mode = load<u32>(cpu, MODE);
  if ((mode & CODE_SIZE) == CODE_64) return 8;
  return (mode & STACK_32) != 0 ? 4 : 2;
}

function stackPointer(cpu: usize): u64 {
  return readSlot(cpu, RSP, stackWidth(cpu));
}

function setStackPointer(cpu: usize, value: u64): void {
  writeSlot(cpu, RSP, stackWidth(cpu), value);
}

/** Linear address `distance` bytes above the top of the stack. */
function stackAddress(cpu: usize, distance: i64, size: i32, access: i32): u64 {
  const offset = truncate(stackPointer(cpu) + <u64>distance, stackWidth(cpu));
  return linearAddress(cpu, SS, offset, size, access);
}

export function push(cpu: usize, size: i32, value: u64): bool {
  const linear = stackAddress(cpu, -(<i64>size), size, WRITE);
  if (linear == NO_ADDRESS) return false;
  const p = writePointer(cpu, linear, size);
  if (p == 0) return false;
  storeSized(p, size, value);
  setStackPointer(cpu, stackPointer(cpu) - <u64>size);
  settle(cpu, p);
  return true;
}

/** Reads from the stack into `top` without taking it off. */
function peek(cpu: usize, distance: i64, size: i32): bool {
  const linear = stackAddress(cpu, distance, size, READ);
  if (linear == NO_ADDRESS) return false;
  const p = readPointer(cpu, linear, size);
  if (p == 0) return false;
  top = loadSized(p, size);
  return true;
}

export function pop(cpu: usize, size: i32): bool {
  if (!peek(cpu, 0, size)) return false;
  setStackPointer(cpu, stackPointer(cpu) + <u64>size);
  return true;
}

export function popped(): u64 {
  return top;
}

/** A near jump goes on at an offset that the code segment has; #GP otherwise. */
function jumpNear(cpu: usize, offset: u64, size: i32): bool {
  const target = truncate(offset, size);
  const is64 = (load<u32>(cpu, MODE) & CODE_SIZE) == CODE_64;
  if (is64 ? !isCanonical(cpu, target) : target > codeLimit(cpu)) return fault(cpu, GP, 0) != FAULT;
  store<u64>(cpu, target, NEXT_RIP);
  return true;
}

export function pushRm(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  return fetchRm(cpu, u, size) && push(cpu, size, fetched) ? RETIRED : FAULT;
}

/** POP to memory: the address of the operand is computed with the stack pointer already moved. */
export function popRm(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  const before = load<u64>(cpu, RSP);
  if (!pop(cpu, size)) return FAULT;
  const value = top;
  const p = openRmForWrite(cpu, u, size);
  if (p == 0) {
    store<u64>(cpu, before, RSP);
    return FAULT;
  }
  closeRm(cpu, u, p, size, value);
  return RETIRED;
}

export function callNear(cpu: usize, u: usize, target: u64): i32 {
  const size = operandSize(u);
  const following = load<u64>(cpu, NEXT_RIP);
  if (!jumpNear(cpu, target, size)) return FAULT;
  return push(cpu, size, following) ? RETIRED : FAULT;
}

export function callRm(cpu: usize, u: usize): i32 {
  return fetchRm(cpu, u, operandSize(u)) ? callNear(cpu, u, fetched) : FAULT;
}

export function jumpRm(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  return fetchRm(cpu, u, size) && jumpNear(cpu, fetched, size) ? RETIRED : FAULT;
}

export function returnNear(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  if (!peek(cpu, 0, size) || !jumpNear(cpu, top, size)) return FAULT;
  setStackPointer(cpu, stackPointer(cpu) + <u64>size + load<u64>(u, U_IMMEDIATE));
  return RETIRED;
}

/** A jump on a condition by the target that stands in the record, counted from the block's start at `blockRip`. */
export function branch(cpu: usize, u: usize, blockRip: u64): i32 {
  return jumpNear(cpu, blockRip + <u64>load<i32>(u, U_IMMEDIATE2), operandSize(u)) ? RETIRED : FAULT;
}

export function pushAll(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  for (let n = 1; n <= 8; n++) {
    const linear = stackAddress(cpu, -(<i64>(n * size)), size, WRITE);
    if (linear == NO_ADDRESS || !checkWrite(cpu, linear, size)) return FAULT;
  }
  const sp = load<u64>(cpu, RSP);
  for (let slot: usize = RAX; slot <= RDI; slot += 8) push(cpu, size, slot == RSP ? sp : load<u64>(cpu + slot));
  return RETIRED;
}

export function popAll(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  if (!peek(cpu, 0, size) || !peek(cpu, 7 * <i64>size, size)) return FAULT;
  for (let n: usize = 0; n < 8; n++) {
    const slot = RDI - (n << 3);
    if (slot == RSP) continue;
    if (!peek(cpu, <i64>n * <i64>size, size)) return FAULT;
    writeSlot(cpu, slot, size, top);
  }
  setStackPointer(cpu, stackPointer(cpu) + 8 * <u64>size);
  return RETIRED;
}

export function leave(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  const before = load<u64>(cpu, RSP);
  setStackPointer(cpu, readSlot(cpu, RBP, stackWidth(cpu)));
  if (!pop(cpu, size)) {
    store<u64>(cpu, before, RSP);
    return FAULT;
  }
  writeSlot(cpu, RBP, size, top);
  return RETIRED;
}

export function enter(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  const level = <i32>(load<u32>(u, U_IMMEDIATE2) & 31);
  const room = load<u64>(u, U_IMMEDIATE);
  const bp = load<u64>(cpu, RBP);
  // What it writes, and that the new top could be written, is checked first: nothing after it may fail.
  for (let n = 1; n <= level + 1; n++) {
    const linear = stackAddress(cpu, -(<i64>(n * size)), size, WRITE);
    if (linear == NO_ADDRESS || !checkWrite(cpu, linear, size)) return FAULT;
  }
  const last = stackAddress(cpu, -(<i64>((level + 1) * size) + <i64>room), size, WRITE);
  if (last == NO_ADDRESS || !checkWrite(cpu, last, size)) return FAULT;
  for (let n = 1; n < level; n++) {
    if (!peekFrame(cpu, bp - <u64>(n * size), size)) return FAULT;
  }
  push(cpu, size, bp);
  const frame = load<u64>(cpu, RSP);
  for (let n = 1; n < level; n++) {
    peekFrame(cpu, bp - <u64>(n * size), size);
    push(cpu, size, top);
  }
  if (level > 0) push(cpu, size, frame);
  writeSlot(cpu, RBP, size, frame);
  setStackPointer(cpu, stackPointer(cpu) - room);
  return RETIRED;
}

function peekFrame(cpu: usize, offset: u64, size: i32): bool {
  const linear = linearAddress(cpu, SS, truncate(offset, stackWidth(cpu)), size, READ);
  if (linear == NO_ADDRESS) return false;
  const p = readPointer(cpu, linear, size);
  if (p == 0) return false;
  top = loadSized(p, size);
  return true;
}

/** PUSH and POP of a register that the flat cases do not cover. */
export function popRegister(cpu: usize, u: usize): i32 {
  const size = operandSize(u);
  if (!pop(cpu, size)) return FAULT;
  writeSlot(cpu, load<u8>(u, U_SRC), size, top);
  return RETIRED;
}

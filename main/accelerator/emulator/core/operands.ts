/** Operands of the operations of general.ts: their size is known only when they run. U_DST is ModRM.reg, U_SRC ModRM.rm. */
import { modifyPointer, readPointer, writePointer } from './memory';
import { settle } from './operate';
import { NO_ADDRESS } from './segments';
import { READ, U_DST, U_SRC, WRITE, isMemory, operandAddress, readSlot, writeSlot } from './uop';

/** What fetchRm has read. */
export let fetched: u64 = 0;

export function loadSized(p: usize, size: i32): u64 {
  if (size == 8) return load<u64>(p);
  if (size == 4) return load<u32>(p);
  return size == 2 ? load<u16>(p) : load<u8>(p);
}

export function storeSized(p: usize, size: i32, value: u64): void {
  if (size == 8) store<u64>(p, value);
  else if (size == 4) store<u32>(p, <u32>value);
  else if (size == 2) store<u16>(p, <u16>value);
  else store<u8>(p, <u8>value);
}

export function addressOf(cpu: usize, u: usize, size: i32, access: i32): u64 {
  return operandAddress(cpu, u, size, access);
}

/** Reads the E operand into `fetched`; false: a fault. */
export function fetchRm(cpu: usize, u: usize, size: i32): bool {
  if (!isMemory(u)) {
    fetched = readSlot(cpu, load<u8>(u, U_SRC), size);
    return true;
  }
  const linear = addressOf(cpu, u, size, READ);
  if (linear == NO_ADDRESS) return false;
  const p = readPointer(cpu, linear, size);
  if (p == 0) return false;
  fetched = loadSized(p, size);
  return true;
}

/** Where the E operand can be read and written; 0: a fault. closeRm has to follow. */
export function openRm(cpu: usize, u: usize, size: i32): usize {
  if (!isMemory(u)) return cpu + load<u8>(u, U_SRC);
  const linear = addressOf(cpu, u, size, WRITE);
  return linear == NO_ADDRESS ? 0 : modifyPointer(cpu, linear, size);
}

/** As openRm, for an operand that is only written. */
export function openRmForWrite(cpu: usize, u: usize, size: i32): usize {
  if (!isMemory(u)) return cpu + load<u8>(u, U_SRC);
  const linear = addressOf(cpu, u, size, WRITE);
  return linear == NO_ADDRESS ? 0 : writePointer(cpu, linear, size);
}

export function closeRm(cpu: usize, u: usize, p: usize, size: i32, value: u64): void {
  if (!isMemory(u)) {
    writeSlot(cpu, load<u8>(u, U_SRC), size, value);
    return;
  }
  storeSized(p, size, value);
  settle(cpu, p);
}

export function readG(cpu: usize, u: usize, size: i32): u64 {
  return readSlot(cpu, load<u8>(u, U_DST), size);
}

export function writeG(cpu: usize, u: usize, size: i32, value: u64): void {
  writeSlot(cpu, load<u8>(u, U_DST), size, value);
}

export function maskOf(size: i32): u64 {
  return <u64>-1 >> (64 - ((<u64>size) << 3));
}

export function topBitOf(value: u64, size: i32): u64 {
  return (value >> (((<u64>size) << 3) - 1)) & 1;
}

export function signedOf(value: u64, size: i32): i64 {
  const shift: i64 = 64 - ((<i64>size) << 3);
  return ((<i64>value) << shift) >> shift;
}

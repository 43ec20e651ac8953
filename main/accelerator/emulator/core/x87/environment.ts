/**
 * Control instructions: the environment and the whole state in memory (SDM vol. 1, "x87 FPU Instruction and Data (Operand)
 * Pointers"; "Saving the x87 FPU's State with FSTENV/FNSTENV and FSAVE/FNSAVE").
 */
import { checkWrite, readPointer, writePointer } from '../memory';
import { settle } from '../operate';
import { isProtected, NO_ADDRESS } from '../segments';
import {
  SYSTEM_ROOM,
  X87,
  X87_CONTROL,
  X87_CS,
  X87_DP,
  X87_DS,
  X87_FULL,
  X87_IP,
  X87_OPCODE,
  X87_STATUS,
} from '../state';
import { operandAddress, operandSize, READ, WRITE } from '../uop';
import { BUSY, EXCEPTIONS, INTEGER_BIT, MAX_EXPONENT, SUMMARY, TOP_SHIFT } from './operation';

export const CONTROL_INITIAL: u16 = 0x37f;
/** Bits 0 to 5, 8 to 11, and 12, which is of the 80287 and has no meaning any more; bit 6 is always 1. */
const CONTROL_DEFINED: u32 = 0x1f3f;
const CONTROL_FIXED: u32 = 0x40;

const TAG_VALID: u32 = 0;
const TAG_ZERO: u32 = 1;
const TAG_SPECIAL: u32 = 2;
const TAG_EMPTY: u32 = 3;
export const OPCODE: u32 = 0x7ff;

/** Bytes of the registers behind an environment. */
const REGISTERS: i32 = 80;
/** The image on its way between the registers and memory, of 108 bytes at most. */
const IMAGE: usize = SYSTEM_ROOM + 512;

export function initialize(cpu: usize): void {
  store<u16>(cpu, CONTROL_INITIAL, X87_CONTROL);
  store<u16>(cpu, 0, X87_STATUS);
  store<u8>(cpu, 0, X87_FULL);
  forgetInstruction(cpu);
}

function forgetInstruction(cpu: usize): void {
  store<u16>(cpu, 0, X87_OPCODE);
  store<u64>(cpu, 0, X87_IP);
  store<u64>(cpu, 0, X87_DP);
  store<u16>(cpu, 0, X87_CS);
  store<u16>(cpu, 0, X87_DS);
}

/** Exceptions that are pending may become masked, or masked ones pending. */
export function setControl(cpu: usize, value: u32): void {
  store<u16>(cpu, <u16>((value & CONTROL_DEFINED) | CONTROL_FIXED), X87_CONTROL);
  setStatus(cpu, load<u16>(cpu, X87_STATUS));
}

/** The summary and its copy follow from the exceptions and their masks. */
function setStatus(cpu: usize, value: u32): void {
  const pending = (value & ~(<u32>load<u16>(cpu, X87_CONTROL)) & EXCEPTIONS) != 0;
  const status = value & ~(SUMMARY | BUSY);
  store<u16>(cpu, <u16>(pending ? status | SUMMARY | BUSY : status), X87_STATUS);
}

export function clearExceptions(cpu: usize): void {
  store<u16>(cpu, load<u16>(cpu, X87_STATUS) & 0x7f00, X87_STATUS);
}

/** The full tag word, made from what is in the registers. */
function tagWord(cpu: usize): u32 {
  let word: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) word |= tagOf(cpu, n) << (2 * n);
  return word;
}

function tagOf(cpu: usize, n: u32): u32 {
  if (((load<u8>(cpu, X87_FULL) >> <u8>n) & 1) == 0) return TAG_EMPTY;
  const register = cpu + ((<usize>n) << 4);
  const significand = load<u64>(register, X87);
  const exponent = <u32>load<u16>(register, X87 + 8) & MAX_EXPONENT;
  if (exponent == 0) return significand == 0 ? TAG_ZERO : TAG_SPECIAL;
  return exponent == MAX_EXPONENT || (significand & INTEGER_BIT) == 0 ? TAG_SPECIAL : TAG_VALID;
}

/** Only whether a register is empty counts. */
function setTagWord(cpu: usize, word: u32): void {
  let full: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) if (((word >> (2 * n)) & 3) != TAG_EMPTY) full |= 1 << n;
  store<u8>(cpu, <u8>full, X87_FULL);
}

/** Puts field `n` of an environment into the image; fields of 32 bits are filled up with ones where they have 16. */
function putField(cpu: usize, isWide: bool, n: i32, value: u32): void {
  if (isWide) store<u32>(cpu + 4 * n, value, IMAGE);
  else store<u16>(cpu + 2 * n, <u16>value, IMAGE);
}

function takeField(cpu: usize, isWide: bool, n: i32): u32 {
  return isWide ? load<u32>(cpu + 4 * n, IMAGE) : load<u16>(cpu + 2 * n, IMAGE);
}

const UPPER_ONES: u32 = 0xffff_0000;

/** The seven fields of the environment; its length. */
function putEnvironment(cpu: usize, isWide: bool): i32 {
  putField(cpu, isWide, 0, UPPER_ONES | load<u16>(cpu, X87_CONTROL));
  putField(cpu, isWide, 1, UPPER_ONES | load<u16>(cpu, X87_STATUS));
  putField(cpu, isWide, 2, UPPER_ONES | tagWord(cpu));
  const code: u32 = load<u16>(cpu, X87_CS);
  const data: u32 = load<u16>(cpu, X87_DS);
  const opcode: u32 = <u32>load<u16>(cpu, X87_OPCODE) & OPCODE;
  let ip = load<u32>(cpu, X87_IP);
  let dp = load<u32>(cpu, X87_DP);
  if (isProtected(cpu)) {
    putField(cpu, isWide, 3, ip);
    putField(cpu, isWide, 4, code | (opcode << 16));
    putField(cpu, isWide, 5, dp);
    putField(cpu, isWide, 6, UPPER_ONES | data);
  } else {
    // Linear addresses, of 32 or of 20 bits.
    ip += code << 4;
    dp += data << 4;
    putField(cpu, isWide, 3, ip & 0xffff);
    putField(cpu, isWide, 4, isWide ? ((ip >> 16) << 12) | opcode : (((ip >> 16) & 15) << 12) | opcode);
    putField(cpu, isWide, 5, dp & 0xffff);
    putField(cpu, isWide, 6, isWide ? (dp >> 16) << 12 : ((dp >> 16) & 15) << 12);
  }
  return isWide ? 28 : 14;
}

function takeEnvironment(cpu: usize, isWide: bool): void {
  setTagWord(cpu, takeField(cpu, isWide, 2));
  store<u16>(cpu, <u16>takeField(cpu, isWide, 1), X87_STATUS);
  setControl(cpu, takeField(cpu, isWide, 0));
  const ip = takeField(cpu, isWide, 3);
  const code = takeField(cpu, isWide, 4);
  const dp = takeField(cpu, isWide, 5);
  const data = takeField(cpu, isWide, 6);
  if (isProtected(cpu)) {
    store<u64>(cpu, ip, X87_IP);
    store<u64>(cpu, dp, X87_DP);
    store<u16>(cpu, <u16>code, X87_CS);
    store<u16>(cpu, <u16>data, X87_DS);
    // The 16-bit format has no opcode.
    store<u16>(cpu, isWide ? <u16>((code >> 16) & OPCODE) : 0, X87_OPCODE);
  } else {
    store<u64>(cpu, (ip & 0xffff) | ((code >> 12) << 16), X87_IP);
    store<u64>(cpu, (dp & 0xffff) | ((data >> 12) << 16), X87_DP);
    store<u16>(cpu, 0, X87_CS);
    store<u16>(cpu, 0, X87_DS);
    store<u16>(cpu, <u16>(code & OPCODE), X87_OPCODE);
  }
}

/** A word at a time: images have no other alignment than that of their first field. */
function storeImage(cpu: usize, u: usize, isWide: bool, bytes: i32): bool {
  const address = operandAddress(cpu, u, bytes, WRITE);
  if (address == NO_ADDRESS) return false;
  // All of it or nothing.
  if (!checkWrite(cpu, address, isWide ? 4 : 2) || !checkWrite(cpu, address + <u64>(bytes - 2), 2)) return false;
  for (let at = 0; at < bytes; at += 2) {
    const p = writePointer(cpu, address + <u64>at, 2);
    store<u16>(p, load<u16>(cpu + at, IMAGE));
    settle(cpu, p);
  }
  return true;
}

function loadImage(cpu: usize, u: usize, isWide: bool, bytes: i32): bool {
  const address = operandAddress(cpu, u, bytes, READ);
  if (address == NO_ADDRESS || readPointer(cpu, address, isWide ? 4 : 2) == 0) return false;
  for (let at = 0; at < bytes; at += 2) {
    const p = readPointer(cpu, address + <u64>at, 2);
    if (p == 0) return false;
    store<u16>(cpu + at, load<u16>(p), IMAGE);
  }
  return true;
}

export function storeEnvironment(cpu: usize, u: usize): bool {
  const isWide = operandSize(u) != 2;
  if (!storeImage(cpu, u, isWide, putEnvironment(cpu, isWide))) return false;
  // All exceptions are masked then.
  setControl(cpu, load<u16>(cpu, X87_CONTROL) | EXCEPTIONS);
  return true;
}

export function loadEnvironment(cpu: usize, u: usize): bool {
  const isWide = operandSize(u) != 2;
  if (!loadImage(cpu, u, isWide, isWide ? 28 : 14)) return false;
  takeEnvironment(cpu, isWide);
  return true;
}

/** FNSAVE, which leaves what FNINIT does. */
export function saveState(cpu: usize, u: usize): bool {
  const isWide = operandSize(u) != 2;
  const length = putEnvironment(cpu, isWide);
  for (let i = 0; i < 8; i++) memory.copy(cpu + IMAGE + length + 10 * i, stackRegister(cpu, i), 10);
  if (!storeImage(cpu, u, isWide, length + REGISTERS)) return false;
  initialize(cpu);
  return true;
}

export function restoreState(cpu: usize, u: usize): bool {
  const isWide = operandSize(u) != 2;
  const length = isWide ? 28 : 14;
  if (!loadImage(cpu, u, isWide, length + REGISTERS)) return false;
  takeEnvironment(cpu, isWide);
  for (let i = 0; i < 8; i++) memory.copy(stackRegister(cpu, i), cpu + IMAGE + length + 10 * i, 10);
  return true;
}

/** Address of ST(i). */
export function stackRegister(cpu: usize, i: i32): usize {
  const top = <i32>load<u16>(cpu, X87_STATUS) >> TOP_SHIFT;
  return cpu + X87 + ((<usize>((top + i) & 7)) << 4);
}

/**
 * LOCKed operations where other vcpus run beside this one (SDM vol. 3A, "LOCK# and Locked Atomic Operations"): atomic
 * instructions of WebAssembly on aligned operands up to 8 bytes, which are full barriers on x86 as they are there. All
 * else (a split lock, CMPXCHG16B, a device, a fault) is done alone, as the plain operation.
 */
import { beginAlone, endAlone } from './beside';
import { bitAddress, bitNumber } from './bit-operations';
import { codeWritten } from './code-map';
import { CF, ZF, carry, setStatusFlags, statusFlags } from './flags';
import { general } from './general';
import { hostToPhysical, lockablePointer, modifyPointer } from './memory';
import * as T from './opcode-table';
import { addressOf, loadSized, maskOf, readG, storeSized, writeG } from './operands';
import { computeSized, settle } from './operate';
import { ANY_MI, ANY_MR, COMPARE_MR, K_ADC, K_ADD, K_AND, K_CMP, K_OR, K_SBB, K_SUB } from './ops';
import { NO_ADDRESS } from './segments';
import { RAX, RBX, RCX, RDX } from './state';
import { FAULT, RETIRED } from './status';
import {
  F_LOCK,
  F_MEMORY,
  U_EXTRA,
  U_FLAGS,
  U_IMMEDIATE2,
  U_OP,
  U_SRC,
  WRITE,
  immediate,
  immediate2,
  operandSize,
  readSlot,
  writeSlot,
} from './uop';

/** Of CMPXCHG16B. */
const WIDEST: i32 = 16;

/** Makes a LOCKed operation of a decoded one that is to be: those with LOCK, and any XCHG with memory. */
export function lock(u: usize): void {
  const flags: u32 = load<u8>(u, U_FLAGS);
  const op: i32 = load<u16>(u, U_OP);
  if ((flags & F_MEMORY) == 0 || op == T.UD || op == T.INVALID || op == T.UNAVAILABLE) return;
  if ((flags & F_LOCK) == 0 && op != T.XCHG) return;
  store<u32>(u, op, U_IMMEDIATE2);
  store<u16>(u, <u16>T.LOCKED, U_OP);
}

export function locked(cpu: usize, u: usize): i32 {
  const operation: i32 = immediate2(u);
  const size = sizeOf(u, operation);
  const linear = isBitTest(operation) ? bitAddress(cpu, u, size, WRITE) : addressOf(cpu, u, size, WRITE);
  if (linear == NO_ADDRESS) return FAULT;
  if ((linear & <u64>(size - 1)) == 0 && size != WIDEST) {
    const p = lockablePointer(cpu, linear);
    if (p != 0) {
      if (isArithmetic(operation)) arithmetic(cpu, u, operation, p, size);
      else other(cpu, u, operation, p, size);
      codeWritten(cpu, hostToPhysical(cpu, p), size);
      return RETIRED;
    }
  }
  beginAlone(cpu);
  const status = isArithmetic(operation) ? plainArithmetic(cpu, u, operation, linear, size) : general(cpu, u, operation);
  endAlone(cpu);
  return status;
}

function isArithmetic(operation: i32): bool {
  return operation >= ANY_MR && operation < COMPARE_MR;
}

function isBitTest(operation: i32): bool {
  return operation == T.BTS || operation == T.BTR || operation == T.BTC;
}

function sizeOf(u: usize, operation: i32): i32 {
  const size = operandSize(u);
  return operation == T.CMPXCHG8B ? (size == 8 ? WIDEST : 8) : size;
}

function secondOperand(cpu: usize, u: usize, operation: i32, size: i32): u64 {
  return operation >= ANY_MI ? immediate(u) & maskOf(size) : readSlot(cpu, load<u8>(u, U_SRC), size);
}

function plainArithmetic(cpu: usize, u: usize, operation: i32, linear: u64, size: i32): i32 {
  const p = modifyPointer(cpu, linear, size);
  if (p == 0) return FAULT;
  const b = secondOperand(cpu, u, operation, size);
  storeSized(p, size, computeSized(cpu, load<u8>(u, U_EXTRA), loadSized(p, size), b, size));
  settle(cpu, p);
  return RETIRED;
}

/** ADD, OR, ADC, SBB, AND, SUB, XOR: what was there tells the flags. */
function arithmetic(cpu: usize, u: usize, operation: i32, p: usize, size: i32): void {
  const kind: u32 = load<u8>(u, U_EXTRA);
  const b = secondOperand(cpu, u, operation, size);
  let before: u64;
  if (kind == K_ADD) before = fetchAdd(p, size, b);
  else if (kind == K_SUB) before = fetchAdd(p, size, -b);
  else if (kind == K_ADC) before = fetchAdd(p, size, b + <u64>carry(cpu));
  else if (kind == K_SBB) before = fetchAdd(p, size, -b - <u64>carry(cpu));
  else if (kind == K_AND) before = fetchAnd(p, size, b);
  else if (kind == K_OR) before = fetchOr(p, size, b);
  else before = fetchXor(p, size, b);
  computeSized(cpu, kind, before, b, size);
}

function other(cpu: usize, u: usize, operation: i32, p: usize, size: i32): void {
  switch (operation) {
    case T.XCHG:
      writeG(cpu, u, size, exchange(p, size, readG(cpu, u, size)));
      return;
    case T.XADD: {
      const b = readG(cpu, u, size);
      const before = fetchAdd(p, size, b);
      computeSized(cpu, K_ADD, before, b, size);
      writeG(cpu, u, size, before);
      return;
    }
    case T.CMPXCHG: {
      const accumulator = readSlot(cpu, RAX, size);
      const before = compareExchange(p, size, accumulator, readG(cpu, u, size));
      computeSized(cpu, K_CMP, accumulator, before, size);
      if (before != accumulator) writeSlot(cpu, RAX, size, before);
      return;
    }
    case T.CMPXCHG8B: {
      const expected = load<u32>(cpu, RAX) | ((<u64>load<u32>(cpu, RDX)) << 32);
      const replacement = load<u32>(cpu, RBX) | ((<u64>load<u32>(cpu, RCX)) << 32);
      const before = compareExchange(p, 8, expected, replacement);
      setStatusFlags(cpu, (statusFlags(cpu) & ~ZF) | (before == expected ? ZF : 0));
      if (before == expected) return;
      writeSlot(cpu, RAX, 4, before & 0xffffffff);
      writeSlot(cpu, RDX, 4, before >> 32);
      return;
    }
    case T.INC:
    case T.DEC: {
      const kept: u64 = carry(cpu) ? CF : 0;
      const isInc = operation == T.INC;
      computeSized(cpu, isInc ? K_ADD : K_SUB, fetchAdd(p, size, isInc ? 1 : -1), 1, size);
      setStatusFlags(cpu, (statusFlags(cpu) & ~CF) | kept);
      return;
    }
    case T.NOT:
      fetchXor(p, size, maskOf(size));
      return;
    case T.NEG: {
      let seen = loadSized(p, size);
      for (;;) {
        const before = compareExchange(p, size, seen, -seen & maskOf(size));
        if (before == seen) break;
        seen = before;
      }
      computeSized(cpu, K_SUB, 0, seen, size);
      return;
    }
    default: {
      const number = bitNumber(cpu, u, size) & ((<u64>size << 3) - 1);
      const bit = (<u64>1) << number;
      let before: u64;
      if (operation == T.BTS) before = fetchOr(p, size, bit);
      else if (operation == T.BTR) before = fetchAnd(p, size, ~bit);
      else before = fetchXor(p, size, bit);
      setStatusFlags(cpu, (statusFlags(cpu) & ~CF) | ((before >> number) & 1));
    }
  }
}

function fetchAdd(p: usize, size: i32, value: u64): u64 {
  if (size == 8) return atomic.add<u64>(p, value);
  if (size == 4) return atomic.add<u32>(p, <u32>value);
  return size == 2 ? atomic.add<u16>(p, <u16>value) : atomic.add<u8>(p, <u8>value);
}

function fetchAnd(p: usize, size: i32, value: u64): u64 {
  if (size == 8) return atomic.and<u64>(p, value);
  if (size == 4) return atomic.and<u32>(p, <u32>value);
  return size == 2 ? atomic.and<u16>(p, <u16>value) : atomic.and<u8>(p, <u8>value);
}

function fetchOr(p: usize, size: i32, value: u64): u64 {
  if (size == 8) return atomic.or<u64>(p, value);
  if (size == 4) return atomic.or<u32>(p, <u32>value);
  return size == 2 ? atomic.or<u16>(p, <u16>value) : atomic.or<u8>(p, <u8>value);
}

function fetchXor(p: usize, size: i32, value: u64): u64 {
  if (size == 8) return atomic.xor<u64>(p, value);
  if (size == 4) return atomic.xor<u32>(p, <u32>value);
  return size == 2 ? atomic.xor<u16>(p, <u16>value) : atomic.xor<u8>(p, <u8>value);
}

function exchange(p: usize, size: i32, value: u64): u64 {
  if (size == 8) return atomic.xchg<u64>(p, value);
  if (size == 4) return atomic.xchg<u32>(p, <u32>value);
  return size == 2 ? atomic.xchg<u16>(p, <u16>value) : atomic.xchg<u8>(p, <u8>value);
}

function compareExchange(p: usize, size: i32, expected: u64, value: u64): u64 {
  if (size == 8) return atomic.cmpxchg<u64>(p, expected, value);
  if (size == 4) return atomic.cmpxchg<u32>(p, <u32>expected, <u32>value);
  return size == 2
    ? atomic.cmpxchg<u16>(p, <u16>expected, <u16>value)
    : atomic.cmpxchg<u8>(p, <u8>expected, <u8>value);
}

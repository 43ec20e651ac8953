/** Exchanges, plain and by comparison (SDM vol. 2, XCHG, XADD, CMPXCHG, CMPXCHG8B/CMPXCHG16B). */
import { GP } from './bits';
import { fault } from './exceptions';
import { ZF, setStatusFlags, statusFlags } from './flags';
import { modifyPointer } from './memory';
import { addressOf, closeRm, loadSized, openRm, readG, writeG } from './operands';
import { K_ADD, K_CMP } from './ops';
import { computeSized, settle } from './operate';
import { NO_ADDRESS } from './segments';
import { RAX, RBX, RCX, RDX } from './state';
import { FAULT, RETIRED } from './status';
import { WRITE, isMemory, readSlot, writeSlot } from './uop';

export function exchange(cpu: usize, u: usize, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const value = loadSized(p, size);
  closeRm(cpu, u, p, size, readG(cpu, u, size));
  writeG(cpu, u, size, value);
  return RETIRED;
}

export function exchangeAdd(cpu: usize, u: usize, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const value = loadSized(p, size);
  const sum = computeSized(cpu, K_ADD, value, readG(cpu, u, size), size);
  writeG(cpu, u, size, value);
  closeRm(cpu, u, p, size, sum);
  return RETIRED;
}

/** Memory is written in either case, as the bus sees it; of a 32-bit register that differs the upper half stays. */
export function compareExchange(cpu: usize, u: usize, size: i32): i32 {
  const p = openRm(cpu, u, size);
  if (p == 0) return FAULT;
  const value = loadSized(p, size);
  const accumulator = readSlot(cpu, RAX, size);
  const replacement = readG(cpu, u, size);
  computeSized(cpu, K_CMP, accumulator, value, size);
  if (accumulator == value) closeRm(cpu, u, p, size, replacement);
  else {
    if (isMemory(u)) closeRm(cpu, u, p, size, value);
    writeSlot(cpu, RAX, size, value);
  }
  return RETIRED;
}

/** CMPXCHG8B, and with REX.W CMPXCHG16B. */
export function compareExchangePair(cpu: usize, u: usize, size: i32): i32 {
  const half = size == 8 ? 8 : 4;
  const linear = addressOf(cpu, u, 2 * half, WRITE);
  if (linear == NO_ADDRESS) return FAULT;
  if (half == 8 && (linear & 15) != 0) return fault(cpu, GP, 0);
  const p = modifyPointer(cpu, linear, 2 * half);
  if (p == 0) return FAULT;
  // Eight bytes are one access.
  const pair = half == 8 ? 0 : load<u64>(p);
  const low = half == 8 ? load<u64>(p) : pair & 0xffffffff;
  const high = half == 8 ? load<u64>(p, 8) : pair >> 32;
  const equal = low == readSlot(cpu, RAX, half) && high == readSlot(cpu, RDX, half);
  if (equal) {
    if (half == 8) {
      store<u64>(p, load<u64>(cpu, RBX));
      store<u64>(p, load<u64>(cpu, RCX), 8);
    } else {
      store<u64>(p, load<u32>(cpu, RBX) | ((<u64>load<u32>(cpu, RCX)) << 32));
    }
  } else {
    writeSlot(cpu, RAX, half, low);
    writeSlot(cpu, RDX, half, high);
  }
  setStatusFlags(cpu, (statusFlags(cpu) & ~ZF) | (equal ? ZF : 0));
  settle(cpu, p);
  return RETIRED;
}

/**
 * String instructions (SDM vol. 2, MOVS, STOS, LODS, CMPS, SCAS; REP). A repetition does at most PORTION elements or some pages
 * at a time, so that events are seen in between; its registers always say how far it is.
 */
import { hasOthersBeside } from './beside';
import { RFLAGS_TF } from './bits';
import { DF, zero } from './flags';
import { readPointer, readSpan, writePointer, writeSpan } from './memory';
import { MMIO_READS, forgetMmioReads } from './mmio';
import { FLAT } from './modes';
import * as T from './opcode-table';
import { K_CMP } from './ops';
import { loadSized, storeSized } from './operands';
import { computeAny, settle } from './operate';
import { NO_ADDRESS, linearAddress } from './segments';
import { CODE_CHANGED, ES, FS, MODE, RAX, RCX, RDI, RFLAGS, RSI, WATCH_MET } from './state';
import { AGAIN, FAULT, RETIRED } from './status';
import { BREAKPOINTS_MET } from './tlb';
import {
  F_REP,
  F_REPNE,
  READ,
  U_ADDRESS_SIZE,
  U_FLAGS,
  WRITE,
  operandSegment,
  operandSize,
  readSlot,
  truncate,
  writeSlot,
} from './uop';

const PORTION: i32 = 1024;
const PAGES: i32 = 16;
/** A byte times this is that byte eight times. */
const BYTES: u64 = 0x0101010101010101;

function isRepeated(u: usize): bool {
  return (load<u8>(u, U_FLAGS) & (F_REP | F_REPNE)) != 0;
}

function step(cpu: usize, size: i32): i64 {
  return (load<u64>(cpu, RFLAGS) & DF) != 0 ? -(<i64>size) : <i64>size;
}

function advance(cpu: usize, slot: usize, bytes: i32, distance: i64): void {
  writeSlot(cpu, slot, bytes, readSlot(cpu, slot, bytes) + <u64>distance);
}

/** Counts an element of a repetition; what devices have answered was for this one. */
function elementDone(cpu: usize, bytes: i32): void {
  advance(cpu, RCX, bytes, -1);
  if (load<u8>(cpu, MMIO_READS) != 0) forgetMmioReads(cpu);
}

/** Behind some elements of a repetition. */
function goOn(cpu: usize, bytes: i32): i32 {
  return readSlot(cpu, RCX, bytes) == 0 ? RETIRED : AGAIN;
}

function stringAddress(cpu: usize, segment: i32, slot: usize, bytes: i32, size: i32, access: i32): u64 {
  return linearAddress(cpu, segment, readSlot(cpu, slot, bytes), size, access);
}

export function movs(cpu: usize, u: usize): i32 {
  const bytes: i32 = load<u8>(u, U_ADDRESS_SIZE);
  const size = operandSize(u);
  const repeated = isRepeated(u);
  const distance = step(cpu, size);
  if (repeated && distance > 0 && flat(cpu, u) && !isStepped(cpu) && copyPages(cpu, bytes, size))
    return goOn(cpu, bytes);
  for (let n = 0; n < PORTION; n++) {
    if (repeated && readSlot(cpu, RCX, bytes) == 0) return RETIRED;
    const from = stringAddress(cpu, operandSegment(u), RSI, bytes, size, READ);
    if (from == NO_ADDRESS) return FAULT;
    const to = stringAddress(cpu, ES, RDI, bytes, size, WRITE);
    if (to == NO_ADDRESS) return FAULT;
    const p = readPointer(cpu, from, size);
    if (p == 0) return FAULT;
    const value = loadSized(p, size);
    const q = writePointer(cpu, to, size);
    if (q == 0) return FAULT;
    storeSized(q, size, value);
    advance(cpu, RSI, bytes, distance);
    advance(cpu, RDI, bytes, distance);
    settle(cpu, q);
    if (!repeated) return RETIRED;
    elementDone(cpu, bytes);
    if (mustStop(cpu, bytes)) break;
    if (distance > 0 && (to & 0xfff) + 2 * <u64>size > 0x1000) break; // a new page: try it as a whole
  }
  return goOn(cpu, bytes);
}

/** A store has changed code or left for the host, or there is a trap to take: nothing more before that is seen. */
function mustStop(cpu: usize, bytes: i32): bool {
  return load<u8>(cpu, CODE_CHANGED) != 0 || isStepped(cpu) || readSlot(cpu, RCX, bytes) == 0;
}

/** With TF there is a trap behind each element (SDM vol. 3B, "Single-Step Exception Condition"), as where it met a breakpoint. */
function isStepped(cpu: usize): bool {
  return (load<u64>(cpu, RFLAGS) & RFLAGS_TF) != 0 || (load<u8>(cpu, BREAKPOINTS_MET) | load<u8>(cpu, WATCH_MET)) != 0;
}

function flat(cpu: usize, u: usize): bool {
  return (load<u32>(cpu, MODE) & FLAT) != 0 && operandSegment(u) < FS;
}

/** Outside of 64-bit mode a linear address has 32 bits, which the slots may exceed when it is 64 bits wide. */
function linearOf(cpu: usize, slot: usize, bytes: i32): u64 {
  return truncate(load<u64>(cpu + slot), bytes);
}

/** Elements from here to the end of the page. */
function toPageEnd(linear: u64, size: i32): u64 {
  return (0x1000 - (linear & 0xfff)) / <u64>size;
}

/** Copies page by page as far as all is plain RAM; false: nothing, or so little that elements do it. */
function copyPages(cpu: usize, bytes: i32, size: i32): bool {
  for (let n = 0; n < PAGES; n++) {
    const from = linearOf(cpu, RSI, bytes);
    const to = linearOf(cpu, RDI, bytes);
    const count = min(readSlot(cpu, RCX, bytes), min(toPageEnd(from, size), toPageEnd(to, size)));
    if (count < 4) return n != 0;
    const p = readSpan(cpu, from);
    if (p == 0) return n != 0;
    const q = writeSpan(cpu, to);
    if (q == 0) return n != 0;
    const length = <usize>count * size;
    if (q > p && q < p + length) {
      // Elements that were just written are read again: a pattern spreads.
      for (let at: usize = 0; at < length; at += size) storeSized(q + at, size, loadSized(p + at, size));
    } else if (size == 1 || !hasOthersBeside(cpu)) memory.copy(q, p, length);
    else copyElements(q, p, length, size);
    advance(cpu, RSI, bytes, length);
    advance(cpu, RDI, bytes, length);
    advance(cpu, RCX, bytes, -(<i64>count));
  }
  return true;
}

/** As others may see each element: whole, and in this order. Eight bytes at once split none that is aligned. */
function copyElements(into: usize, from: usize, length: usize, size: i32): void {
  let at: usize = 0;
  for (; at + 8 <= length; at += 8) store<u64>(into + at, load<u64>(from + at));
  for (; at < length; at += size) storeSized(into + at, size, loadSized(from + at, size));
}

export function stos(cpu: usize, u: usize): i32 {
  const bytes: i32 = load<u8>(u, U_ADDRESS_SIZE);
  const size = operandSize(u);
  const repeated = isRepeated(u);
  const distance = step(cpu, size);
  const value = readSlot(cpu, RAX, size);
  if (
    repeated &&
    distance > 0 &&
    (load<u32>(cpu, MODE) & FLAT) != 0 &&
    !isStepped(cpu) &&
    fillPages(cpu, bytes, size, value)
  )
    return goOn(cpu, bytes);
  for (let n = 0; n < PORTION; n++) {
    if (repeated && readSlot(cpu, RCX, bytes) == 0) return RETIRED;
    const to = stringAddress(cpu, ES, RDI, bytes, size, WRITE);
    if (to == NO_ADDRESS) return FAULT;
    const q = writePointer(cpu, to, size);
    if (q == 0) return FAULT;
    storeSized(q, size, value);
    advance(cpu, RDI, bytes, distance);
    settle(cpu, q);
    if (!repeated) return RETIRED;
    advance(cpu, RCX, bytes, -1);
    if (mustStop(cpu, bytes)) break;
    if (distance > 0 && (to & 0xfff) + 2 * <u64>size > 0x1000) break;
  }
  return goOn(cpu, bytes);
}

/** As copyPages. */
function fillPages(cpu: usize, bytes: i32, size: i32, value: u64): bool {
  const pattern = repeatedValue(value, size);
  for (let n = 0; n < PAGES; n++) {
    const to = linearOf(cpu, RDI, bytes);
    const count = min(readSlot(cpu, RCX, bytes), toPageEnd(to, size));
    if (count < 4) return n != 0;
    const q = writeSpan(cpu, to);
    if (q == 0) return n != 0;
    const length = <usize>count * size;
    if (pattern == (pattern & 0xff) * BYTES && (size == 1 || !hasOthersBeside(cpu))) memory.fill(q, <u8>pattern, length);
    else fill(q, length, size, pattern);
    advance(cpu, RDI, bytes, length);
    advance(cpu, RCX, bytes, -(<i64>count));
  }
  return true;
}

/** An element as often as eight bytes hold it. */
function repeatedValue(value: u64, size: i32): u64 {
  if (size == 1) return (value & 0xff) * BYTES;
  if (size == 2) return (value & 0xffff) * 0x0001000100010001;
  return size == 4 ? (value & 0xffffffff) * 0x0000000100000001 : value;
}

function fill(q: usize, length: usize, size: i32, pattern: u64): void {
  let at = q;
  const end = q + length;
  for (; at + 32 <= end; at += 32) {
    store<u64>(at, pattern);
    store<u64>(at, pattern, 8);
    store<u64>(at, pattern, 16);
    store<u64>(at, pattern, 24);
  }
  for (; at < end; at += size) storeSized(at, size, pattern);
}

export function lods(cpu: usize, u: usize): i32 {
  const bytes: i32 = load<u8>(u, U_ADDRESS_SIZE);
  const size = operandSize(u);
  const repeated = isRepeated(u);
  for (let n = 0; n < PORTION; n++) {
    if (repeated && readSlot(cpu, RCX, bytes) == 0) return RETIRED;
    const from = stringAddress(cpu, operandSegment(u), RSI, bytes, size, READ);
    if (from == NO_ADDRESS) return FAULT;
    const p = readPointer(cpu, from, size);
    if (p == 0) return FAULT;
    writeSlot(cpu, RAX, size, loadSized(p, size));
    advance(cpu, RSI, bytes, step(cpu, size));
    if (!repeated) return RETIRED;
    elementDone(cpu, bytes);
    if (isStepped(cpu)) break;
  }
  return goOn(cpu, bytes);
}

function compareSized(cpu: usize, a: u64, b: u64, size: i32): void {
  if (size == 8) computeAny<u64>(cpu, K_CMP, a, b);
  else if (size == 4) computeAny<u32>(cpu, K_CMP, <u32>a, <u32>b);
  else if (size == 2) computeAny<u16>(cpu, K_CMP, <u16>a, <u16>b);
  else computeAny<u8>(cpu, K_CMP, <u8>a, <u8>b);
}

/** CMPS and SCAS. The flags change with each element: a fault after some leaves those of the last one that was compared. */
export function compareString(cpu: usize, u: usize, operation: i32): i32 {
  const bytes: i32 = load<u8>(u, U_ADDRESS_SIZE);
  const size = operandSize(u);
  const repeated = isRepeated(u);
  const whileEqual = (load<u8>(u, U_FLAGS) & F_REP) != 0;
  const distance = step(cpu, size);
  for (let n = 0; n < PORTION; n++) {
    if (repeated && readSlot(cpu, RCX, bytes) == 0) return RETIRED;
    let a = readSlot(cpu, RAX, size);
    if (operation == T.CMPS) {
      const from = stringAddress(cpu, operandSegment(u), RSI, bytes, size, READ);
      if (from == NO_ADDRESS) return FAULT;
      const p = readPointer(cpu, from, size);
      if (p == 0) return FAULT;
      a = loadSized(p, size);
    }
    const other = stringAddress(cpu, ES, RDI, bytes, size, READ);
    if (other == NO_ADDRESS) return FAULT;
    const q = readPointer(cpu, other, size);
    if (q == 0) return FAULT;
    compareSized(cpu, a, loadSized(q, size), size);
    if (operation == T.CMPS) advance(cpu, RSI, bytes, distance);
    advance(cpu, RDI, bytes, distance);
    if (!repeated) return RETIRED;
    elementDone(cpu, bytes);
    if (zero(cpu) != whileEqual) return RETIRED;
    if (isStepped(cpu)) break;
  }
  return goOn(cpu, bytes);
}

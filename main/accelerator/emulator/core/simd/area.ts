/**
 * The area that FXSAVE and XSAVE write and their counterparts read, between registers and memory (SDM vol. 1, "FXSAVE Area";
 * "XSAVE Area"). It is put together in the state block, so that a fault leaves memory and registers as they were.
 */
import { readPointer, writePointer } from '../memory';
import { settle } from '../operate';
import { setPkru } from '../protection-keys';
import { is64Bit } from '../segments';
import {
  MXCSR,
  PKRU,
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
  YMM,
} from '../state';
import { CONTROL_INITIAL, initialize, OPCODE, setControl, stackRegister } from '../x87/environment';
import { zero128 } from './registers';
import { MXCSR_MASK } from './vector-state';

/** State components, as XCR0 has them. */
export const X87_STATE: u64 = 1 << 0;
export const SSE_STATE: u64 = 1 << 1;
export const AVX_STATE: u64 = 1 << 2;
export const PKRU_STATE: u64 = 1 << 9;
export const XCR0_DEFINED: u64 = X87_STATE | SSE_STATE | AVX_STATE | PKRU_STATE;

// ---- the area's parts: where each begins
const POINTERS: i32 = 8;
export const MXCSR_AT: i32 = 24;
export const STACK_AT: i32 = 32;
export const XMM_AT: i32 = 160;
export const HEADER_AT: i32 = 512;
export const XCOMP_BV_AT: i32 = 520;
/** In the compacted format, too: no other component goes before it. */
export const YMM_AT: i32 = 576;
/** In the compacted format at YMM_AT where there is no AVX state. */
export const PKRU_AT: i32 = 832;
export const PKRU_BYTES: i32 = 8;
export const AREA_END: i32 = 840;

export const MXCSR_INITIAL: u32 = 0x1f80;
const XMM_BYTES: i32 = 16;
const IMAGE: usize = SYSTEM_ROOM + 1088;

export function pkruAt(components: u64, isCompacted: bool): i32 {
  return isCompacted && (components & AVX_STATE) == 0 ? YMM_AT : PKRU_AT;
}

/** How large an area with these components is. */
export function areaEnd(components: u64, isCompacted: bool): i32 {
  if ((components & PKRU_STATE) != 0) return pkruAt(components, isCompacted) + PKRU_BYTES;
  return (components & AVX_STATE) != 0 ? PKRU_AT : YMM_AT;
}

/** Where a part of the area stands until it is in memory, or in the registers. */
export function imageAt(cpu: usize, at: i32): usize {
  return cpu + IMAGE + at;
}

/** Bytes of all registers in a part with 16 bytes of each. Outside of 64-bit mode there are eight, and the others stay. */
export function registerBytes(cpu: usize): i32 {
  return is64Bit(cpu) ? 16 * XMM_BYTES : 8 * XMM_BYTES;
}

/** Writes a part of the area at `linear`, which has been found writable. It is aligned: no 8 bytes of it cross a page. */
export function storePart(cpu: usize, linear: u64, from: i32, to: i32): void {
  for (let at = from; at < to; at += 8) {
    const p = writePointer(cpu, linear + <u64>at, 8);
    store<u64>(p, load<u64>(imageAt(cpu, at)));
    settle(cpu, p);
  }
}

/** Reads a part of the area; false: a fault. */
export function loadPart(cpu: usize, linear: u64, from: i32, to: i32): bool {
  for (let at = from; at < to; at += 8) {
    const p = readPointer(cpu, linear + <u64>at, 8);
    if (p == 0) return false;
    store<u64>(imageAt(cpu, at), load<u64>(p));
  }
  return true;
}

/** `isWide`: with REX.W pointers have 64 bits and no selector. */
export function putX87(cpu: usize, isWide: bool): void {
  const image = imageAt(cpu, 0);
  store<u16>(image, load<u16>(cpu, X87_CONTROL));
  store<u16>(image, load<u16>(cpu, X87_STATUS), 2);
  store<u16>(image, load<u8>(cpu, X87_FULL), 4);
  store<u16>(image, load<u16>(cpu, X87_OPCODE) & <u16>OPCODE, 6);
  putPointer(image + POINTERS, load<u64>(cpu, X87_IP), load<u16>(cpu, X87_CS), isWide);
  putPointer(image + POINTERS + 8, load<u64>(cpu, X87_DP), load<u16>(cpu, X87_DS), isWide);
  for (let i = 0; i < 8; i++) v128.store(image + STACK_AT + 16 * i, v128.load(stackRegister(cpu, i)));
}

function putPointer(p: usize, offset: u64, selector: u16, isWide: bool): void {
  store<u64>(p, isWide ? offset : (offset & 0xffffffff) | ((<u64>selector) << 32));
}

/** What an x87 exception of the image is, its masks say: one that waits is #MF by the next instruction that waits. */
export function takeX87(cpu: usize, isWide: bool): void {
  const image = imageAt(cpu, 0);
  store<u16>(cpu, load<u16>(image, 2), X87_STATUS);
  setControl(cpu, load<u16>(image));
  store<u8>(cpu, load<u8>(image, 4), X87_FULL);
  store<u16>(cpu, load<u16>(image, 6) & <u16>OPCODE, X87_OPCODE);
  const ip = load<u64>(image, POINTERS);
  const dp = load<u64>(image, POINTERS + 8);
  store<u64>(cpu, isWide ? ip : ip & 0xffffffff, X87_IP);
  store<u64>(cpu, isWide ? dp : dp & 0xffffffff, X87_DP);
  store<u16>(cpu, isWide ? 0 : <u16>(ip >> 32), X87_CS);
  store<u16>(cpu, isWide ? 0 : <u16>(dp >> 32), X87_DS);
  for (let i = 0; i < 8; i++) memory.copy(stackRegister(cpu, i), image + STACK_AT + 16 * i, 10);
}

/** The initial configuration, which is not that of a reset. */
export function clearX87(cpu: usize): void {
  initialize(cpu);
  memory.fill(cpu + X87, 0, 128);
}

export function isX87Initial(cpu: usize): bool {
  // Control word, status word, tags and opcode.
  if (load<u64>(cpu, X87_CONTROL) != <u64>CONTROL_INITIAL) return false;
  if ((load<u64>(cpu, X87_IP) | load<u64>(cpu, X87_DP) | load<u32>(cpu, X87_CS)) != 0) return false;
  return isZero(cpu + X87, 8, 16);
}

export function putMxcsr(cpu: usize): void {
  store<u32>(imageAt(cpu, MXCSR_AT), load<u32>(cpu, MXCSR));
  store<u32>(imageAt(cpu, MXCSR_AT), MXCSR_MASK, 4);
}

/** Puts the low (0) or high (16) halves of the ymm registers at a part of the area. */
export function putHalves(cpu: usize, half: usize, at: i32): void {
  const bytes = registerBytes(cpu);
  for (let n = 0; n < bytes; n += XMM_BYTES) v128.store(imageAt(cpu, at + n), v128.load(cpu + YMM + half + 2 * n));
}

export function takeHalves(cpu: usize, half: usize, at: i32): void {
  const bytes = registerBytes(cpu);
  for (let n = 0; n < bytes; n += XMM_BYTES) v128.store(cpu + YMM + half + 2 * n, v128.load(imageAt(cpu, at + n)));
}

export function clearHalves(cpu: usize, half: usize): void {
  const bytes = registerBytes(cpu);
  for (let n = 0; n < bytes; n += XMM_BYTES) v128.store(cpu + YMM + half + 2 * n, zero128());
}

/** `at` as `pkruAt` says. */
export function putPkru(cpu: usize, at: i32): void {
  store<u64>(imageAt(cpu, at), load<u32>(cpu, PKRU));
}

export function takePkru(cpu: usize, at: i32): void {
  setPkru(cpu, load<u32>(imageAt(cpu, at)));
}

/** Whether all halves are 0, which is their initial configuration. */
export function areHalvesInitial(cpu: usize, half: usize): bool {
  return isZero(cpu + YMM + half, registerBytes(cpu) / XMM_BYTES, 32);
}

function isZero(p: usize, count: i32, distance: usize): bool {
  let all = zero128();
  for (let n = 0; n < count; n++) all = v128.or(all, v128.load(p + <usize>n * distance));
  return !v128.any_true(all);
}

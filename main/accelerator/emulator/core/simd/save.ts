/**
 * FXSAVE, FXRSTOR and the XSAVE feature set (SDM vol. 1, "Managing State Using the XSAVE Feature Set"; vol. 2 for each). What is
 * not in use, is in its initial configuration: XSAVEOPT and XSAVEC leave it out of memory, and XRSTOR restores it without.
 */
import { CR0_EM, CR0_TS, CR4_OSFXSR, CR4_OSXSAVE, GP, NM } from '../bits';
import { fault, raise, raiseAsStackFault, raiseUd } from '../exceptions';
import { checkWrite, isCanonical } from '../memory';
import { CODE_64, CODE_SIZE } from '../modes';
import * as T from '../opcode-table';
import { setPkru } from '../protection-keys';
import { NO_ADDRESS } from '../segments';
import { CR0, CR4, MODE, MXCSR, PKRU, RAX, RDX, SS, XCR0 } from '../state';
import { FAULT, RETIRED } from '../status';
import { operandAddress, operandSegment, operandSize, READ, WRITE } from '../uop';
import {
  AREA_END,
  areaEnd,
  areHalvesInitial,
  AVX_STATE,
  clearHalves,
  clearX87,
  HEADER_AT,
  imageAt,
  isX87Initial,
  loadPart,
  MXCSR_AT,
  MXCSR_INITIAL,
  PKRU_AT,
  PKRU_BYTES,
  PKRU_STATE,
  pkruAt,
  putHalves,
  putMxcsr,
  putPkru,
  putX87,
  registerBytes,
  SSE_STATE,
  STACK_AT,
  storePart,
  takeHalves,
  takePkru,
  takeX87,
  X87_STATE,
  XCOMP_BV_AT,
  XMM_AT,
  YMM_AT,
} from './area';
import { MXCSR_MASK } from './vector-state';

const LOW: usize = 0;
const HIGH: usize = 16;
const COMPACTED: u64 = 1 << 63;
const FX_ALIGNMENT: u64 = 16;
const X_ALIGNMENT: u64 = 64;

export function saveOrRestore(cpu: usize, u: usize, op: i32): i32 {
  const isFx = op == T.SYS_FXSAVE || op == T.SYS_FXRSTOR;
  if (!isFx && (load<u64>(cpu, CR4) & CR4_OSXSAVE) == 0) return raiseUd(cpu);
  if ((load<u64>(cpu, CR0) & (isFx ? CR0_TS | CR0_EM : CR0_TS)) != 0) return fault(cpu, NM, 0);
  const requested = (load<u64>(cpu, XCR0) & ((load<u64>(cpu, RDX) << 32) | load<u32>(cpu, RAX)));
  let passed: bool;
  if (op == T.SYS_FXSAVE) passed = fxsave(cpu, u);
  else if (op == T.SYS_FXRSTOR) passed = fxrstor(cpu, u);
  else passed = op == T.SYS_XRSTOR ? xrstor(cpu, u, requested) : xsave(cpu, u, op, requested);
  if (passed) return RETIRED;
  if (strayedFromStack(cpu, u)) raiseAsStackFault(cpu);
  return FAULT;
}

/** Of 64-bit mode: elsewhere the segment's check says so. What the area holds, or its alignment, is no stack fault. */
function strayedFromStack(cpu: usize, u: usize): bool {
  if (operandSegment(u) != SS || (load<u32>(cpu, MODE) & CODE_SIZE) != CODE_64) return false;
  const linear = operandAddress(cpu, u, 1, READ);
  return !isCanonical(cpu, linear) || !isCanonical(cpu, linear + AREA_END - 1);
}

/** Components that are not in their initial configuration: XINUSE. MXCSR, which is none of its own, has no say. */
export function inUse(cpu: usize): u64 {
  let components: u64 = isX87Initial(cpu) ? 0 : X87_STATE;
  if (!areHalvesInitial(cpu, LOW)) components |= SSE_STATE;
  if (!areHalvesInitial(cpu, HIGH)) components |= AVX_STATE;
  if (load<u32>(cpu, PKRU) != 0) components |= PKRU_STATE;
  return components;
}

/** Address of the area; NO_ADDRESS after a fault. */
function areaAddress(cpu: usize, u: usize, size: i32, alignment: u64, access: i32): u64 {
  const linear = operandAddress(cpu, u, size, access);
  if (linear == NO_ADDRESS || (linear & (alignment - 1)) == 0) return linear;
  raise(cpu, GP, 0);
  return NO_ADDRESS;
}

/** As `areaAddress`, and all of it, which lies in two pages at most, can be written. */
function writableArea(cpu: usize, u: usize, size: i32, alignment: u64): u64 {
  const linear = areaAddress(cpu, u, size, alignment, WRITE);
  if (linear == NO_ADDRESS || !checkWrite(cpu, linear, 8) || !checkWrite(cpu, linear + <u64>(size - 8), 8))
    return NO_ADDRESS;
  return linear;
}

/** Without CR4.OSFXSR the xmm registers are left out, and what is in their place stays. */
function fxsave(cpu: usize, u: usize): bool {
  const linear = writableArea(cpu, u, HEADER_AT, FX_ALIGNMENT);
  if (linear == NO_ADDRESS) return false;
  putX87(cpu, operandSize(u) == 8);
  putMxcsr(cpu);
  storePart(cpu, linear, 0, XMM_AT);
  if ((load<u64>(cpu, CR4) & CR4_OSFXSR) == 0) return true;
  putHalves(cpu, LOW, XMM_AT);
  storePart(cpu, linear, XMM_AT, XMM_AT + registerBytes(cpu));
  return true;
}

function fxrstor(cpu: usize, u: usize): bool {
  const linear = areaAddress(cpu, u, HEADER_AT, FX_ALIGNMENT, READ);
  if (linear == NO_ADDRESS || !loadPart(cpu, linear, 0, XMM_AT + registerBytes(cpu))) return false;
  const withVectors = (load<u64>(cpu, CR4) & CR4_OSFXSR) != 0;
  if (withVectors && !checkMxcsr(cpu)) return false;
  takeX87(cpu, operandSize(u) == 8);
  if (!withVectors) return true;
  takeHalves(cpu, LOW, XMM_AT);
  takeMxcsr(cpu);
  return true;
}

/** XSAVE, XSAVEOPT and XSAVEC. */
function xsave(cpu: usize, u: usize, op: i32, requested: u64): bool {
  const isCompacted = op == T.SYS_XSAVEC;
  const linear = writableArea(cpu, u, areaEnd(requested, isCompacted), X_ALIGNMENT);
  if (linear == NO_ADDRESS) return false;
  let used = requested & inUse(cpu);
  let hasMxcsr = (requested & (SSE_STATE | AVX_STATE)) != 0;
  if (isCompacted) {
    // MXCSR is part of SSE state.
    if (load<u32>(cpu, MXCSR) != MXCSR_INITIAL) used |= requested & SSE_STATE;
    hasMxcsr = (used & SSE_STATE) != 0;
    store<u64>(imageAt(cpu, HEADER_AT), used);
    store<u64>(imageAt(cpu, XCOMP_BV_AT), requested | COMPACTED);
  } else {
    if (!loadPart(cpu, linear, HEADER_AT, XCOMP_BV_AT)) return false;
    const header = imageAt(cpu, HEADER_AT);
    store<u64>(header, (load<u64>(header) & ~requested) | used);
  }
  const saved = op == T.SYS_XSAVE ? requested : used;
  if ((saved & X87_STATE) != 0) {
    putX87(cpu, operandSize(u) == 8);
    storePart(cpu, linear, 0, MXCSR_AT);
    storePart(cpu, linear, STACK_AT, XMM_AT);
  }
  if (hasMxcsr) {
    putMxcsr(cpu);
    storePart(cpu, linear, MXCSR_AT, STACK_AT);
  }
  if ((saved & SSE_STATE) != 0) saveHalves(cpu, linear, LOW, XMM_AT);
  if ((saved & AVX_STATE) != 0) saveHalves(cpu, linear, HIGH, YMM_AT);
  if ((saved & PKRU_STATE) != 0) {
    const at = pkruAt(requested, isCompacted);
    putPkru(cpu, at);
    storePart(cpu, linear, at, at + PKRU_BYTES);
  }
  storePart(cpu, linear, HEADER_AT, isCompacted ? XCOMP_BV_AT + 8 : XCOMP_BV_AT);
  return true;
}

function saveHalves(cpu: usize, linear: u64, half: usize, at: i32): void {
  putHalves(cpu, half, at);
  storePart(cpu, linear, at, at + registerBytes(cpu));
}

function xrstor(cpu: usize, u: usize, requested: u64): bool {
  let linear = areaAddress(cpu, u, YMM_AT, X_ALIGNMENT, READ);
  if (linear == NO_ADDRESS || !loadPart(cpu, linear, HEADER_AT, YMM_AT)) return false;
  const isCompacted = (load<u64>(imageAt(cpu, XCOMP_BV_AT)) & COMPACTED) != 0;
  if (!checkHeader(cpu, isCompacted)) return false;
  const restored = requested & load<u64>(imageAt(cpu, HEADER_AT));
  const hasMxcsr = isCompacted ? (restored & SSE_STATE) != 0 : (requested & (SSE_STATE | AVX_STATE)) != 0;

  // All is read before a register changes.
  const registers = registerBytes(cpu);
  if ((restored & AVX_STATE) != 0) {
    linear = operandAddress(cpu, u, PKRU_AT, READ);
    if (linear == NO_ADDRESS || !loadPart(cpu, linear, YMM_AT, YMM_AT + registers)) return false;
  }
  const pkru = pkruAt(load<u64>(imageAt(cpu, XCOMP_BV_AT)), isCompacted);
  if ((restored & PKRU_STATE) != 0) {
    linear = operandAddress(cpu, u, pkru + PKRU_BYTES, READ);
    if (linear == NO_ADDRESS || !loadPart(cpu, linear, pkru, pkru + PKRU_BYTES)) return false;
  }
  if ((restored & X87_STATE) != 0)
    if (!loadPart(cpu, linear, 0, MXCSR_AT) || !loadPart(cpu, linear, STACK_AT, XMM_AT)) return false;
  if (hasMxcsr && (!loadPart(cpu, linear, MXCSR_AT, STACK_AT) || !checkMxcsr(cpu))) return false;
  if ((restored & SSE_STATE) != 0 && !loadPart(cpu, linear, XMM_AT, XMM_AT + registers)) return false;

  if ((restored & X87_STATE) != 0) takeX87(cpu, operandSize(u) == 8);
  else if ((requested & X87_STATE) != 0) clearX87(cpu);
  if ((restored & SSE_STATE) != 0) takeHalves(cpu, LOW, XMM_AT);
  else if ((requested & SSE_STATE) != 0) clearHalves(cpu, LOW);
  if ((restored & AVX_STATE) != 0) takeHalves(cpu, HIGH, YMM_AT);
  else if ((requested & AVX_STATE) != 0) clearHalves(cpu, HIGH);
  if ((restored & PKRU_STATE) != 0) takePkru(cpu, pkru);
  else if ((requested & PKRU_STATE) != 0) setPkru(cpu, 0);
  if (hasMxcsr) takeMxcsr(cpu);
  else if ((requested & SSE_STATE) != 0) store<u32>(cpu, MXCSR_INITIAL, MXCSR);
  return true;
}

/** #GP for a header that says what this processor does not have, or that is of no format. */
function checkHeader(cpu: usize, isCompacted: bool): bool {
  const enabled = load<u64>(cpu, XCR0);
  const present = load<u64>(imageAt(cpu, HEADER_AT));
  const format = load<u64>(imageAt(cpu, XCOMP_BV_AT));
  // Where its reserved bytes end: in the standard format the others are not looked at.
  const end = isCompacted ? YMM_AT : XCOMP_BV_AT + 16;
  let reserved: u64 = 0;
  for (let at = XCOMP_BV_AT + 8; at < end; at += 8) reserved |= load<u64>(imageAt(cpu, at));
  const allowed = isCompacted ? format & ~COMPACTED : enabled;
  const isRight = isCompacted ? (allowed & ~enabled) == 0 : format == 0;
  if (isRight && reserved == 0 && (present & ~allowed) == 0) return true;
  raise(cpu, GP, 0);
  return false;
}

function checkMxcsr(cpu: usize): bool {
  if ((load<u32>(imageAt(cpu, MXCSR_AT)) & ~MXCSR_MASK) == 0) return true;
  raise(cpu, GP, 0);
  return false;
}

function takeMxcsr(cpu: usize): void {
  store<u32>(cpu, load<u32>(imageAt(cpu, MXCSR_AT)), MXCSR);
}

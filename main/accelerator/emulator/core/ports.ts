/**
 * IN, OUT, INS and OUTS. An input leaves with nothing changed and runs again once the host has supplied the data; an output
 * retires and leaves. A string instruction leaves for each element, but a repeated output for several at once, as on KVM.
 */
import { EXPAND_DOWN, RFLAGS_TF } from './bits';
import { meetIoBreakpoints } from './debug';
import { isCode, segmentAt } from './descriptors';
import { exitIo, ioData } from './exits';
import { DF } from './flags';
import { ioAllowed } from './io-permission';
import { readPointer, writePointer } from './memory';
import { loadSized, storeSized } from './operands';
import { settle } from './operate';
import { NO_ADDRESS, is64Bit, linearAddress } from './segments';
import {
  DEBUG_ACTIVE,
  ES,
  EXECUTION_ROOM,
  RAX,
  RCX,
  RDI,
  RDX,
  RFLAGS,
  RSI,
  SCRATCH,
  SEG_ACCESS,
  SEG_LIMIT,
} from './state';
import { AGAIN, FAULT, RETIRED } from './status';
import {
  F_REP,
  F_REPNE,
  READ,
  U_ADDRESS_SIZE,
  U_FLAGS,
  U_IMMEDIATE,
  WRITE,
  operandSegment,
  operandSize,
  readSlot,
  writeSlot,
} from './uop';

/** u8: the data of the input that comes next is there. */
export const INPUT_READY: usize = EXECUTION_ROOM + 256;

const PAGE_SIZE: u64 = 4096;
const MOST_ITEMS: u64 = 64;

/** Ports are at most 32 bits wide, whatever REX.W says. */
function portSize(u: usize): i32 {
  return min(operandSize(u), 4);
}

function portOf(cpu: usize, u: usize, inDx: bool): u32 {
  return inDx ? load<u16>(cpu, RDX) : load<u8>(u, U_IMMEDIATE);
}

/** Whether the data of an input is there; where not, it is asked for. */
function input(cpu: usize, port: u32, size: i32): bool {
  if (load<u8>(cpu, INPUT_READY) != 0) {
    store<u8>(cpu, 0, INPUT_READY);
    return true;
  }
  exitIo(cpu, port, size, false);
  return false;
}

export function inPort(cpu: usize, u: usize, fromDx: bool): i32 {
  const size = portSize(u);
  const port = portOf(cpu, u, fromDx);
  if (!ioAllowed(cpu, port, size) || !input(cpu, port, size)) return FAULT;
  meetIoBreakpoints(cpu, port, size);
  writeSlot(cpu, RAX, size, loadSized(ioData(cpu), size));
  return RETIRED;
}

export function outPort(cpu: usize, u: usize, toDx: bool): i32 {
  const size = portSize(u);
  const port = portOf(cpu, u, toDx);
  if (!ioAllowed(cpu, port, size)) return FAULT;
  meetIoBreakpoints(cpu, port, size);
  exitIo(cpu, port, size, true);
  storeSized(ioData(cpu), size, readSlot(cpu, RAX, size));
  return RETIRED;
}

/**
 * How many items of a repeated output one exit takes: those that lie behind the first in its page of RAM, up to a bound by which
 * an interrupt has to wait. One where something looks at each of them, or where the address could run over.
 */
function itemsAtOnce(cpu: usize, segment: i32, linear: u64, p: usize, size: i32, bytes: i32): i32 {
  const flags = load<u64>(cpu, RFLAGS);
  if ((flags & (DF | RFLAGS_TF)) != 0 || load<u8>(cpu, DEBUG_ACTIVE) != 0 || p == cpu + SCRATCH) return 1;
  const offset = readSlot(cpu, RSI, bytes);
  let room: u64 = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
  if (!is64Bit(cpu)) {
    const register = segmentAt(cpu, segment);
    const access: u32 = load<u16>(register, SEG_ACCESS);
    if ((access & EXPAND_DOWN) != 0 && !isCode(access)) return 1;
    room = min(room, <u64>load<u32>(register, SEG_LIMIT) - offset + 1);
  }
  if (bytes < 8) room = min(room, (<u64>1 << (bytes << 3)) - offset);
  return <i32>max(1, min(min(readSlot(cpu, RCX, bytes), room / size), MOST_ITEMS));
}

export function stringPort(cpu: usize, u: usize, isInput: bool): i32 {
  const size = portSize(u);
  const bytes: i32 = load<u8>(u, U_ADDRESS_SIZE);
  const repeated = (load<u8>(u, U_FLAGS) & (F_REP | F_REPNE)) != 0;
  const port: u32 = load<u16>(cpu, RDX);
  if (!ioAllowed(cpu, port, size)) return FAULT;
  if (repeated && readSlot(cpu, RCX, bytes) == 0) return RETIRED;
  let items = 1;
  const slot = isInput ? RDI : RSI;
  const segment = isInput ? ES : operandSegment(u);
  const linear = linearAddress(cpu, segment, readSlot(cpu, slot, bytes), size, isInput ? WRITE : READ);
  if (linear == NO_ADDRESS) return FAULT;
  const p = isInput ? writePointer(cpu, linear, size) : readPointer(cpu, linear, size);
  if (p == 0) return FAULT;
  if (isInput) {
    if (!input(cpu, port, size)) return FAULT;
    storeSized(p, size, loadSized(ioData(cpu), size));
    settle(cpu, p);
  } else {
    if (repeated) items = itemsAtOnce(cpu, segment, linear, p, size, bytes);
    exitIo(cpu, port, size, true, items);
    memory.copy(ioData(cpu), p, items * size);
  }
  meetIoBreakpoints(cpu, port, size);
  const length = <i64>items * size;
  const distance = (load<u64>(cpu, RFLAGS) & DF) != 0 ? -length : length;
  writeSlot(cpu, slot, bytes, readSlot(cpu, slot, bytes) + <u64>distance);
  if (!repeated) return RETIRED;
  const left = readSlot(cpu, RCX, bytes) - items;
  writeSlot(cpu, RCX, bytes, left);
  return left == 0 ? RETIRED : AGAIN;
}

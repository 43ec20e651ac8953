/**
 * IN, OUT, INS and OUTS. An input leaves with nothing changed and runs again once the host has supplied the data; an output
 * retires and leaves. A string instruction leaves for each element.
 */
import { meetIoBreakpoints } from './debug';
import { exitIo, ioData } from './exits';
import { DF } from './flags';
import { ioAllowed } from './io-permission';
import { readPointer, writePointer } from './memory';
import { loadSized, storeSized } from './operands';
import { settle } from './operate';
import { NO_ADDRESS, linearAddress } from './segments';
import { ES, EXECUTION_ROOM, RAX, RCX, RDI, RDX, RFLAGS, RSI } from './state';
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

export function stringPort(cpu: usize, u: usize, isInput: bool): i32 {
  const size = portSize(u);
  const bytes: i32 = load<u8>(u, U_ADDRESS_SIZE);
  const repeated = (load<u8>(u, U_FLAGS) & (F_REP | F_REPNE)) != 0;
  const port: u32 = load<u16>(cpu, RDX);
  if (!ioAllowed(cpu, port, size)) return FAULT;
  if (repeated && readSlot(cpu, RCX, bytes) == 0) return RETIRED;
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
    const value = loadSized(p, size);
    exitIo(cpu, port, size, true);
    storeSized(ioData(cpu), size, value);
  }
  meetIoBreakpoints(cpu, port, size);
  const distance = (load<u64>(cpu, RFLAGS) & DF) != 0 ? -(<i64>size) : <i64>size;
  writeSlot(cpu, slot, bytes, readSlot(cpu, slot, bytes) + <u64>distance);
  if (!repeated) return RETIRED;
  const left = readSlot(cpu, RCX, bytes) - 1;
  writeSlot(cpu, RCX, bytes, left);
  return left == 0 ? RETIRED : AGAIN;
}

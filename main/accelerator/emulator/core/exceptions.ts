/**
 * Exceptions: noting one, and what becomes of it (SDM vol. 3A, "Interrupt and Exception Handling"; table "Conditions for
 * Generating a Double Fault").
 */
import { AC, DB, DE, DF, GP, NMI, PF, SSF, TS, UD } from './bits';
import { allowDebugRegisters, cancelStep } from './debug';
import { exitInternalError, exitShutdown } from './exits';
import { deliver, EVENT_EXCEPTION, EVENT_EXTERNAL, EVENT_SOFTWARE, NO_ERROR_CODE } from './interrupts';
import { isVirtual8086 } from './segments';
import { EXCEPTION, EXCEPTION_ERROR, EXIT_PENDING, NEXT_RIP, NMI_BLOCKED, RIP, SYSTEM_ROOM } from './state';
import { FAULT, RETIRED } from './status';
import { BY_GATE, interruptVirtual8086 } from './virtual-8086';

/** u8: 1 while an event is delivered that no instruction asked for: the EXT bit of error codes. */
const EXTERNAL: usize = SYSTEM_ROOM + 72;

/** Notes an exception; whoever calls returns FAULT, with nothing changed. */
export function raise(cpu: usize, vector: i32, errorCode: u32): void {
  store<i32>(cpu, vector, EXCEPTION);
  store<u32>(cpu, vector >= TS && vector <= GP ? errorCode | load<u8>(cpu, EXTERNAL) : errorCode, EXCEPTION_ERROR);
}

/** `raise`, for a tail position. */
export function fault(cpu: usize, vector: i32, errorCode: u32): i32 {
  raise(cpu, vector, errorCode);
  return FAULT;
}

export function raiseUd(cpu: usize): i32 {
  return fault(cpu, UD, 0);
}

/** A memory access at a non-canonical address is #GP; of the stack it is #SS. */
export function raiseAsStackFault(cpu: usize): void {
  if (load<i32>(cpu, EXCEPTION) == GP) store<i32>(cpu, SSF, EXCEPTION);
}

function hasErrorCode(vector: i32): bool {
  return vector == DF || (vector >= TS && vector <= PF) || vector == AC;
}

function isContributory(vector: i32): bool {
  return vector == DE || (vector >= TS && vector <= GP);
}

/** Delivers the exception that was raised; RIP is its instruction's, or for a trap the next one's. */
export function deliverException(cpu: usize): void {
  const vector = load<i32>(cpu, EXCEPTION);
  store<i32>(cpu, -1, EXCEPTION);
  deliverEvent(cpu, vector, load<u32>(cpu, EXCEPTION_ERROR), EVENT_EXCEPTION);
}

export function deliverInterrupt(cpu: usize, vector: i32): void {
  deliverEvent(cpu, vector, 0, EVENT_EXTERNAL);
}

export function deliverNmi(cpu: usize): void {
  store<u8>(cpu, 1, NMI_BLOCKED);
  deliverEvent(cpu, NMI, 0, EVENT_EXTERNAL);
}

/** What goes wrong while an event is delivered is delivered instead, as #DF where both are serious, else in its turn. */
function deliverEvent(cpu: usize, first: i32, firstError: u32, firstKind: i32): void {
  let vector = first;
  let error = firstError;
  let kind = firstKind;
  cancelStep(cpu);
  for (;;) {
    store<u8>(cpu, 1, EXTERNAL);
    const coded = kind == EVENT_EXCEPTION && hasErrorCode(vector);
    const status = deliver(cpu, vector, coded ? <i64>error : NO_ERROR_CODE, kind, load<u64>(cpu, RIP));
    store<u8>(cpu, 0, EXTERNAL);
    const nested = load<i32>(cpu, EXCEPTION);
    if (status == RETIRED) {
      if (vector == DB && kind == EVENT_EXCEPTION) allowDebugRegisters(cpu);
      store<u64>(cpu, load<u64>(cpu, NEXT_RIP), RIP);
      if (nested < 0) return;
    } else if (nested < 0) {
      // A table or stack outside of RAM: half-delivered events cannot wait for a device.
      if (load<u8>(cpu, EXIT_PENDING) != 0) exitInternalError(cpu, vector);
      return;
    }
    store<i32>(cpu, -1, EXCEPTION);
    error = load<u32>(cpu, EXCEPTION_ERROR);
    // #DB is the trap of a task that has begun.
    if (kind == EVENT_EXCEPTION && vector == DF && nested != DB) {
      exitShutdown(cpu);
      return;
    }
    const serious = isContributory(nested) || (nested == PF && vector == PF);
    const doubled = kind == EVENT_EXCEPTION && serious && (isContributory(vector) || vector == PF);
    vector = doubled ? DF : nested;
    if (doubled) error = 0;
    kind = EVENT_EXCEPTION;
  }
}

/** INT n, INT3 and INTO; they return to the next instruction. */
export function softwareInterrupt(cpu: usize, vector: i32, kind: i32): i32 {
  if (kind == INT && isVirtual8086(cpu)) {
    const status = interruptVirtual8086(cpu, vector);
    if (status != BY_GATE) return status;
  }
  // INT1 asks for no privilege, as if it came from outside.
  const isInt1 = kind == INT1;
  if (isInt1) store<u8>(cpu, 1, EXTERNAL);
  const status = deliver(
    cpu,
    vector,
    NO_ERROR_CODE,
    isInt1 ? EVENT_EXTERNAL : EVENT_SOFTWARE,
    load<u64>(cpu, NEXT_RIP),
  );
  store<u8>(cpu, 0, EXTERNAL);
  if (status == RETIRED) cancelStep(cpu);
  return status;
}

export const INT: i32 = 0;
export const INT3: i32 = 1;
export const INTO: i32 = 2;
export const INT1: i32 = 3;

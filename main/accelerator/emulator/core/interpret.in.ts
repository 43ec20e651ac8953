/**
 * The interpreter: runs decoded blocks until there is a reason to leave. Its loop holds the common operations; a `continue`
 * goes on with the next one, a `break` leaves the straight line, with `way` saying how. scripts/build-core.mjs puts the cases
 * of the switch in and calls it interpret.ts.
 */
import {
  B_COUNT,
  B_FOLLOWING,
  B_FOLLOWING_GENERATION,
  B_MASK,
  B_TAKEN,
  B_TAKEN_GENERATION,
  B_UOPS,
  cachedBlock,
  codeLimit,
  findBlock,
} from './blocks';
import { condition, flagsDec, flagsExplicit, flagsInc, flagsLogic, flagsSub } from './flags';
import { raise, raiseAsStackFault } from './exceptions';
import { GP, RFLAGS_RF } from './bits';
import { general } from './general';
import { commitWrite, isCanonical, modifyPointer, readPointer, writePointer } from './memory';
import { FLAT } from './modes';
import { FIRST_SYSTEM, FIRST_VECTOR } from './opcode-table';
import * as OPS from './ops';
import {
  arithmetic,
  arithmeticAny,
  arithmeticAt,
  computeAny,
  destination,
  immediateOf,
  isScratch,
  multiplySigned,
  setDestination,
  source,
} from './operate';
import { NO_ADDRESS } from './segments';
import { sendIpi } from './ipi';
import {
  ACCESS_TIME,
  BLOCK_RIP,
  CODE_CHANGED,
  EXIT_REQUEST,
  INSTRUCTIONS,
  IPI_TARGETS,
  LINK_GENERATION,
  MODE,
  NEXT_RIP,
  RFLAGS,
  RIP,
  RSP,
  SS,
  TIME_PASSED,
} from './state';
import { vector } from './simd/vector';
import { AGAIN, FAULT as FAULTED } from './status';
import { system } from './system';
import {
  ADDRESS_64,
  F_END,
  F_MEMORY,
  READ,
  UOP_SIZE,
  U_ADDRESS,
  U_EXTRA,
  U_FLAGS,
  U_IMMEDIATE,
  U_IMMEDIATE2,
  U_LENGTH,
  U_NEXT,
  U_NUMBER,
  U_OP,
  U_OPERAND_SIZE,
  WRITE,
  addressSum,
  operandAddress,
  operandOffset,
} from './uop';
import { fwait, x87 } from './x87/execute';

/** Ways off the straight line. */
const FAULT: i32 = 0;
/** To the target of the direct branch that ends the block. */
const TAKEN: i32 = 1;
/** To the instruction behind the block. */
const FOLLOWING: i32 = 2;
/** To `target`. */
const INDIRECT: i32 = 3;
/** On, once a store has been brought to its place. */
const COMMIT: i32 = 4;
/** To `target`, but not before the caller has looked at what happened. */
const AWAY: i32 = 5;
/** On, unless code has changed or an exit is pending. */
const CHECK: i32 = 6;

/** How a run of blocks ended: */
export const STOPPED_AT_BOUNDARY: i32 = 0;
/** an exception or an exit in the middle of an instruction, which has not retired. RIP is its own. */
export const STOPPED_IN_INSTRUCTION: i32 = 1;

// @ts-ignore: decorator
@inline
function reading(cpu: usize, u: usize, size: i32): usize {
  const linear = operandAddress(cpu, u, size, READ);
  return linear == NO_ADDRESS ? 0 : readPointer(cpu, linear, size);
}

// @ts-ignore: decorator
@inline
function writing(cpu: usize, u: usize, size: i32): usize {
  const linear = operandAddress(cpu, u, size, WRITE);
  return linear == NO_ADDRESS ? 0 : writePointer(cpu, linear, size);
}

function modifying(cpu: usize, u: usize, size: i32): usize {
  const linear = operandAddress(cpu, u, size, WRITE);
  return linear == NO_ADDRESS ? 0 : modifyPointer(cpu, linear, size);
}

/**
 * Runs from `first`, the block at RIP, block by block until `budget` instructions are used up; with `links` false only the
 * one block. On return RIP is architectural and INSTRUCTIONS counts what has retired.
 */
export function execute(cpu: usize, first: usize, budget: i32, links: bool): i32 {
  let total = load<u64>(cpu, INSTRUCTIONS) + <u64>budget;
  let accessTime = load<u32>(cpu, ACCESS_TIME);
  const exitRequest: usize = load<u32>(cpu, EXIT_REQUEST);
  let left = budget;
  let block = first;
  let rip = load<u64>(cpu, RIP);
  store<u64>(cpu, rip, BLOCK_RIP);
  left -= load<u16>(block, B_COUNT);
  let u = block + B_UOPS;
  let target: u64 = 0;
  for (;;) {
    let way = FAULT;
    for (;;) {
      const op: i32 = load<u16>(u, U_OP);
      switch (op) {
        // CASES (scripts/interpreter-cases.mjs)
        default: {
          const next = rip + load<u16>(u, U_NEXT);
          store<u64>(cpu, next & load<u64>(block, B_MASK), NEXT_RIP);
          store<u64>(cpu, next - load<u8>(u, U_LENGTH), RIP);
          const ends = (load<u8>(u, U_FLAGS) & F_END) != 0;
          if (op >= FIRST_SYSTEM && op < OPS.A_RR32) {
            store<u64>(cpu, total - <u64>left, INSTRUCTIONS);
            if (system(cpu, u, op) == FAULTED) break;
            if (!ends) {
              u += UOP_SIZE;
              continue;
            }
            target = load<u64>(cpu, NEXT_RIP);
            way = AWAY;
            break;
          }
          const status = op >= FIRST_VECTOR ? vector(cpu, u, op) : general(cpu, u, op);
          if (status == FAULTED) break;
          if (status == AGAIN) {
            // Its breakpoint has been passed, also for who interrupts it here (SDM vol. 3B, "Instruction-Breakpoint Exception
            // Condition": RF between the iterations of a repeated string instruction).
            store<u64>(cpu, load<u64>(cpu, RFLAGS) | RFLAGS_RF, RFLAGS);
            target = load<u64>(cpu, RIP);
            way = AWAY;
            break;
          }
          if (ends) {
            target = load<u64>(cpu, NEXT_RIP);
            way = load<u8>(cpu, CODE_CHANGED) != 0 ? AWAY : INDIRECT;
            break;
          }
          u += UOP_SIZE;
          if (load<u8>(cpu, CODE_CHANGED) == 0) continue;
          way = CHECK;
        }
      }
      break;
    }

    if (way >= COMMIT && way != AWAY) {
      // `u` is the next operation already.
      if (way == COMMIT) commitWrite(cpu);
      const changed = load<u8>(cpu, CODE_CHANGED);
      if (changed == 0) continue;
      const undone = load<u16>(block, B_COUNT) - load<u8>(u - UOP_SIZE, U_NUMBER) - 1;
      if (changed == TIME_PASSED && links) {
        const passed = load<u32>(cpu, ACCESS_TIME) - accessTime;
        accessTime += passed;
        total -= passed;
        left -= passed;
        if (load<u64>(cpu, IPI_TARGETS) != 0) {
          store<u64>(cpu, total - <u64>(left + undone), INSTRUCTIONS);
          sendIpi(cpu);
        }
        if (left > 0) {
          store<u8>(cpu, 0, CODE_CHANGED);
          continue;
        }
      }
      left += undone;
      target = rip + load<u16>(u - UOP_SIZE, U_NEXT);
      break;
    }
    if (way == FAULT) {
      left += load<u16>(block, B_COUNT) - load<u8>(u, U_NUMBER);
      store<u64>(cpu, rip + load<u16>(u, U_NEXT) - load<u8>(u, U_LENGTH), RIP);
      store<u64>(cpu, total - <u64>left, INSTRUCTIONS);
      if (strayedFromStack(cpu, u)) raiseAsStackFault(cpu);
      return STOPPED_IN_INSTRUCTION;
    }
    if (way == AWAY) break;

    // On to the next block, unless somebody wants to look at the vcpu between the two.
    let next: usize = 0;
    if (way == TAKEN) {
      target = (rip + <u64>load<i32>(u, U_IMMEDIATE2)) & load<u64>(block, B_MASK);
      if (load<u32>(block, B_TAKEN_GENERATION) == load<u32>(cpu, LINK_GENERATION)) next = load<u32>(block, B_TAKEN);
    } else if (way == FOLLOWING) {
      target = rip + load<u16>(u, U_NEXT);
      if (load<u32>(block, B_FOLLOWING_GENERATION) == load<u32>(cpu, LINK_GENERATION))
        next = load<u32>(block, B_FOLLOWING);
    }
    if (next == 0 && way == TAKEN && (load<u32>(cpu, MODE) & FLAT) == 0 && target > codeLimit(cpu)) {
      // The branch itself is what faults.
      raise(cpu, GP, 0);
      store<u64>(cpu, rip + load<u16>(u, U_NEXT) - load<u8>(u, U_LENGTH), RIP);
      store<u64>(cpu, total - <u64>left - 1, INSTRUCTIONS);
      return STOPPED_IN_INSTRUCTION;
    }
    if (left <= 0 || !links || atomic.load<u32>(exitRequest) != 0) break;
    if (next == 0) {
      const flat = (load<u32>(cpu, MODE) & FLAT) != 0;
      if (flat) next = cachedBlock(cpu, target);
      if (next == 0) {
        const generation = load<u32>(cpu, LINK_GENERATION);
        store<u64>(cpu, target, RIP);
        next = findBlock(cpu, target);
        if (next == 0) {
          store<u64>(cpu, total - <u64>left, INSTRUCTIONS);
          return STOPPED_IN_INSTRUCTION;
        }
        if (generation != load<u32>(cpu, LINK_GENERATION)) way = INDIRECT;
      }
      if (flat && way != INDIRECT && (rip ^ target) >> 12 == 0) {
        const slot = block + (way == TAKEN ? B_TAKEN : B_FOLLOWING);
        store<u32>(slot, <u32>next);
        store<u32>(slot, load<u32>(cpu, LINK_GENERATION), B_TAKEN_GENERATION - B_TAKEN);
      }
    }
    block = next;
    rip = target;
    store<u64>(cpu, rip, BLOCK_RIP);
    left -= load<u16>(block, B_COUNT);
    u = block + B_UOPS;
  }
  store<u64>(cpu, target, RIP);
  store<u64>(cpu, total - <u64>left, INSTRUCTIONS);
  return STOPPED_AT_BOUNDARY;
}

/**
 * Whether a general-protection fault of this operation is a stack fault: of an access to the stack at an address that is not
 * canonical. A target of a jump that is not, or an operand that has to be aligned, is none.
 */
function strayedFromStack(cpu: usize, u: usize): bool {
  const op: i32 = load<u16>(u, U_OP);
  if (op >= OPS.PUSH_R && op < OPS.RET_NEAR + 2) {
    const sp = load<u64>(cpu, RSP);
    return !isCanonical(cpu, sp - 8) || !isCanonical(cpu, sp + 7);
  }
  if (op >= FIRST_SYSTEM && op < OPS.A_RR32) return false;
  // Other addresses are checked with their segment.
  if ((load<u8>(u, U_FLAGS) & F_MEMORY) == 0 || load<u8>(u, U_ADDRESS) != (SS << 4) + ADDRESS_64) return false;
  const address = addressSum(cpu, u);
  return !isCanonical(cpu, address) || !isCanonical(cpu, address + load<u8>(u, U_OPERAND_SIZE) - 1);
}

/**
 * The interpreter: runs decoded blocks until there is a reason to leave. Its loop holds the common operations; a `continue`
 * goes on with the next one, a `break` leaves the straight line, with `way` saying how.
 */
import { B_BYTES, B_COUNT, B_FOLLOWING, B_FOLLOWING_GENERATION, B_MASK, B_TAKEN, B_TAKEN_GENERATION, B_UOPS, cachedBlock, findBlock } from './blocks';
import { CF, OF, condition, flagsDec, flagsExplicit, flagsInc, flagsLogic, flagsSub } from './flags';
import { raiseAsStackFault } from './exceptions';
import { general } from './general';
import { commitWrite, modifyPointer, readPointer, writePointer } from './memory';
import { FLAT } from './modes';
import { FIRST_SYSTEM } from './opcode-table';
import * as OPS from './ops';
import { K_ADD, K_OR, K_ADC, K_SBB, K_AND, K_SUB, K_XOR, K_CMP, K_TEST, K_ADD_NF, K_OR_NF, K_AND_NF, K_SUB_NF, K_XOR_NF, A_RR32, A_RI32, A_RR64, A_RI64, A_RM32, A_RM64, CMPJ_RR32, CMPJ_RI32, CMPJ_RR64, CMPJ_RI64, TESTJ_RR32, TESTJ_RR64, J, ANY_RR, ANY_RI, ANY_RM, ANY_MR, ANY_MI, COMPARE_MR, COMPARE_MI, MOV_RR, MOV_RI, MOV_RM, MOV_MR, MOV_MI, MOVZX_RR8, MOVZX_RR16, MOVZX_RM8, MOVZX_RM16, MOVSX_RR8_32, MOVSX_RR16_32, MOVSX_RR8_64, MOVSX_RR16_64, MOVSX_RR32_64, MOVSX_RM8_32, MOVSX_RM16_32, MOVSX_RM8_64, MOVSX_RM16_64, MOVSX_RM32_64, LEA32, LEA64, INC_R, DEC_R, INC_R_NF, DEC_R_NF, SHL_RI, SHR_RI, SAR_RI, SHL_RI_NF, SHR_RI_NF, SAR_RI_NF, ROL_RI_NF, ROR_RI_NF, NOT_R, IMUL_RR, PUSH_R, PUSH_I, POP_R, CALL_NEAR, CALL_R, RET_NEAR, JMP_R, DECJNZ_R, JMP_NEAR, NEXT, NOTHING } from './ops';
import { arithmetic, arithmeticAny, arithmeticAt, computeAny, destination, immediateOf, isScratch, multiplySigned, setDestination, source } from './operate';
import { NO_ADDRESS } from './segments';
import { BLOCK_RIP, CODE_CHANGED, EXIT_REQUEST, INSTRUCTIONS, LINK_GENERATION, MODE, NEXT_RIP, RIP, RSP, SS } from './state';
import { AGAIN, FAULT as FAULTED } from './status';
import { system } from './system';
import { F_END, F_MEMORY, READ, UOP_SIZE, U_ADDRESS, U_EXTRA, U_FLAGS, U_IMMEDIATE, U_IMMEDIATE2, U_LENGTH, U_NEXT, U_NUMBER, U_OP, WRITE, operandAddress, operandOffset } from './uop';

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
  const total = load<u64>(cpu, INSTRUCTIONS) + <u64>budget;
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
        case A_RR32 + K_ADD:
          arithmetic<u32>(cpu, u, K_ADD, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_OR:
          arithmetic<u32>(cpu, u, K_OR, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_ADC:
          arithmetic<u32>(cpu, u, K_ADC, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_SBB:
          arithmetic<u32>(cpu, u, K_SBB, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_AND:
          arithmetic<u32>(cpu, u, K_AND, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_SUB:
          arithmetic<u32>(cpu, u, K_SUB, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_XOR:
          arithmetic<u32>(cpu, u, K_XOR, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_CMP:
          arithmetic<u32>(cpu, u, K_CMP, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_TEST:
          arithmetic<u32>(cpu, u, K_TEST, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_ADD_NF:
          arithmetic<u32>(cpu, u, K_ADD_NF, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_OR_NF:
          arithmetic<u32>(cpu, u, K_OR_NF, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_AND_NF:
          arithmetic<u32>(cpu, u, K_AND_NF, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_SUB_NF:
          arithmetic<u32>(cpu, u, K_SUB_NF, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR32 + K_XOR_NF:
          arithmetic<u32>(cpu, u, K_XOR_NF, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_ADD:
          arithmetic<u32>(cpu, u, K_ADD, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_OR:
          arithmetic<u32>(cpu, u, K_OR, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_ADC:
          arithmetic<u32>(cpu, u, K_ADC, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_SBB:
          arithmetic<u32>(cpu, u, K_SBB, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_AND:
          arithmetic<u32>(cpu, u, K_AND, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_SUB:
          arithmetic<u32>(cpu, u, K_SUB, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_XOR:
          arithmetic<u32>(cpu, u, K_XOR, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_CMP:
          arithmetic<u32>(cpu, u, K_CMP, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_TEST:
          arithmetic<u32>(cpu, u, K_TEST, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_ADD_NF:
          arithmetic<u32>(cpu, u, K_ADD_NF, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_OR_NF:
          arithmetic<u32>(cpu, u, K_OR_NF, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_AND_NF:
          arithmetic<u32>(cpu, u, K_AND_NF, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_SUB_NF:
          arithmetic<u32>(cpu, u, K_SUB_NF, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RI32 + K_XOR_NF:
          arithmetic<u32>(cpu, u, K_XOR_NF, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case A_RM32 + K_ADD: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_ADD, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM32 + K_OR: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_OR, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM32 + K_ADC: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_ADC, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM32 + K_SBB: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_SBB, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM32 + K_AND: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_AND, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM32 + K_SUB: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_SUB, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM32 + K_XOR: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_XOR, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM32 + K_CMP: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_CMP, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM32 + K_TEST: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          arithmetic<u32>(cpu, u, K_TEST, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RR64 + K_ADD:
          arithmetic<u64>(cpu, u, K_ADD, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_OR:
          arithmetic<u64>(cpu, u, K_OR, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_ADC:
          arithmetic<u64>(cpu, u, K_ADC, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_SBB:
          arithmetic<u64>(cpu, u, K_SBB, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_AND:
          arithmetic<u64>(cpu, u, K_AND, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_SUB:
          arithmetic<u64>(cpu, u, K_SUB, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_XOR:
          arithmetic<u64>(cpu, u, K_XOR, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_CMP:
          arithmetic<u64>(cpu, u, K_CMP, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_TEST:
          arithmetic<u64>(cpu, u, K_TEST, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_ADD_NF:
          arithmetic<u64>(cpu, u, K_ADD_NF, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_OR_NF:
          arithmetic<u64>(cpu, u, K_OR_NF, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_AND_NF:
          arithmetic<u64>(cpu, u, K_AND_NF, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_SUB_NF:
          arithmetic<u64>(cpu, u, K_SUB_NF, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RR64 + K_XOR_NF:
          arithmetic<u64>(cpu, u, K_XOR_NF, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_ADD:
          arithmetic<u64>(cpu, u, K_ADD, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_OR:
          arithmetic<u64>(cpu, u, K_OR, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_ADC:
          arithmetic<u64>(cpu, u, K_ADC, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_SBB:
          arithmetic<u64>(cpu, u, K_SBB, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_AND:
          arithmetic<u64>(cpu, u, K_AND, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_SUB:
          arithmetic<u64>(cpu, u, K_SUB, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_XOR:
          arithmetic<u64>(cpu, u, K_XOR, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_CMP:
          arithmetic<u64>(cpu, u, K_CMP, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_TEST:
          arithmetic<u64>(cpu, u, K_TEST, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_ADD_NF:
          arithmetic<u64>(cpu, u, K_ADD_NF, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_OR_NF:
          arithmetic<u64>(cpu, u, K_OR_NF, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_AND_NF:
          arithmetic<u64>(cpu, u, K_AND_NF, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_SUB_NF:
          arithmetic<u64>(cpu, u, K_SUB_NF, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RI64 + K_XOR_NF:
          arithmetic<u64>(cpu, u, K_XOR_NF, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case A_RM64 + K_ADD: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_ADD, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM64 + K_OR: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_OR, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM64 + K_ADC: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_ADC, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM64 + K_SBB: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_SBB, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM64 + K_AND: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_AND, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM64 + K_SUB: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_SUB, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM64 + K_XOR: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_XOR, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM64 + K_CMP: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_CMP, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case A_RM64 + K_TEST: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          arithmetic<u64>(cpu, u, K_TEST, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case CMPJ_RR32 + 2: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = a < b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 3: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = a >= b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 4: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = a == b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 5: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = a != b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 6: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = a <= b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 7: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = a > b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 12: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = <i32>a < <i32>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 13: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = <i32>a >= <i32>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 14: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = <i32>a <= <i32>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR32 + 15: {
          const a = destination<u32>(cpu, u);
          const b = source<u32>(cpu, u);
          flagsSub<u32>(cpu, b, a - b);
          way = <i32>a > <i32>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 2: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = a < b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 3: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = a >= b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 4: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = a == b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 5: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = a != b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 6: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = a <= b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 7: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = a > b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 12: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = <i64>a < <i64>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 13: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = <i64>a >= <i64>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 14: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = <i64>a <= <i64>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RR64 + 15: {
          const a = destination<u64>(cpu, u);
          const b = source<u64>(cpu, u);
          flagsSub<u64>(cpu, b, a - b);
          way = <i64>a > <i64>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 2: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = a < b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 3: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = a >= b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 4: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = a == b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 5: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = a != b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 6: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = a <= b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 7: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = a > b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 12: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = <i32>a < <i32>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 13: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = <i32>a >= <i32>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 14: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = <i32>a <= <i32>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI32 + 15: {
          const a = destination<u32>(cpu, u);
          const b = immediateOf<u32>(u);
          flagsSub<u32>(cpu, b, a - b);
          way = <i32>a > <i32>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 2: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = a < b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 3: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = a >= b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 4: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = a == b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 5: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = a != b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 6: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = a <= b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 7: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = a > b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 12: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = <i64>a < <i64>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 13: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = <i64>a >= <i64>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 14: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = <i64>a <= <i64>b ? TAKEN : FOLLOWING;
          break;
        }
        case CMPJ_RI64 + 15: {
          const a = destination<u64>(cpu, u);
          const b = immediateOf<u64>(u);
          flagsSub<u64>(cpu, b, a - b);
          way = <i64>a > <i64>b ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR32 + 4: {
          const r = <i32>(destination<u32>(cpu, u) & source<u32>(cpu, u));
          flagsLogic<u32>(cpu, r);
          way = r == 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR32 + 5: {
          const r = <i32>(destination<u32>(cpu, u) & source<u32>(cpu, u));
          flagsLogic<u32>(cpu, r);
          way = r != 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR32 + 8: {
          const r = <i32>(destination<u32>(cpu, u) & source<u32>(cpu, u));
          flagsLogic<u32>(cpu, r);
          way = r < 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR32 + 9: {
          const r = <i32>(destination<u32>(cpu, u) & source<u32>(cpu, u));
          flagsLogic<u32>(cpu, r);
          way = r >= 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR32 + 12: {
          const r = <i32>(destination<u32>(cpu, u) & source<u32>(cpu, u));
          flagsLogic<u32>(cpu, r);
          way = r < 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR32 + 13: {
          const r = <i32>(destination<u32>(cpu, u) & source<u32>(cpu, u));
          flagsLogic<u32>(cpu, r);
          way = r >= 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR32 + 14: {
          const r = <i32>(destination<u32>(cpu, u) & source<u32>(cpu, u));
          flagsLogic<u32>(cpu, r);
          way = r <= 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR32 + 15: {
          const r = <i32>(destination<u32>(cpu, u) & source<u32>(cpu, u));
          flagsLogic<u32>(cpu, r);
          way = r > 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR64 + 4: {
          const r = <i64>(destination<u64>(cpu, u) & source<u64>(cpu, u));
          flagsLogic<u64>(cpu, r);
          way = r == 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR64 + 5: {
          const r = <i64>(destination<u64>(cpu, u) & source<u64>(cpu, u));
          flagsLogic<u64>(cpu, r);
          way = r != 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR64 + 8: {
          const r = <i64>(destination<u64>(cpu, u) & source<u64>(cpu, u));
          flagsLogic<u64>(cpu, r);
          way = r < 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR64 + 9: {
          const r = <i64>(destination<u64>(cpu, u) & source<u64>(cpu, u));
          flagsLogic<u64>(cpu, r);
          way = r >= 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR64 + 12: {
          const r = <i64>(destination<u64>(cpu, u) & source<u64>(cpu, u));
          flagsLogic<u64>(cpu, r);
          way = r < 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR64 + 13: {
          const r = <i64>(destination<u64>(cpu, u) & source<u64>(cpu, u));
          flagsLogic<u64>(cpu, r);
          way = r >= 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR64 + 14: {
          const r = <i64>(destination<u64>(cpu, u) & source<u64>(cpu, u));
          flagsLogic<u64>(cpu, r);
          way = r <= 0 ? TAKEN : FOLLOWING;
          break;
        }
        case TESTJ_RR64 + 15: {
          const r = <i64>(destination<u64>(cpu, u) & source<u64>(cpu, u));
          flagsLogic<u64>(cpu, r);
          way = r > 0 ? TAKEN : FOLLOWING;
          break;
        }
        case J + 0:
          way = condition(cpu, 0) ? TAKEN : FOLLOWING;
          break;
        case J + 1:
          way = condition(cpu, 1) ? TAKEN : FOLLOWING;
          break;
        case J + 2:
          way = condition(cpu, 2) ? TAKEN : FOLLOWING;
          break;
        case J + 3:
          way = condition(cpu, 3) ? TAKEN : FOLLOWING;
          break;
        case J + 4:
          way = condition(cpu, 4) ? TAKEN : FOLLOWING;
          break;
        case J + 5:
          way = condition(cpu, 5) ? TAKEN : FOLLOWING;
          break;
        case J + 6:
          way = condition(cpu, 6) ? TAKEN : FOLLOWING;
          break;
        case J + 7:
          way = condition(cpu, 7) ? TAKEN : FOLLOWING;
          break;
        case J + 8:
          way = condition(cpu, 8) ? TAKEN : FOLLOWING;
          break;
        case J + 9:
          way = condition(cpu, 9) ? TAKEN : FOLLOWING;
          break;
        case J + 10:
          way = condition(cpu, 10) ? TAKEN : FOLLOWING;
          break;
        case J + 11:
          way = condition(cpu, 11) ? TAKEN : FOLLOWING;
          break;
        case J + 12:
          way = condition(cpu, 12) ? TAKEN : FOLLOWING;
          break;
        case J + 13:
          way = condition(cpu, 13) ? TAKEN : FOLLOWING;
          break;
        case J + 14:
          way = condition(cpu, 14) ? TAKEN : FOLLOWING;
          break;
        case J + 15:
          way = condition(cpu, 15) ? TAKEN : FOLLOWING;
          break;
        case ANY_RR + 0:
          arithmeticAny<u8>(cpu, u, source<u8>(cpu, u));
          u += UOP_SIZE;
          continue;
        case ANY_RI + 0:
          arithmeticAny<u8>(cpu, u, immediateOf<u8>(u));
          u += UOP_SIZE;
          continue;
        case ANY_RM + 0: {
          const p = reading(cpu, u, 1);
          if (p == 0) break;
          arithmeticAny<u8>(cpu, u, load<u8>(p));
          u += UOP_SIZE;
          continue;
        }
        case ANY_MR + 0: {
          const p = modifying(cpu, u, 1);
          if (p == 0) break;
          arithmeticAt<u8>(cpu, u, p, source<u8>(cpu, u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case COMPARE_MR + 0: {
          const p = reading(cpu, u, 1);
          if (p == 0) break;
          computeAny<u8>(cpu, load<u8>(u, U_EXTRA), load<u8>(p), source<u8>(cpu, u));
          u += UOP_SIZE;
          continue;
        }
        case ANY_MI + 0: {
          const p = modifying(cpu, u, 1);
          if (p == 0) break;
          arithmeticAt<u8>(cpu, u, p, immediateOf<u8>(u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case COMPARE_MI + 0: {
          const p = reading(cpu, u, 1);
          if (p == 0) break;
          computeAny<u8>(cpu, load<u8>(u, U_EXTRA), load<u8>(p), immediateOf<u8>(u));
          u += UOP_SIZE;
          continue;
        }
        case MOV_RR + 0:
          setDestination<u8>(cpu, u, source<u8>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOV_RI + 0:
          setDestination<u8>(cpu, u, immediateOf<u8>(u));
          u += UOP_SIZE;
          continue;
        case MOV_RM + 0: {
          const p = reading(cpu, u, 1);
          if (p == 0) break;
          setDestination<u8>(cpu, u, load<u8>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOV_MR + 0: {
          const p = writing(cpu, u, 1);
          if (p == 0) break;
          store<u8>(p, source<u8>(cpu, u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case MOV_MI + 0: {
          const p = writing(cpu, u, 1);
          if (p == 0) break;
          store<u8>(p, immediateOf<u8>(u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case ANY_RR + 1:
          arithmeticAny<u16>(cpu, u, source<u16>(cpu, u));
          u += UOP_SIZE;
          continue;
        case ANY_RI + 1:
          arithmeticAny<u16>(cpu, u, immediateOf<u16>(u));
          u += UOP_SIZE;
          continue;
        case ANY_RM + 1: {
          const p = reading(cpu, u, 2);
          if (p == 0) break;
          arithmeticAny<u16>(cpu, u, load<u16>(p));
          u += UOP_SIZE;
          continue;
        }
        case ANY_MR + 1: {
          const p = modifying(cpu, u, 2);
          if (p == 0) break;
          arithmeticAt<u16>(cpu, u, p, source<u16>(cpu, u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case COMPARE_MR + 1: {
          const p = reading(cpu, u, 2);
          if (p == 0) break;
          computeAny<u16>(cpu, load<u8>(u, U_EXTRA), load<u16>(p), source<u16>(cpu, u));
          u += UOP_SIZE;
          continue;
        }
        case ANY_MI + 1: {
          const p = modifying(cpu, u, 2);
          if (p == 0) break;
          arithmeticAt<u16>(cpu, u, p, immediateOf<u16>(u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case COMPARE_MI + 1: {
          const p = reading(cpu, u, 2);
          if (p == 0) break;
          computeAny<u16>(cpu, load<u8>(u, U_EXTRA), load<u16>(p), immediateOf<u16>(u));
          u += UOP_SIZE;
          continue;
        }
        case MOV_RR + 1:
          setDestination<u16>(cpu, u, source<u16>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOV_RI + 1:
          setDestination<u16>(cpu, u, immediateOf<u16>(u));
          u += UOP_SIZE;
          continue;
        case MOV_RM + 1: {
          const p = reading(cpu, u, 2);
          if (p == 0) break;
          setDestination<u16>(cpu, u, load<u16>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOV_MR + 1: {
          const p = writing(cpu, u, 2);
          if (p == 0) break;
          store<u16>(p, source<u16>(cpu, u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case MOV_MI + 1: {
          const p = writing(cpu, u, 2);
          if (p == 0) break;
          store<u16>(p, immediateOf<u16>(u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case ANY_MR + 2: {
          const p = modifying(cpu, u, 4);
          if (p == 0) break;
          arithmeticAt<u32>(cpu, u, p, source<u32>(cpu, u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case COMPARE_MR + 2: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          computeAny<u32>(cpu, load<u8>(u, U_EXTRA), load<u32>(p), source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        }
        case ANY_MI + 2: {
          const p = modifying(cpu, u, 4);
          if (p == 0) break;
          arithmeticAt<u32>(cpu, u, p, immediateOf<u32>(u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case COMPARE_MI + 2: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          computeAny<u32>(cpu, load<u8>(u, U_EXTRA), load<u32>(p), immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        }
        case MOV_RR + 2:
          setDestination<u32>(cpu, u, source<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOV_RI + 2:
          setDestination<u32>(cpu, u, immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case MOV_RM + 2: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          setDestination<u32>(cpu, u, load<u32>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOV_MR + 2: {
          const p = writing(cpu, u, 4);
          if (p == 0) break;
          store<u32>(p, source<u32>(cpu, u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case MOV_MI + 2: {
          const p = writing(cpu, u, 4);
          if (p == 0) break;
          store<u32>(p, immediateOf<u32>(u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case ANY_MR + 3: {
          const p = modifying(cpu, u, 8);
          if (p == 0) break;
          arithmeticAt<u64>(cpu, u, p, source<u64>(cpu, u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case COMPARE_MR + 3: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          computeAny<u64>(cpu, load<u8>(u, U_EXTRA), load<u64>(p), source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        }
        case ANY_MI + 3: {
          const p = modifying(cpu, u, 8);
          if (p == 0) break;
          arithmeticAt<u64>(cpu, u, p, immediateOf<u64>(u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case COMPARE_MI + 3: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          computeAny<u64>(cpu, load<u8>(u, U_EXTRA), load<u64>(p), immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        }
        case MOV_RR + 3:
          setDestination<u64>(cpu, u, source<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOV_RI + 3:
          setDestination<u64>(cpu, u, immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case MOV_RM + 3: {
          const p = reading(cpu, u, 8);
          if (p == 0) break;
          setDestination<u64>(cpu, u, load<u64>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOV_MR + 3: {
          const p = writing(cpu, u, 8);
          if (p == 0) break;
          store<u64>(p, source<u64>(cpu, u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case MOV_MI + 3: {
          const p = writing(cpu, u, 8);
          if (p == 0) break;
          store<u64>(p, immediateOf<u64>(u));
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case MOVZX_RR8:
          setDestination<u64>(cpu, u, source<u8>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOVZX_RM8: {
          const p = reading(cpu, u, 1);
          if (p == 0) break;
          setDestination<u64>(cpu, u, load<u8>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOVZX_RR16:
          setDestination<u64>(cpu, u, source<u16>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOVZX_RM16: {
          const p = reading(cpu, u, 2);
          if (p == 0) break;
          setDestination<u64>(cpu, u, load<u16>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOVSX_RR8_32:
          setDestination<u32>(cpu, u, source<i8>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOVSX_RM8_32: {
          const p = reading(cpu, u, 1);
          if (p == 0) break;
          setDestination<u32>(cpu, u, load<i8>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOVSX_RR16_32:
          setDestination<u32>(cpu, u, source<i16>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOVSX_RM16_32: {
          const p = reading(cpu, u, 2);
          if (p == 0) break;
          setDestination<u32>(cpu, u, load<i16>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOVSX_RR8_64:
          setDestination<u64>(cpu, u, source<i8>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOVSX_RM8_64: {
          const p = reading(cpu, u, 1);
          if (p == 0) break;
          setDestination<u64>(cpu, u, load<i8>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOVSX_RR16_64:
          setDestination<u64>(cpu, u, source<i16>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOVSX_RM16_64: {
          const p = reading(cpu, u, 2);
          if (p == 0) break;
          setDestination<u64>(cpu, u, load<i16>(p));
          u += UOP_SIZE;
          continue;
        }
        case MOVSX_RR32_64:
          setDestination<u64>(cpu, u, source<i32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case MOVSX_RM32_64: {
          const p = reading(cpu, u, 4);
          if (p == 0) break;
          setDestination<u64>(cpu, u, load<i32>(p));
          u += UOP_SIZE;
          continue;
        }
        case LEA32:
          setDestination<u32>(cpu, u, <u32>operandOffset(cpu, u));
          u += UOP_SIZE;
          continue;
        case LEA64:
          setDestination<u64>(cpu, u, operandOffset(cpu, u));
          u += UOP_SIZE;
          continue;
        case INC_R + 0: {
          const result = <u32>(destination<u32>(cpu, u) + 1);
          flagsInc<u32>(cpu, result);
          setDestination<u32>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case DEC_R + 0: {
          const result = <u32>(destination<u32>(cpu, u) - 1);
          flagsDec<u32>(cpu, result);
          setDestination<u32>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case DECJNZ_R + 0: {
          const result = <u32>(destination<u32>(cpu, u) - 1);
          flagsDec<u32>(cpu, result);
          setDestination<u32>(cpu, u, result);
          way = result != 0 ? TAKEN : FOLLOWING;
          break;
        }
        case INC_R_NF + 0:
          setDestination<u32>(cpu, u, destination<u32>(cpu, u) + 1);
          u += UOP_SIZE;
          continue;
        case DEC_R_NF + 0:
          setDestination<u32>(cpu, u, destination<u32>(cpu, u) - 1);
          u += UOP_SIZE;
          continue;
        case SHL_RI + 0: {
          const a = destination<u32>(cpu, u);
          const count = immediateOf<u32>(u);
          const result = <u32>(a << count);
          const out = (a >> (32 - count)) & 1;
          flagsExplicit<u32>(cpu, result, <u64>out | (<u64>(out ^ (result >> 31)) << 11));
          setDestination<u32>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case SHR_RI + 0: {
          const a = destination<u32>(cpu, u);
          const count = immediateOf<u32>(u);
          const result = <u32>(a >> count);
          flagsExplicit<u32>(cpu, result, <u64>((a >> (count - 1)) & 1) | (<u64>((result ^ (result << 1)) >> 31) << 11));
          setDestination<u32>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case SAR_RI + 0: {
          const a = destination<i32>(cpu, u);
          const count = immediateOf<i32>(u);
          const result = <u32>(a >> count);
          flagsExplicit<u32>(cpu, result, <u64>((a >> (count - 1)) & 1));
          setDestination<u32>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case SHL_RI_NF + 0:
          setDestination<u32>(cpu, u, destination<u32>(cpu, u) << immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case SHR_RI_NF + 0:
          setDestination<u32>(cpu, u, destination<u32>(cpu, u) >> immediateOf<u32>(u));
          u += UOP_SIZE;
          continue;
        case SAR_RI_NF + 0:
          setDestination<u32>(cpu, u, <u32>(destination<i32>(cpu, u) >> immediateOf<i32>(u)));
          u += UOP_SIZE;
          continue;
        case ROL_RI_NF + 0:
          setDestination<u32>(cpu, u, rotl<u32>(destination<u32>(cpu, u), immediateOf<u32>(u)));
          u += UOP_SIZE;
          continue;
        case ROR_RI_NF + 0:
          setDestination<u32>(cpu, u, rotr<u32>(destination<u32>(cpu, u), immediateOf<u32>(u)));
          u += UOP_SIZE;
          continue;
        case NOT_R + 0:
          setDestination<u32>(cpu, u, ~destination<u32>(cpu, u));
          u += UOP_SIZE;
          continue;
        case IMUL_RR: {
          const product = <i64>destination<i32>(cpu, u) * <i64>source<i32>(cpu, u);
          const truncated = product != <i64>(<i32>product);
          flagsExplicit<u32>(cpu, <u32>product, truncated ? CF | OF : 0);
          setDestination<u32>(cpu, u, <u32>product);
          u += UOP_SIZE;
          continue;
        }
        case PUSH_R + 0: {
          const sp = <u64>(load<u32>(cpu, RSP) - 4);
          const p = writePointer(cpu, sp, 4);
          if (p == 0) break;
          store<u32>(p, source<u32>(cpu, u));
          store<u64>(cpu, sp, RSP);
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case PUSH_I + 0: {
          const sp = <u64>(load<u32>(cpu, RSP) - 4);
          const p = writePointer(cpu, sp, 4);
          if (p == 0) break;
          store<u32>(p, immediateOf<u32>(u));
          store<u64>(cpu, sp, RSP);
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case POP_R + 0: {
          const sp = <u64>load<u32>(cpu, RSP);
          const p = readPointer(cpu, sp, 4);
          if (p == 0) break;
          const value = load<u32>(p);
          store<u64>(cpu, <u64><u32>(sp + 4), RSP);
          setDestination<u32>(cpu, u, value);
          u += UOP_SIZE;
          continue;
        }
        case CALL_NEAR + 0: {
          const sp = <u64>(load<u32>(cpu, RSP) - 4);
          const p = writePointer(cpu, sp, 4);
          if (p == 0) break;
          store<u32>(p, <u32>(rip + load<u16>(u, U_NEXT)));
          store<u64>(cpu, sp, RSP);
          way = TAKEN;
          if (!isScratch(cpu, p)) break;
          target = (rip + <u64>load<i32>(u, U_IMMEDIATE2)) & load<u64>(block, B_MASK);
          commitWrite(cpu);
          way = AWAY;
          break;
        }
        case CALL_R + 0: {
          const sp = <u64>(load<u32>(cpu, RSP) - 4);
          const p = writePointer(cpu, sp, 4);
          if (p == 0) break;
          target = <u64>source<u32>(cpu, u);
          store<u32>(p, <u32>(rip + load<u16>(u, U_NEXT)));
          store<u64>(cpu, sp, RSP);
          way = INDIRECT;
          if (!isScratch(cpu, p)) break;
          commitWrite(cpu);
          way = AWAY;
          break;
        }
        case RET_NEAR + 0: {
          const sp = <u64>load<u32>(cpu, RSP);
          const p = readPointer(cpu, sp, 4);
          if (p == 0) break;
          target = <u64>load<u32>(p);
          store<u64>(cpu, <u64><u32>(sp + 4 + load<u16>(u, U_IMMEDIATE)), RSP);
          way = INDIRECT;
          break;
        }
        case JMP_R + 0:
          target = <u64>source<u32>(cpu, u);
          way = INDIRECT;
          break;
        case INC_R + 1: {
          const result = <u64>(destination<u64>(cpu, u) + 1);
          flagsInc<u64>(cpu, result);
          setDestination<u64>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case DEC_R + 1: {
          const result = <u64>(destination<u64>(cpu, u) - 1);
          flagsDec<u64>(cpu, result);
          setDestination<u64>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case DECJNZ_R + 1: {
          const result = <u64>(destination<u64>(cpu, u) - 1);
          flagsDec<u64>(cpu, result);
          setDestination<u64>(cpu, u, result);
          way = result != 0 ? TAKEN : FOLLOWING;
          break;
        }
        case INC_R_NF + 1:
          setDestination<u64>(cpu, u, destination<u64>(cpu, u) + 1);
          u += UOP_SIZE;
          continue;
        case DEC_R_NF + 1:
          setDestination<u64>(cpu, u, destination<u64>(cpu, u) - 1);
          u += UOP_SIZE;
          continue;
        case SHL_RI + 1: {
          const a = destination<u64>(cpu, u);
          const count = immediateOf<u64>(u);
          const result = <u64>(a << count);
          const out = (a >> (64 - count)) & 1;
          flagsExplicit<u64>(cpu, result, <u64>out | (<u64>(out ^ (result >> 63)) << 11));
          setDestination<u64>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case SHR_RI + 1: {
          const a = destination<u64>(cpu, u);
          const count = immediateOf<u64>(u);
          const result = <u64>(a >> count);
          flagsExplicit<u64>(cpu, result, <u64>((a >> (count - 1)) & 1) | (<u64>((result ^ (result << 1)) >> 63) << 11));
          setDestination<u64>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case SAR_RI + 1: {
          const a = destination<i64>(cpu, u);
          const count = immediateOf<i64>(u);
          const result = <u64>(a >> count);
          flagsExplicit<u64>(cpu, result, <u64>((a >> (count - 1)) & 1));
          setDestination<u64>(cpu, u, result);
          u += UOP_SIZE;
          continue;
        }
        case SHL_RI_NF + 1:
          setDestination<u64>(cpu, u, destination<u64>(cpu, u) << immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case SHR_RI_NF + 1:
          setDestination<u64>(cpu, u, destination<u64>(cpu, u) >> immediateOf<u64>(u));
          u += UOP_SIZE;
          continue;
        case SAR_RI_NF + 1:
          setDestination<u64>(cpu, u, <u64>(destination<i64>(cpu, u) >> immediateOf<i64>(u)));
          u += UOP_SIZE;
          continue;
        case ROL_RI_NF + 1:
          setDestination<u64>(cpu, u, rotl<u64>(destination<u64>(cpu, u), immediateOf<u64>(u)));
          u += UOP_SIZE;
          continue;
        case ROR_RI_NF + 1:
          setDestination<u64>(cpu, u, rotr<u64>(destination<u64>(cpu, u), immediateOf<u64>(u)));
          u += UOP_SIZE;
          continue;
        case NOT_R + 1:
          setDestination<u64>(cpu, u, ~destination<u64>(cpu, u));
          u += UOP_SIZE;
          continue;
        case IMUL_RR + 1:
          setDestination<u64>(cpu, u, multiplySigned(cpu, destination<u64>(cpu, u), source<u64>(cpu, u), 8));
          u += UOP_SIZE;
          continue;
        case PUSH_R + 1: {
          const sp = <u64>(load<u64>(cpu, RSP) - 8);
          const p = writePointer(cpu, sp, 8);
          if (p == 0) break;
          store<u64>(p, source<u64>(cpu, u));
          store<u64>(cpu, sp, RSP);
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case PUSH_I + 1: {
          const sp = <u64>(load<u64>(cpu, RSP) - 8);
          const p = writePointer(cpu, sp, 8);
          if (p == 0) break;
          store<u64>(p, immediateOf<u64>(u));
          store<u64>(cpu, sp, RSP);
          u += UOP_SIZE;
          if (!isScratch(cpu, p)) continue;
          way = COMMIT;
          break;
        }
        case POP_R + 1: {
          const sp = <u64>load<u64>(cpu, RSP);
          const p = readPointer(cpu, sp, 8);
          if (p == 0) break;
          const value = load<u64>(p);
          store<u64>(cpu, <u64><u64>(sp + 8), RSP);
          setDestination<u64>(cpu, u, value);
          u += UOP_SIZE;
          continue;
        }
        case CALL_NEAR + 1: {
          const sp = <u64>(load<u64>(cpu, RSP) - 8);
          const p = writePointer(cpu, sp, 8);
          if (p == 0) break;
          store<u64>(p, <u64>(rip + load<u16>(u, U_NEXT)));
          store<u64>(cpu, sp, RSP);
          way = TAKEN;
          if (!isScratch(cpu, p)) break;
          target = (rip + <u64>load<i32>(u, U_IMMEDIATE2)) & load<u64>(block, B_MASK);
          commitWrite(cpu);
          way = AWAY;
          break;
        }
        case CALL_R + 1: {
          const sp = <u64>(load<u64>(cpu, RSP) - 8);
          const p = writePointer(cpu, sp, 8);
          if (p == 0) break;
          target = <u64>source<u64>(cpu, u);
          store<u64>(p, <u64>(rip + load<u16>(u, U_NEXT)));
          store<u64>(cpu, sp, RSP);
          way = INDIRECT;
          if (!isScratch(cpu, p)) break;
          commitWrite(cpu);
          way = AWAY;
          break;
        }
        case RET_NEAR + 1: {
          const sp = <u64>load<u64>(cpu, RSP);
          const p = readPointer(cpu, sp, 8);
          if (p == 0) break;
          target = <u64>load<u64>(p);
          store<u64>(cpu, <u64><u64>(sp + 8 + load<u16>(u, U_IMMEDIATE)), RSP);
          way = INDIRECT;
          break;
        }
        case JMP_R + 1:
          target = <u64>source<u64>(cpu, u);
          way = INDIRECT;
          break;
        case JMP_NEAR:
          way = TAKEN;
          break;
        case NEXT:
          way = FOLLOWING;
          break;
        case NOTHING:
          u += UOP_SIZE;
          continue;
        default: {
          const next = rip + load<u16>(u, U_NEXT);
          store<u64>(cpu, next & load<u64>(block, B_MASK), NEXT_RIP);
          store<u64>(cpu, next - load<u8>(u, U_LENGTH), RIP);
          const ends = (load<u8>(u, U_FLAGS) & F_END) != 0;
          if (op >= FIRST_SYSTEM && op < OPS.A_RR32) {
            store<u64>(cpu, total - <u64>left, INSTRUCTIONS);
            if (system(cpu, u, op) == FAULTED) break;
            target = load<u64>(cpu, NEXT_RIP);
            way = AWAY;
            break;
          }
          const status = general(cpu, u, op);
          if (status == FAULTED) break;
          if (status == AGAIN) {
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
      if (load<u8>(cpu, CODE_CHANGED) == 0) continue;
      const done = load<u8>(u - UOP_SIZE, U_NUMBER) + 1;
      left += load<u16>(block, B_COUNT) - done;
      target = rip + load<u16>(u - UOP_SIZE, U_NEXT);
      break;
    }
    if (way == FAULT) {
      left += load<u16>(block, B_COUNT) - load<u8>(u, U_NUMBER);
      store<u64>(cpu, rip + load<u16>(u, U_NEXT) - load<u8>(u, U_LENGTH), RIP);
      store<u64>(cpu, total - <u64>left, INSTRUCTIONS);
      if (usesStack(u)) raiseAsStackFault(cpu);
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
      if (load<u32>(block, B_FOLLOWING_GENERATION) == load<u32>(cpu, LINK_GENERATION)) next = load<u32>(block, B_FOLLOWING);
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

/** Whether a general-protection fault of this operation's access is a stack fault. */
function usesStack(u: usize): bool {
  const op: i32 = load<u16>(u, U_OP);
  if (op >= OPS.PUSH_R && op < OPS.RET_NEAR + 2) return true;
  if (op >= FIRST_SYSTEM && op < OPS.A_RR32) return false;
  return (load<u8>(u, U_FLAGS) & F_MEMORY) != 0 && load<u8>(u, U_ADDRESS) >> 4 == SS;
}

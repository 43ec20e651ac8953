/** What happens between instructions: events, single steps, exits to the host. */
import { answerRequest, comeIn, goOut, hasOthersBeside } from './beside';
import { GP, RFLAGS_IF, RFLAGS_RF, RFLAGS_TF } from './bits';
import { cachedBlock, findBlock, findShortBlock } from './blocks';
import { noticeCodeChanges } from './code-map';
import { afterInstruction, beforeInstruction } from './debug';
import { exitWatchpoint, hasBreakpoints, noteRepetition, passBreakpoint } from './debug-points';
import { beginTime, elapsed } from './events';
import { deliverException, deliverInterrupt, deliverNmi, raise } from './exceptions';
import {
  COMPLETE_IN,
  COMPLETE_MMIO_READ,
  COMPLETE_MSR,
  COMPLETE_NOTHING,
  RUN_APIC_BASE,
  RUN_CR8,
  RUN_FLAGS,
  RUN_IF_FLAG,
  RUN_IMMEDIATE_EXIT,
  RUN_READY_FOR_INTERRUPT,
  RUN_REQUEST_INTERRUPT_WINDOW,
  exitInterruptWindow,
} from './exits';
import { halts } from './halt';
import { sendIpi } from './ipi';
import { FLAT } from './modes';
import { STOPPED_IN_INSTRUCTION, execute } from './interpret';
import { MMIO_READS, MMIO_WRITES, forgetMmioReads, mmioReadCompleted, nextMmioWrite } from './mmio';
import { waitEnded } from './monitor';
import { msrCompleted } from './msr';
import { INPUT_READY } from './ports';
import { enterSmm } from './smm';
import {
  CODE_CHANGED,
  COMPLETION,
  CR8,
  DEBUG_ACTIVE,
  EXCEPTION,
  EXIT_PENDING,
  EXIT_REQUEST,
  GAVE_WAY,
  HALTED,
  IN_SMM,
  INSTRUCTIONS,
  INTERRUPT_PENDING,
  IPI_TARGETS,
  KVM_RUN,
  MODE,
  MSR_APIC_BASE,
  NMI_BLOCKED,
  NMI_PENDING,
  RFLAGS,
  RIP,
  SHADOW,
  SMI_PENDING,
  WATCH_ALONE,
  WATCH_MET,
  WATCH_RERUN,
} from './state';
import { noticeA20 } from './tlb';

/** What `run` returns: an exit is in kvm_run; the instructions are used up; the exit request is set; see halt.ts and spin.ts. */
export const EXIT: i32 = 0;
const BUDGET_USED: i32 = 1;
const REQUESTED: i32 = 2;
export const RESTS: i32 = 3;
export const SPINS: i32 = 4;

/** Budgets up to here are kept to the instruction. */
const EXACT_BUDGET: u32 = 64;

/** Runs the vcpu for `maxInstructions` less what its accesses take, less than 2^31 (see runBlocks). What was pending of the last exit is completed first. */
export function run(cpu: usize, maxInstructions: u32): i32 {
  const kvmRun: usize = load<u32>(cpu, KVM_RUN);
  store<u8>(cpu, 0, EXIT_PENDING);
  beginTime(cpu);
  store<u64>(cpu, load<u64>(kvmRun, RUN_CR8), CR8);
  const beside = hasOthersBeside(cpu);
  if (beside) comeIn(cpu);
  else noticeCodeChanges(cpu);
  noticeA20(cpu);
  waitEnded(cpu);
  let result = enter(cpu, maxInstructions, load<u8>(kvmRun, RUN_IMMEDIATE_EXIT) != 0);
  if (beside) goOut(cpu);
  if (result == EXIT && load<u8>(cpu, HALTED) != 0 && halts(cpu)) result = RESTS;
  const interrupts = (load<u64>(cpu, RFLAGS) & RFLAGS_IF) != 0;
  const ready = interrupts && load<u8>(cpu, SHADOW) == 0 && load<i32>(cpu, INTERRUPT_PENDING) < 0;
  store<u8>(kvmRun, interrupts ? 1 : 0, RUN_IF_FLAG);
  store<u8>(kvmRun, ready ? 1 : 0, RUN_READY_FOR_INTERRUPT);
  store<u16>(kvmRun, load<u8>(cpu, IN_SMM), RUN_FLAGS);
  store<u64>(kvmRun, load<u64>(cpu, CR8), RUN_CR8);
  store<u64>(kvmRun, load<u64>(cpu, MSR_APIC_BASE), RUN_APIC_BASE);
  return result;
}

function enter(cpu: usize, maxInstructions: u32, immediate: bool): i32 {
  if (load<u8>(cpu, MMIO_WRITES) != 0) {
    nextMmioWrite(cpu);
    return EXIT;
  }
  const completion = load<u8>(cpu, COMPLETION);
  store<u8>(cpu, COMPLETE_NOTHING, COMPLETION);
  if (completion != COMPLETE_NOTHING) {
    if (completion == COMPLETE_MMIO_READ) mmioReadCompleted(cpu);
    else if (completion == COMPLETE_IN) store<u8>(cpu, 1, INPUT_READY);
    else if (completion == COMPLETE_MSR) msrCompleted(cpu);
    // The instruction runs again, by itself, before anything else can happen.
    passBreakpoint(cpu, true);
    step(cpu);
    passBreakpoint(cpu, false);
    if (load<u64>(cpu, IPI_TARGETS) != 0) sendIpi(cpu);
    if (load<u8>(cpu, EXIT_PENDING) != 0) return EXIT;
  }
  if (immediate) return REQUESTED;
  const exitRequest: usize = load<u32>(cpu, EXIT_REQUEST);
  while (load<u8>(cpu, EXIT_PENDING) == 0) {
    if (load<u8>(cpu, WATCH_MET) != 0) {
      exitWatchpoint(cpu);
      break;
    }
    deliverEvents(cpu);
    store<u8>(cpu, 0, HALTED);
    if (load<u8>(cpu, EXIT_PENDING) != 0) break;
    if (atomic.load<u32>(exitRequest) != 0 && (!hasOthersBeside(cpu) || answerRequest(cpu, exitRequest))) return REQUESTED;
    const done = elapsed(cpu);
    if (done >= maxInstructions) return BUDGET_USED;
    const rflags = load<u64>(cpu, RFLAGS);
    if (hasBreakpoints(cpu)) noteRepetition(cpu);
    // RF lasts until the next instruction is complete, and no breakpoint is there that would ask for it.
    if ((rflags & RFLAGS_RF) != 0 && load<u8>(cpu, DEBUG_ACTIVE) == 0) store<u64>(cpu, rflags & ~RFLAGS_RF, RFLAGS);
    const alone = load<u8>(cpu, SHADOW) | load<u8>(cpu, DEBUG_ACTIVE) | load<u8>(cpu, WATCH_RERUN);
    if ((rflags & RFLAGS_TF) != 0 || alone != 0) step(cpu);
    else runBlocks(cpu, maxInstructions - <u32>done, maxInstructions <= EXACT_BUDGET);
    if (load<u64>(cpu, IPI_TARGETS) != 0) sendIpi(cpu);
    if (load<u8>(cpu, GAVE_WAY) != 0) {
      store<u8>(cpu, 0, GAVE_WAY);
      return SPINS;
    }
  }
  return EXIT;
}

/** Delivers what waits and may come now. */
function deliverEvents(cpu: usize): void {
  if (load<i32>(cpu, EXCEPTION) >= 0) {
    deliver(cpu); // of a task before its first instruction
    return;
  }
  if (load<u8>(cpu, SHADOW) != 0) return;
  if (load<u8>(cpu, SMI_PENDING) != 0 && load<u8>(cpu, IN_SMM) == 0) {
    enterSmm(cpu);
    return;
  }
  if (load<u8>(cpu, NMI_PENDING) != 0 && load<u8>(cpu, NMI_BLOCKED) == 0) {
    store<u8>(cpu, 0, NMI_PENDING);
    deliverNmi(cpu);
    return;
  }
  if ((load<u64>(cpu, RFLAGS) & RFLAGS_IF) == 0) return;
  const vector = load<i32>(cpu, INTERRUPT_PENDING);
  if (vector >= 0) {
    store<i32>(cpu, -1, INTERRUPT_PENDING);
    deliverInterrupt(cpu, vector);
    return;
  }
  if (load<u8>(load<u32>(cpu, KVM_RUN), RUN_REQUEST_INTERRUPT_WINDOW) != 0) exitInterruptWindow(cpu);
}

/**
 * `exact`: no instruction more than the budget. Otherwise a run ends with the block that uses it up: blocks are the same
 * wherever one starts with the same state, so that a run is the same, too.
 */
function runBlocks(cpu: usize, budget: u32, exact: bool): void {
  store<u8>(cpu, 0, CODE_CHANGED);
  const rip = load<u64>(cpu, RIP);
  let block: usize = 0;
  if (exact) block = findShortBlock(cpu, rip, budget);
  else {
    if ((load<u32>(cpu, MODE) & FLAT) != 0) block = cachedBlock(cpu, rip);
    if (block == 0) block = findBlock(cpu, rip);
  }
  if (block == 0 || execute(cpu, block, <i32>budget, !exact) == STOPPED_IN_INSTRUCTION) stopped(cpu);
}

/** One instruction, with what single-stepping, breakpoints and interrupt shadows ask for. */
function step(cpu: usize): void {
  const again = load<u8>(cpu, WATCH_RERUN) != 0;
  // What runs again has been past its breakpoint.
  if (again) passBreakpoint(cpu, true);
  store<u8>(cpu, 0, WATCH_RERUN);
  store<u8>(cpu, 1, WATCH_ALONE);
  stepAlone(cpu);
  store<u8>(cpu, 0, WATCH_ALONE);
  if (again) passBreakpoint(cpu, false);
}

function stepAlone(cpu: usize): void {
  store<u8>(cpu, 0, CODE_CHANGED);
  const resumed = load<u64>(cpu, RFLAGS) & RFLAGS_RF;
  const watched = (load<u64>(cpu, RFLAGS) & RFLAGS_TF) != 0 || load<u8>(cpu, DEBUG_ACTIVE) != 0;
  if (watched && beforeInstruction(cpu)) {
    deliver(cpu);
    return;
  }
  const shadow = load<u8>(cpu, SHADOW);
  store<u8>(cpu, 0, SHADOW);
  const block = findShortBlock(cpu, load<u64>(cpu, RIP), 1);
  if (block == 0 || execute(cpu, block, 1, false) == STOPPED_IN_INSTRUCTION) {
    store<u8>(cpu, 0, WATCH_MET);
    // It runs again, still in the shadow and past its breakpoint, once the host has answered.
    if (load<i32>(cpu, EXCEPTION) < 0) {
      store<u8>(cpu, shadow, SHADOW);
      store<u64>(cpu, load<u64>(cpu, RFLAGS) | resumed, RFLAGS);
    }
    stopped(cpu);
    return;
  }
  forgetReads(cpu);
  if (!watched || load<i32>(cpu, EXCEPTION) >= 0) return;
  afterInstruction(cpu);
  if (load<i32>(cpu, EXCEPTION) >= 0) deliver(cpu);
}

/** An exception is delivered; an exit waits for the host. */
function stopped(cpu: usize): void {
  if (load<i32>(cpu, EXCEPTION) < 0) {
    if ((load<u8>(cpu, EXIT_PENDING) | load<u8>(cpu, WATCH_RERUN)) != 0) return;
    // Only the operand at NO_ADDRESS, which is not canonical, stops an instruction without an exception.
    raise(cpu, GP, 0);
  }
  forgetReads(cpu);
  deliver(cpu);
}

/** A delivery counts as an instruction, so that a guest that does nothing but fault uses up its time, too. */
function deliver(cpu: usize): void {
  store<u64>(cpu, load<u64>(cpu, INSTRUCTIONS) + 1, INSTRUCTIONS);
  store<u8>(cpu, 0, INPUT_READY);
  deliverException(cpu);
}

function forgetReads(cpu: usize): void {
  if (load<u8>(cpu, MMIO_READS) != 0) forgetMmioReads(cpu);
}

/** Queues an external interrupt, which is taken before the next instruction that may be interrupted. */
export function interrupt(cpu: usize, vector: i32): void {
  store<i32>(cpu, vector, INTERRUPT_PENDING);
}

export function nmi(cpu: usize): void {
  store<u8>(cpu, 1, NMI_PENDING);
}

/** Further ones are lost until it is taken. */
export function smi(cpu: usize): void {
  store<u8>(cpu, 1, SMI_PENDING);
}

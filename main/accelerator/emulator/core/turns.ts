/**
 * Rounds of turns in which no CPU needs the host: the core gives them as the host's TurnLoop and ExactLoop do, to the instruction.
 * Where something is due, somebody wants attention or a CPU has an exit, the host goes on from the round's state, which lies
 * in memory for both (base/turns.ts).
 */
import * as reg from '../../../base/lapic-registers';
import {
  EXIT_IN_TURN,
  NEXT_STEP,
  RAN,
  REST_OF_TURN,
  ROUND_BUDGET,
  ROUND_FIRST,
  ROUND_LEFT,
  ROUND_NS,
  ROUND_RAN,
  ROUND_RUNNERS,
  ROUND_SHARED,
  ROUND_SHOW_AT,
  ROUND_TURNS,
  ROUND_UNTIL,
  TURN_MASK,
  TURN_NS,
} from '../../../base/turns';
import { stateOf } from './beside';
import { elapsed } from './events';
import { RUN_CR8, RUN_IF_FLAG, RUN_READY_FOR_INTERRUPT, RUN_REQUEST_INTERRUPT_WINDOW } from './exits';
import { wakeUp } from './halt';
import { acknowledge, highest, pending, setWord, updatePriority, word } from './lapic-vectors';
import { lineWritten } from './monitor';
import { EXIT, RESTS, SPINS, interrupt, run } from './run';
import { EXIT_REQUEST, GIVES_WAY, IN_SMM, KVM_RUN, LAPIC, SMI_PENDING, TOPOLOGY_CPUS, TSC_BASE, WIRES } from './state';
import { setWiredTime, setWiredWord, wiredTime, wiredWord } from './wired';
import {
  WIRES_ATTENTION,
  WIRES_COUNTED_TO,
  WIRES_DEADLINE,
  WIRES_EVENTS_TAKEN,
  WIRES_EVENTS_WRITTEN,
  WIRES_EXTINT,
  WIRES_HALTS,
  WIRES_IDLE_UNTIL,
  WIRES_LOCK_WANTED,
  WIRES_LOOP,
  WIRES_MP_STATE,
  WIRES_NEXT_REPORT,
  WIRES_PAUSE,
  WIRES_POSITION_VALID,
  WIRES_RANDOM,
  WIRES_RESTRAINT,
  WIRES_ROUND,
  WIRES_TIME,
  WIRES_TURN_LIMIT,
} from './wires';

/** A run that shall take fewer instructions has its last block decoded for it alone (vcpu.ts). */
const LEAST_RUN: f64 = 65;
/** MP states (preload/contract/mp-state.ts). */
const RUNNABLE: u32 = 0;
const HALTED: u32 = 3;

/** `first`: CPU 0. Gives what is left to the host (NEXT_STEP and so on); at the end of a round no later than at `limit` ns. */
export function takeTurns(first: usize, limit: f64): i32 {
  const round: usize = load<u32>(first + WIRES, WIRES_ROUND);
  const cpus = <i32>load<u32>(first, TOPOLOGY_CPUS);
  for (;;) {
    if (slot(round, ROUND_TURNS) == 0) beginRound(first, round, cpus);
    const begins = <i32>slot(round, ROUND_FIRST);
    for (let turns = <i32>slot(round, ROUND_TURNS) - 1; turns < cpus; turns++) {
      const n = begins + turns;
      const cpu = stateOf(first, n < cpus ? n : n - cpus);
      if (wiredWord(cpu, WIRES_ATTENTION) != 0) return NEXT_STEP;
      if (waits(cpu)) setSlot(round, ROUND_UNTIL, min(slot(round, ROUND_UNTIL), wiredTime(cpu, WIRES_IDLE_UNTIL)));
      else {
        if (!hasRoom(cpu)) return NEXT_STEP;
        const rest = turn(cpu, round);
        if (rest != NEXT_STEP) return rest;
      }
      setSlot(round, ROUND_TURNS, <f64>(turns + 2));
    }
    if (!goesOn(first, round, limit)) break;
    setWiredTime(first, WIRES_TIME, wiredTime(first, WIRES_TIME) + ROUND_NS);
    setSlot(round, ROUND_TURNS, 0);
  }
  return NEXT_STEP;
}

function beginRound(cpu: usize, round: usize, cpus: i32): void {
  setSlot(round, ROUND_FIRST, <f64>(random(cpu) % <u32>cpus));
  setSlot(round, ROUND_TURNS, 1);
  setSlot(round, ROUND_SHARED, slot(round, ROUND_RUNNERS) > 1 ? 1 : 0);
  setSlot(round, ROUND_RUNNERS, 0);
  setSlot(round, ROUND_UNTIL, Infinity);
}

/** Whether another round follows at once: somebody has run, and nobody wants to look. */
function goesOn(cpu: usize, round: usize, limit: f64): bool {
  const now = wiredTime(cpu, WIRES_TIME) + ROUND_NS;
  return (
    slot(round, ROUND_RUNNERS) != 0 &&
    now < slot(round, ROUND_SHOW_AT) &&
    now < limit &&
    now < wiredTime(cpu, WIRES_NEXT_REPORT) &&
    wiredWord(cpu, WIRES_LOCK_WANTED) == 0 &&
    wiredWord(cpu, WIRES_PAUSE) == 0
  );
}

function waits(cpu: usize): bool {
  if (wiredTime(cpu, WIRES_TIME) >= wiredTime(cpu, WIRES_IDLE_UNTIL)) return false;
  return wiredWord(cpu, WIRES_MP_STATE) != HALTED || !lineWritten(cpu);
}

function hasRoom(cpu: usize): bool {
  const waiting = wiredWord(cpu, WIRES_EVENTS_WRITTEN) - wiredWord(cpu, WIRES_EVENTS_TAKEN);
  return waiting < load<u32>(cpu + WIRES, WIRES_TURN_LIMIT);
}

/** One CPU's turn. NEXT_STEP: all of it. */
function turn(cpu: usize, round: usize): i32 {
  const lapic: usize = load<u32>(cpu, LAPIC);
  let budget = <f64>(TURN_NS + <i32>(random(cpu) & TURN_MASK));
  let ran = false;
  let left: f64 = RAN;
  let rest = NEXT_STEP;
  setWiredTime(cpu, WIRES_IDLE_UNTIL, 0);
  store<u8>(cpu, <u8>slot(round, ROUND_SHARED), GIVES_WAY);
  do {
    const deadline = min(load<f64>(lapic, reg.TIMER_EXPIRY << 2), wiredTime(cpu, WIRES_DEADLINE));
    const now = wiredTime(cpu, WIRES_TIME);
    if (now >= deadline || !mayRun(cpu, lapic)) {
      rest = REST_OF_TURN;
      break;
    }
    carryTsc(cpu, now);
    const result = run(cpu, <u32>max(LEAST_RUN, min(budget, ceil(deadline - now))));
    const used = <f64>elapsed(cpu);
    ran = true;
    budget -= used;
    setWiredTime(cpu, WIRES_TIME, now + used);
    setWiredTime(cpu, WIRES_COUNTED_TO, wiredTime(cpu, WIRES_COUNTED_TO) + used);
    if (result == EXIT) {
      rest = EXIT_IN_TURN;
      break;
    }
    hasLeft(cpu, lapic);
    if (result == SPINS) break;
    if (result == RESTS) {
      setWiredWord(cpu, WIRES_HALTS, wiredWord(cpu, WIRES_HALTS) + 1);
      if (deadline > now + used) left = deadline;
    }
  } while (left == RAN && budget > 0);
  if (rest == NEXT_STEP) {
    if (left != RAN) setWiredTime(cpu, WIRES_IDLE_UNTIL, left);
    setSlot(round, ROUND_RUNNERS, slot(round, ROUND_RUNNERS) + 1);
  } else {
    setSlot(round, ROUND_RAN, ran ? 1 : 0);
    setSlot(round, ROUND_LEFT, left);
    setSlot(round, ROUND_BUDGET, budget);
  }
  return rest;
}

/** Does what comes before a run: the end of a HLT, an interrupt that waits. False: the host does it. */
function mayRun(cpu: usize, lapic: usize): bool {
  const request: usize = load<u32>(cpu, EXIT_REQUEST);
  const asked = load<u32>(request) | wiredWord(cpu, WIRES_ATTENTION) | wiredWord(cpu, WIRES_RESTRAINT);
  // Its host tells others of system management mode.
  if ((asked | load<u8>(cpu, IN_SMM) | load<u8>(cpu, SMI_PENDING)) != 0) return false;
  const state = wiredWord(cpu, WIRES_MP_STATE);
  if (state != RUNNABLE) return state == HALTED && wakeUp(cpu);
  if ((wiredWord(cpu, WIRES_LOOP) | wiredWord(cpu, WIRES_EXTINT) | word(lapic, reg.LATCHED)) != 0) return false;
  const kvmRun: usize = load<u32>(cpu, KVM_RUN);
  let vector = pending(lapic);
  if (vector >= 0 && (load<u8>(kvmRun, RUN_READY_FOR_INTERRUPT) & load<u8>(kvmRun, RUN_IF_FLAG)) != 0) {
    acknowledge(lapic, vector);
    interrupt(cpu, vector);
    vector = pending(lapic);
  }
  store<u8>(kvmRun, vector >= 0 ? 1 : 0, RUN_REQUEST_INTERRUPT_WINDOW);
  store<u64>(kvmRun, word(lapic, reg.TPR) >> 4, RUN_CR8);
  return true;
}

/** What comes after a run that had no exit. */
function hasLeft(cpu: usize, lapic: usize): void {
  setWiredWord(cpu, WIRES_POSITION_VALID, 0);
  setWiredWord(cpu, WIRES_LOOP, 0);
  const cr8 = <i32>load<u64>(load<u32>(cpu, KVM_RUN), RUN_CR8);
  if (word(lapic, reg.TPR) >> 4 == cr8) return;
  setWord(lapic, reg.TPR, cr8 << 4);
  updatePriority(lapic, highest(lapic, reg.ISR));
}

/** What passed since the CPU ran goes into the base of its time-stamp counter, as at the host (vcpu.ts). */
function carryTsc(cpu: usize, now: f64): void {
  const missed = now - wiredTime(cpu, WIRES_COUNTED_TO);
  if (missed <= 0) return;
  setWiredTime(cpu, WIRES_COUNTED_TO, now);
  const low = <u64>(<f64>load<u32>(cpu, TSC_BASE) + missed);
  store<u32>(cpu, <u32>low, TSC_BASE);
  store<u32>(cpu, load<u32>(cpu, TSC_BASE + 4) + <u32>(low >> 32), TSC_BASE + 4);
}

/** xorshift, as at the host (turn-loop.ts). */
function random(cpu: usize): u32 {
  let x = wiredWord(cpu, WIRES_RANDOM);
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  setWiredWord(cpu, WIRES_RANDOM, x);
  return x;
}

function slot(round: usize, n: i32): f64 {
  return load<f64>(round + ((<usize>n) << 3));
}

function setSlot(round: usize, n: i32, value: f64): void {
  store<f64>(round + ((<usize>n) << 3), value);
}

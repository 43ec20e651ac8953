/**
 * Fixed interrupts from one CPU to others, where all CPUs take turns and nobody is asked about interrupts (SDM vol. 3A, "Issuing
 * Interprocessor Interrupts"). The core does with the targets' registers what the host's ApicBus does, and writes the
 * same event; each other write to the ICR leaves to that.
 */
import * as reg from '../../../base/lapic-registers';
import { eventFits, writeEvent } from './events';
import { setWord, word } from './lapic-vectors';
import { IPI_TARGETS, LAPIC, TOPOLOGY_CPUS, WIRES } from './state';
import { WIRES_IDLE, WIRES_IDLE_STRIDE, WIRES_IPI, WIRES_LAPICS } from './wires';

const BROADCAST: i32 = -1;
const XAPIC_BROADCAST: i32 = 0xff;
/** Delivery mode "fixed" is 0. */
const DELIVERY_MODE: i32 = 7 << 8;
const FIRST_LEGAL_VECTOR: i32 = 16;
const SHORTHAND_SHIFT: i32 = 18;
const NO_SHORTHAND: i32 = 0;
const ALL_EXCLUDING_SELF: i32 = 3;
/** A record of the event stream has one word of targets for each half of 64 CPUs. */
const MOST_CPUS: u32 = 64;
/** Of its record (preload/contract/events.ts): i32, u64. */
const RECORD_VECTOR: usize = 12;
const RECORD_TARGETS: usize = 24;

/** Whether the interrupt is one for `sendIpi`, which has to follow before anything else is executed. */
export function takesIpi(cpu: usize, low: i32, destination: i32): bool {
  const wires = cpu + WIRES;
  const lapics: usize = load<u32>(wires, WIRES_LAPICS);
  const cpus = load<u32>(cpu, TOPOLOGY_CPUS);
  if (lapics == 0 || cpus > MOST_CPUS || (low & DELIVERY_MODE) != 0 || (low & 0xff) < FIRST_LEGAL_VECTOR) return false;
  const shorthand = (low >> SHORTHAND_SHIFT) & 3;
  if (shorthand != NO_SHORTHAND && shorthand != ALL_EXCLUDING_SELF) return false;
  if (!eventFits(wires)) return false;
  const targets = targetsOf(cpu, lapics, cpus, shorthand == NO_SHORTHAND, destination, (low & reg.ICR_LOGICAL) != 0);
  store<u64>(cpu, targets, IPI_TARGETS);
  return targets != 0;
}

/** A bit for each CPU that receives it. None where the sender is one: the host finds out whether it is to be interrupted. */
function targetsOf(cpu: usize, lapics: usize, cpus: u32, addressed: bool, destination: i32, logical: bool): u64 {
  const own: usize = load<u32>(cpu, LAPIC);
  let targets: u64 = 0;
  let lapic = lapics;
  for (let n: u32 = 0; n < cpus; n++, lapic += reg.LAPIC_WORDS << 2) {
    const isTarget = addressed ? isAddressed(lapic, destination, logical) : lapic != own && word(lapic, reg.MODE) != reg.MODE_OFF;
    if (!isTarget) continue;
    if (lapic == own) return 0;
    targets |= (<u64>1) << n;
  }
  return targets;
}

/** As devices/lapic-identity.ts has it. */
function isAddressed(lapic: usize, destination: i32, logical: bool): bool {
  const mode = word(lapic, reg.MODE);
  if (mode == reg.MODE_OFF) return false;
  if (destination == BROADCAST) return true;
  if (mode == reg.MODE_X2APIC) {
    if (!logical) return word(lapic, reg.ID) == destination;
    const ldr = word(lapic, reg.LDR);
    return ldr >> 16 == destination >> 16 && (ldr & destination & 0xffff) != 0;
  }
  const initial = word(lapic, reg.INITIAL_ID);
  if (!logical) return (initial > reg.LAST_XAPIC_ID ? initial : word(lapic, reg.ID) >>> 24) == destination;
  if (destination >>> 8 != 0) return false;
  const own = word(lapic, reg.LDR) >>> 24;
  const model = word(lapic, reg.DFR) >>> 28;
  if (model == reg.DFR_FLAT) return (own & destination) != 0;
  return model == reg.DFR_CLUSTER && own >> 4 == destination >> 4 && (own & destination & 0xf) != 0;
}

/** A destination of 8 bits as one of 32. */
export function widened(destination: i32): i32 {
  return destination == XAPIC_BROADCAST ? BROADCAST : destination;
}

/** The instruction whose write `takesIpi` has taken has retired. */
export function sendIpi(cpu: usize): void {
  const wires = cpu + WIRES;
  let targets = load<u64>(cpu, IPI_TARGETS);
  store<u64>(cpu, 0, IPI_TARGETS);
  const vector = word(load<u32>(cpu, LAPIC), reg.ICR_LOW) & 0xff;
  const record = writeEvent(cpu, WIRES_IPI);
  store<i32>(record, vector, RECORD_VECTOR);
  store<u64>(record, targets, RECORD_TARGETS);
  const lapics: usize = load<u32>(wires, WIRES_LAPICS);
  const idle: usize = load<u32>(wires, WIRES_IDLE);
  while (targets != 0) {
    const n = <usize>ctz(targets);
    targets &= targets - 1;
    // It has something to look at.
    if (accept(lapics + n * (reg.LAPIC_WORDS << 2), vector)) store<f64>(idle + n * load<u32>(wires, WIRES_IDLE_STRIDE), 0);
  }
}

/** Puts an edge-triggered interrupt into the IRR; false: it was there, or the LAPIC is disabled by software. */
function accept(lapic: usize, vector: i32): bool {
  if ((word(lapic, reg.SVR) & reg.SVR_ENABLE) == 0) return false;
  const at = vector >> 5;
  const bit = 1 << (vector & 31);
  setWord(lapic, reg.TMR + at, word(lapic, reg.TMR + at) & ~bit);
  const requested = word(lapic, reg.IRR + at);
  setWord(lapic, reg.IRR + at, requested | bit);
  return (requested & bit) == 0;
}

/**
 * HLT and its end by a plain interrupt, where all CPUs take turns and nobody is asked about either: MP states, events and the local
 * APIC's registers become what the host's StartUpRouter and Lapic make of them (SDM vol. 3A, "Interrupt Acceptance for Fixed
 * Interrupts"). Where anything else is about, the host does it.
 */
import * as reg from '../../../base/lapic-registers';
import { RFLAGS_IF } from './bits';
import { beginTime, eventFits, writeEvent } from './events';
import { RUN_CR8, RUN_REQUEST_INTERRUPT_WINDOW } from './exits';
import { acknowledge, pending, word } from './lapic-vectors';
import { WAITS } from './monitor';
import { INTERRUPT_PENDING, KVM_RUN, LAPIC, MONITOR_STATE, NMI_PENDING, RFLAGS, SHADOW, SMI_PENDING, WIRES } from './state';
import { WIRES_EXTINT, WIRES_HALT, WIRES_LAPICS, WIRES_MP_STATE, WIRES_PAUSE_POINTS, WIRES_WAKE } from './wires';

// ---- of a record of an MP state (preload/contract/events.ts), u32
const RECORD_FROM: usize = 12;
const RECORD_TO: usize = 16;

/** True: the CPU, which has executed HLT, is HALTED, and nothing is there to end that. */
export function halts(cpu: usize): bool {
  return isPlain(cpu) && pending(load<u32>(cpu, LAPIC)) < 0 && change(cpu, WIRES_HALT);
}

/** Before a run of a HALTED CPU. True: an interrupt has ended it, which is delivered first. */
export function wakeUp(cpu: usize): bool {
  if (!isPlain(cpu) || (load<u64>(cpu, RFLAGS) & RFLAGS_IF) == 0 || load<u8>(cpu, SHADOW) != 0) return false;
  const lapic: usize = load<u32>(cpu, LAPIC);
  const vector = pending(lapic);
  beginTime(cpu);
  if (vector < 0 || !change(cpu, WIRES_WAKE)) return false;
  acknowledge(lapic, vector);
  store<i32>(cpu, vector, INTERRUPT_PENDING);
  // What is left has a lower priority.
  const kvmRun: usize = load<u32>(cpu, KVM_RUN);
  store<u8>(kvmRun, 0, RUN_REQUEST_INTERRUPT_WINDOW);
  store<u64>(kvmRun, word(lapic, reg.TPR) >> 4, RUN_CR8);
  return true;
}

/** Nothing but the vectors of its local APIC can end this CPU's HLT, and nobody wants to stop there. */
function isPlain(cpu: usize): bool {
  const wires = cpu + WIRES;
  return (
    load<u32>(wires, WIRES_LAPICS) != 0 &&
    load<u32>(load<u32>(wires, WIRES_PAUSE_POINTS)) == 0 &&
    load<u32>(load<u32>(wires, WIRES_EXTINT)) == 0 &&
    word(load<u32>(cpu, LAPIC), reg.LATCHED) == 0 &&
    load<u32>(cpu, MONITOR_STATE) < WAITS &&
    load<i32>(cpu, INTERRUPT_PENDING) < 0 &&
    load<u8>(cpu, NMI_PENDING) == 0 &&
    load<u8>(cpu, SMI_PENDING) == 0
  );
}

/** Changes the MP state as the record says; false: it is another, or the host writes the event. */
function change(cpu: usize, template: usize): bool {
  const wires = cpu + WIRES;
  const state: usize = load<u32>(wires, WIRES_MP_STATE);
  if (load<u32>(state) != load<u32>(wires + template, RECORD_FROM) || !eventFits(wires)) return false;
  store<u32>(state, load<u32>(wires + template, RECORD_TO));
  writeEvent(cpu, template);
  return true;
}

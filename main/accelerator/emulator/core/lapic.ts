/**
 * What a CPU does with its own local APIC that the host need not see: reads of plain registers, the priorities, the end of an
 * edge-triggered interrupt behind which none waits, and plain interrupts to others (ipi.ts; SDM vol. 3A, "Advanced Programmable
 * Interrupt Controller"). All else leaves to the host's LAPIC, which works on the same registers; nothing is changed here
 * before that is clear.
 */
import * as reg from '../../../base/lapic-registers';
import { hasOthersBeside } from './beside';
import { takesIpi, widened } from './ipi';
import { highest, interruptsWait, setWord, updatePriority, word } from './lapic-vectors';
import { ACCESS_TIME, CODE_CHANGED, CR8, LAPIC, MEMORY_ACCESS_TIME, MSR_APIC_BASE, TIME_PASSED, TSC_BASE } from './state';

const APIC_BASE_EXTD: u64 = 1 << 10;
const APIC_BASE_ENABLE: u64 = 1 << 11;
const PAGE_SHIFT: u64 = 12;
/** The delivery status is read-only, not reserved. */
const X2APIC_ICR_WRITABLE: u32 = reg.ICR_LOW_WRITABLE | reg.ICR_DELIVERY_STATUS;

/** Puts the register at `into`; false: the host answers. */
export function lapicRead(cpu: usize, physical: u64, size: u32, into: usize): bool {
  const lapic = ownLapic(cpu, physical, size);
  if (lapic == 0) return false;
  const index = registerOf(physical);
  if (!isPlain(index) && index != reg.ICR_HIGH) return false;
  store<i32>(into, word(lapic, index));
  passTime(cpu);
  return true;
}

/** Of an x2APIC: puts the 64 bits of the register at `into`; false: the host answers. */
export function x2apicRead(cpu: usize, index: i32, into: usize): bool {
  const lapic = settledLapic(cpu);
  if (lapic == 0 || word(lapic, reg.MODE) != reg.MODE_X2APIC || !isPlain(index)) return false;
  store<i32>(into, word(lapic, index));
  store<i32>(into, index == reg.ICR_LOW ? word(lapic, reg.ICR_HIGH) : 0, 4);
  return true;
}

/** False: the host does it, and knows which values there are. */
export function x2apicWrite(cpu: usize, index: i32, value: u64): bool {
  const lapic = settledLapic(cpu);
  if (lapic == 0 || word(lapic, reg.MODE) != reg.MODE_X2APIC) return false;
  if (index == reg.EOI) return value == 0 && endOfInterrupt(lapic);
  if (index == reg.ICR_LOW) {
    const high = <i32>(value >> 32);
    if ((<u32>value & ~X2APIC_ICR_WRITABLE) != 0 || !takesIpi(cpu, <i32>value, high)) return false;
    setWord(lapic, reg.ICR_HIGH, high);
    setWord(lapic, reg.ICR_LOW, <i32>value & reg.ICR_LOW_WRITABLE);
    return true;
  }
  return index == reg.TPR && value <= 0xff && setTaskPriority(cpu, lapic, <i32>value);
}

/** Read without anything else that happens: but for the ICR 32 bits in either mode. */
function isPlain(index: i32): bool {
  switch (index) {
    case reg.ID:
    case reg.VERSION:
    case reg.TPR:
    case reg.PPR:
    case reg.LDR:
    case reg.SVR:
    case reg.ICR_LOW:
      return true;
    default:
      // In service, triggered by level, requested: three blocks of eight.
      return index >= reg.ISR && index < reg.IRR + reg.VECTOR_WORDS;
  }
}

/** Writes the register; false: the host does. */
export function lapicWrite(cpu: usize, physical: u64, size: u32, from: usize): bool {
  const lapic = ownLapic(cpu, physical, size);
  if (lapic == 0) return false;
  switch (registerOf(physical)) {
    case reg.EOI:
      if (!endOfInterrupt(lapic)) return false;
      break;
    case reg.TPR:
      if (!setTaskPriority(cpu, lapic, load<u8>(from))) return false;
      break;
    case reg.ICR_HIGH:
      setWord(lapic, reg.ICR_HIGH, load<i32>(from) & 0xff000000);
      break;
    case reg.ICR_LOW: {
      const low = load<i32>(from) & reg.ICR_LOW_WRITABLE;
      if (!takesIpi(cpu, low, widened(word(lapic, reg.ICR_HIGH) >>> 24))) return false;
      setWord(lapic, reg.ICR_LOW, low);
      break;
    }
    default:
      return false;
  }
  passTime(cpu);
  return true;
}

/** Address of the LAPIC's words where this is a whole register of it and nothing about it is in between; else 0. */
function ownLapic(cpu: usize, physical: u64, size: u32): usize {
  if (size != 4 || (physical & 15) != 0) return 0;
  const base = load<u64>(cpu, MSR_APIC_BASE);
  if (base >> PAGE_SHIFT != physical >> PAGE_SHIFT) return 0;
  if ((base & (APIC_BASE_ENABLE | APIC_BASE_EXTD)) != APIC_BASE_ENABLE) return 0;
  const lapic = settledLapic(cpu);
  return lapic != 0 && word(lapic, reg.MODE) == reg.MODE_XAPIC ? lapic : 0;
}

/** 0: the host answers for all of it, or has not been told yet of a MOV to CR8, as it is at the next exit. */
function settledLapic(cpu: usize): usize {
  const lapic: usize = load<u32>(cpu, LAPIC);
  return lapic != 0 && load<u64>(cpu, CR8) == <u64>(word(lapic, reg.TPR) >> 4) ? lapic : 0;
}

/** False: something waits, and may have to be delivered. */
function setTaskPriority(cpu: usize, lapic: usize, value: i32): bool {
  if (interruptsWait(lapic)) return false;
  setWord(lapic, reg.TPR, value);
  store<u64>(cpu, value >> 4, CR8);
  updatePriority(lapic, highest(lapic, reg.ISR));
  return true;
}

function registerOf(physical: u64): i32 {
  return <i32>(physical & 0xfff) >> 4;
}

/** False: it is to be told to the I/O APICs, or another interrupt is to be delivered. */
function endOfInterrupt(lapic: usize): bool {
  const vector = highest(lapic, reg.ISR);
  if (vector < 0) return true;
  const bit = 1 << (vector & 31);
  if ((word(lapic, reg.TMR + (vector >> 5)) & bit) != 0 || interruptsWait(lapic)) return false;
  setWord(lapic, reg.ISR + (vector >> 5), word(lapic, reg.ISR + (vector >> 5)) & ~bit);
  updatePriority(lapic, highest(lapic, reg.ISR));
  return true;
}

/** The access takes what it takes at the host, and has the budget looked at. */
function passTime(cpu: usize): void {
  store<u32>(cpu, load<u32>(cpu, ACCESS_TIME) + MEMORY_ACCESS_TIME, ACCESS_TIME);
  if (!hasOthersBeside(cpu)) store<u64>(cpu, load<u64>(cpu, TSC_BASE) + MEMORY_ACCESS_TIME, TSC_BASE);
  store<u8>(cpu, <u8>(load<u8>(cpu, CODE_CHANGED) | TIME_PASSED), CODE_CHANGED);
}

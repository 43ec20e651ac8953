/** IRR, ISR and priorities of one local APIC, as the host's devices/lapic-vectors.ts has them; `lapic` is where its registers lie. */
import * as reg from '../../../base/lapic-registers';

// @ts-ignore: decorator
@inline
export function word(lapic: usize, index: i32): i32 {
  return load<i32>(lapic + ((<usize>index) << 2));
}

// @ts-ignore: decorator
@inline
export function setWord(lapic: usize, index: i32, value: i32): void {
  store<i32>(lapic + ((<usize>index) << 2), value);
}

/** Whether anything is requested. */
export function interruptsWait(lapic: usize): bool {
  let bits: u64 = 0;
  for (let n = 0; n < reg.VECTOR_WORDS; n += 2) bits |= load<u64>(lapic + ((<usize>(reg.IRR + n)) << 2));
  return bits != 0;
}

/** The highest vector that is set in ISR or IRR, or -1. */
export function highest(lapic: usize, block: i32): i32 {
  for (let n = reg.VECTOR_WORDS - 1; n >= 0; n--) {
    const bits = word(lapic, block + n);
    if (bits != 0) return n * 32 + 31 - clz(bits);
  }
  return -1;
}

/** The vector that can be delivered now, or -1. */
export function pending(lapic: usize): i32 {
  if (!interruptsWait(lapic)) return -1;
  const vector = highest(lapic, reg.IRR);
  return vector >> 4 > word(lapic, reg.PPR) >> 4 ? vector : -1;
}

/** Puts a pending vector in service. */
export function acknowledge(lapic: usize, vector: i32): void {
  const at = vector >> 5;
  const bit = 1 << (vector & 31);
  setWord(lapic, reg.IRR + at, word(lapic, reg.IRR + at) & ~bit);
  setWord(lapic, reg.ISR + at, word(lapic, reg.ISR + at) | bit);
  setWord(lapic, reg.PPR, vector & 0xf0);
}

/** The PPR, where `served` is the highest vector in service or -1. */
export function updatePriority(lapic: usize, served: i32): void {
  const tpr = word(lapic, reg.TPR);
  const vector = max(served, 0);
  setWord(lapic, reg.PPR, tpr >> 4 >= vector >> 4 ? tpr : vector & 0xf0);
}

/**
 * Which vectors wait, which are in service, and which comes next: IRR, ISR, TMR, TPR and PPR of one local APIC
 * (SDM vol. 3A, "Interrupt, Task, and Processor Priority" and "Interrupt Acceptance for Fixed Interrupts").
 *
 * Any thread may `request`; all else is the owner's. Bits that several threads change are changed by `bits`. They are
 * read by plain loads, many times cheaper in V8: whoever makes a request kicks the owner afterwards, and the owner who
 * sees the kick sees the request.
 */
import type { BitOperations } from '../base/bits';
import * as reg from '../base/lapic-registers';

export class LapicVectors {
  readonly #state: Int32Array;
  readonly #bits: BitOperations;

  constructor(state: Int32Array, bits: BitOperations) {
    this.#state = state;
    this.#bits = bits;
  }

  /** Sets the vector in the IRR, and in the TMR how it is triggered; false where it was set already. Any thread. */
  request(vector: number, level: boolean): boolean {
    const word = vector >> 5;
    const bit = 1 << (vector & 31);
    // The trigger mode first: who sees the request sees how it was made.
    if (level !== this.isLevelTriggered(vector)) {
      if (level) this.#bits.or(this.#state, reg.TMR + word, bit);
      else this.#bits.and(this.#state, reg.TMR + word, ~bit);
    }
    return (this.#bits.or(this.#state, reg.IRR + word, bit) & bit) === 0;
  }

  /** Takes a request back. Any thread. */
  withdraw(vector: number): void {
    this.#bits.and(this.#state, reg.IRR + (vector >> 5), ~(1 << (vector & 31)));
  }

  /** The highest vector in the IRR, if its class is above the processor priority's; else -1. */
  pending(): number {
    const state = this.#state;
    const ppr = state[reg.PPR];
    for (let word = reg.VECTOR_WORDS - 1; word >= ppr >> 5; word--) {
      const bits = state[reg.IRR + word];
      if (bits === 0) continue;
      const vector = word * 32 + 31 - Math.clz32(bits);
      return vector >> 4 > ppr >> 4 ? vector : -1;
    }
    return -1;
  }

  /** Moves the pending vector from the IRR to the ISR and returns it; -1: there is none. */
  acknowledge(): number {
    const vector = this.pending();
    if (vector < 0) return -1;
    this.withdraw(vector);
    this.#state[reg.ISR + (vector >> 5)] |= 1 << (vector & 31);
    this.#state[reg.PPR] = vector & 0xf0;
    return vector;
  }

  /** Takes the highest vector out of the ISR and returns it; -1: none was in service. */
  end(): number {
    const vector = this.#inService();
    if (vector < 0) return -1;
    this.#state[reg.ISR + (vector >> 5)] &= ~(1 << (vector & 31));
    this.#updatePriority();
    return vector;
  }

  isLevelTriggered(vector: number): boolean {
    return ((this.#state[reg.TMR + (vector >> 5)] >>> (vector & 31)) & 1) !== 0;
  }

  setTaskPriority(tpr: number): void {
    this.#state[reg.TPR] = tpr;
    this.#updatePriority();
  }

  reset(): void {
    for (let word = 0; word < reg.VECTOR_WORDS; word++) {
      this.#state[reg.ISR + word] = 0;
      this.#bits.and(this.#state, reg.TMR + word, 0);
      this.#bits.and(this.#state, reg.IRR + word, 0);
    }
    this.setTaskPriority(0);
  }

  /** The TPR, or the class in service where that is higher. Others read the PPR for lowest-priority delivery. */
  #updatePriority(): void {
    const tpr = this.#state[reg.TPR];
    const inService = Math.max(this.#inService(), 0);
    this.#state[reg.PPR] = tpr >> 4 >= inService >> 4 ? tpr : inService & 0xf0;
  }

  #inService(): number {
    const state = this.#state;
    for (let word = reg.VECTOR_WORDS - 1; word >= 0; word--) {
      const bits = state[reg.ISR + word];
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits);
    }
    return -1;
  }
}

/**
 * One counter of an 8254.
 *
 * Intel 8254 Programmable Interval Timer datasheet (order number 231164), sections "Write Operations", "Read Operations"
 * and "Mode Definitions".
 *
 * A counter keeps the clock pulse at which its count was loaded; what it holds and where OUT is follow from the pulse
 * at which one asks.
 */

/** How a counter is read and written, bits 5 and 4 of the control word. */
const HIGH_BYTE = 2;
const BOTH_BYTES = 3;
const CONTROL_BCD = 0x01;
const STATUS_OUT = 0x80;
const STATUS_NULL_COUNT = 0x40;

/** The state: three numbers of 64 bits ... */
const ORIGIN = 0; // pulse at which the count was loaded; Infinity: not yet
const HELD = 1; // pulses counted when the gate went low; counts while the gate is low
const SWITCH_AT = 2; // modes 2 and 3: pulse at which NEXT replaces COUNT; Infinity: none waits
/** ... and after them words of 32. */
const CONTROL = 6;
const COUNT = 7; // the count that is counted down, 1 to 65536; 0: none
const NEXT = 8; // a count that waits for its turn; 0: none
const GATE = 9;
const WRITTEN_LOW = 10; // the first of two bytes written; -1: none
const READ_HIGH = 11; // whether the second of two bytes is read next
const LATCHED_COUNT = 12;
const LATCHED_BYTES = 13; // bytes of it still to be read
const LATCHED_STATUS = 14; // -1: none
export const COUNTER_WORDS = 16;

export class PitCounter {
  readonly #state: Int32Array;
  readonly #times: Float64Array;

  constructor(state: Int32Array) {
    this.#state = state;
    this.#times = new Float64Array(state.buffer, state.byteOffset, 3);
  }

  get mode(): number {
    const mode = (this.#state[CONTROL] >> 1) & 7;
    return mode > 5 ? mode & 3 : mode;
  }

  get #access(): number {
    return (this.#state[CONTROL] >> 4) & 3;
  }

  powerOn(gate: number): void {
    this.#state[GATE] = gate;
    this.program(BOTH_BYTES << 4);
  }

  program(control: number): void {
    const state = this.#state;
    state[CONTROL] = control & 0x3f;
    state[COUNT] = 0;
    state[NEXT] = 0;
    state[WRITTEN_LOW] = -1;
    state[READ_HIGH] = 0;
    state[LATCHED_BYTES] = 0;
    state[LATCHED_STATUS] = -1;
    this.#times[ORIGIN] = Infinity;
    this.#times[HELD] = 0;
    this.#times[SWITCH_AT] = Infinity;
  }

  write(value: number, pulse: number): void {
    this.#settle(pulse);
    const state = this.#state;
    if (this.#access !== BOTH_BYTES) {
      this.#writeCount(this.#access === HIGH_BYTE ? value << 8 : value, pulse);
    } else if (state[WRITTEN_LOW] < 0) {
      state[WRITTEN_LOW] = value;
      // In mode 0 the first byte stops the counting and takes OUT low.
      if (this.mode === 0) this.#times[ORIGIN] = Infinity;
    } else {
      this.#writeCount(state[WRITTEN_LOW] | (value << 8), pulse);
      state[WRITTEN_LOW] = -1;
    }
  }

  read(pulse: number): number {
    this.#settle(pulse);
    const state = this.#state;
    if (state[LATCHED_STATUS] >= 0) {
      const status = state[LATCHED_STATUS];
      state[LATCHED_STATUS] = -1;
      return status;
    }
    const count = state[LATCHED_BYTES] > 0 ? state[LATCHED_COUNT] : this.#count(pulse);
    const high = this.#access === HIGH_BYTE || state[READ_HIGH] !== 0;
    if (this.#access === BOTH_BYTES) state[READ_HIGH] ^= 1;
    if (state[LATCHED_BYTES] > 0) state[LATCHED_BYTES]--;
    return high ? count >> 8 : count & 0xff;
  }

  /** A second latch before the first was read is ignored. */
  latchCount(pulse: number): void {
    this.#settle(pulse);
    const state = this.#state;
    if (state[LATCHED_BYTES] > 0) return;
    state[LATCHED_COUNT] = this.#count(pulse);
    state[LATCHED_BYTES] = this.#access === BOTH_BYTES ? 2 : 1;
    state[READ_HIGH] = 0;
  }

  latchStatus(pulse: number): void {
    const state = this.#state;
    if (state[LATCHED_STATUS] >= 0) return;
    const out = this.out(pulse) ? STATUS_OUT : 0;
    const isNull = state[NEXT] !== 0 || pulse < this.#times[ORIGIN];
    state[LATCHED_STATUS] = out | (isNull ? STATUS_NULL_COUNT : 0) | state[CONTROL];
  }

  setGate(gate: number, pulse: number): void {
    this.#settle(pulse);
    const state = this.#state;
    const times = this.#times;
    if (gate === state[GATE]) return;
    if (gate === 0) {
      times[HELD] = this.#elapsed(pulse);
      times[SWITCH_AT] = Infinity; // the rising edge will load what waits
    } else if (this.mode === 0 || this.mode === 4) {
      if (times[ORIGIN] !== Infinity) times[ORIGIN] = pulse - times[HELD];
    } else {
      if (state[NEXT] !== 0) state[COUNT] = state[NEXT];
      state[NEXT] = 0;
      if (state[COUNT] !== 0) times[ORIGIN] = pulse + 1;
    }
    state[GATE] = gate;
  }

  out(pulse: number): boolean {
    this.#settle(pulse);
    const mode = this.mode;
    if (pulse < this.#times[ORIGIN]) return mode !== 0;
    const count = this.#state[COUNT];
    const elapsed = this.#elapsed(pulse);
    switch (mode) {
      case 0:
      case 1:
        return elapsed >= count;
      case 2:
        return this.#state[GATE] === 0 || elapsed % count !== count - 1;
      case 3:
        return this.#state[GATE] === 0 || elapsed % count < Math.ceil(count / 2);
      default:
        return elapsed !== count;
    }
  }

  /** The first pulse after `pulse` at which OUT rises, with the gate high. */
  nextRise(pulse: number): number {
    this.#settle(pulse);
    const state = this.#state;
    const origin = this.#times[ORIGIN];
    const switchAt = this.#times[SWITCH_AT];
    const count = state[COUNT];
    if (origin === Infinity) return Infinity;
    switch (this.mode) {
      case 0:
        return origin + count > pulse ? origin + count : Infinity;
      case 2:
      case 3:
        if (switchAt !== Infinity) {
          return (switchAt - origin) % count === 0 ? switchAt : switchAt + Math.floor(state[NEXT] / 2);
        }
        return origin + (Math.floor(Math.max(0, pulse - origin) / count) + 1) * count;
      case 4:
        return origin + count + 1 > pulse ? origin + count + 1 : Infinity;
      default:
        return Infinity; // modes 1 and 5 wait for an edge of the gate
    }
  }

  #writeCount(written: number, pulse: number): void {
    const state = this.#state;
    const times = this.#times;
    const count = (state[CONTROL] & CONTROL_BCD) !== 0 ? fromBcd(written) || 10_000 : written || 0x10000;
    const mode = this.mode;
    const periodic = mode === 2 || mode === 3;
    if (mode === 1 || mode === 5 || (periodic && state[COUNT] !== 0)) {
      state[NEXT] = count;
      if (periodic && state[GATE] !== 0) times[SWITCH_AT] = this.#boundary(pulse);
    } else {
      state[COUNT] = count;
      times[ORIGIN] = pulse + 1;
      times[HELD] = 0;
    }
  }

  /** The end of the period, or in mode 3 of the half period, that is under way. */
  #boundary(pulse: number): number {
    const count = this.#state[COUNT];
    const phase = this.#elapsed(pulse) % count;
    const start = Math.max(pulse, this.#times[ORIGIN]) - phase;
    const half = Math.ceil(count / 2);
    return this.mode === 3 && phase < half ? start + half : start + count;
  }

  /** Lets a new count of modes 2 and 3 take its turn when that has come. */
  #settle(pulse: number): void {
    const state = this.#state;
    const times = this.#times;
    const at = times[SWITCH_AT];
    if (pulse < at) return;
    const atPeriodEnd = (at - times[ORIGIN]) % state[COUNT] === 0;
    times[ORIGIN] = atPeriodEnd ? at : at - Math.ceil(state[NEXT] / 2);
    times[SWITCH_AT] = Infinity;
    state[COUNT] = state[NEXT];
    state[NEXT] = 0;
  }

  /** Pulses counted since the count was loaded. Modes 1 and 5 count whatever the gate's level. */
  #elapsed(pulse: number): number {
    const gated = this.#state[GATE] === 0 && this.mode !== 1 && this.mode !== 5;
    return gated ? this.#times[HELD] : Math.max(0, pulse - this.#times[ORIGIN]);
  }

  /** What the counting element holds, as 16 bits. */
  #count(pulse: number): number {
    const state = this.#state;
    const count = state[COUNT];
    if (count === 0) return 0;
    const bcd = (state[CONTROL] & CONTROL_BCD) !== 0;
    const modulus = bcd ? 10_000 : 0x10000;
    const elapsed = this.#elapsed(pulse);
    let value: number;
    if (this.mode === 2) {
      value = count - (elapsed % count);
    } else if (this.mode === 3) {
      // Counts by two, twice a period; an odd count starts one lower and makes the high half one longer.
      const half = Math.ceil(count / 2);
      const phase = elapsed % count;
      value = (count & ~1) - 2 * (phase < half ? phase : phase - half);
    } else {
      value = modulus + ((count - elapsed) % modulus); // wraps and goes on
    }
    value %= modulus;
    return bcd ? toBcd(value) : value;
  }
}

function fromBcd(bcd: number): number {
  return (bcd >> 12) * 1000 + ((bcd >> 8) & 15) * 100 + ((bcd >> 4) & 15) * 10 + (bcd & 15);
}

function toBcd(value: number): number {
  return (
    (Math.floor(value / 1000) << 12) |
    ((Math.floor(value / 100) % 10) << 8) |
    ((Math.floor(value / 10) % 10) << 4) |
    (value % 10)
  );
}

/**
 * An 8259A interrupt controller.
 *
 * Intel 8259A Programmable Interrupt Controller datasheet (order number 231468), sections "Interrupt Sequence",
 * "Initialization Command Words" and "Operation Command Words". Vectors are given as in 8086 mode, whatever ICW4's µPM
 * bit says: no x86 processor executes MCS-80's CALL. LTIM of ICW1 is ignored, as in every chipset that has an ELCR.
 */
import { ByteDevice } from './bus';
import type { IrqLine } from './device';

const ICW1 = 0x10;
const ICW1_IC4 = 0x01;
const ICW1_SNGL = 0x02;
const ICW4_AEOI = 0x02;
const ICW4_SFNM = 0x10;

const OCW2_ROTATE = 0x80;
const OCW2_SPECIFIC = 0x40;
const OCW2_EOI = 0x20;

const OCW3 = 0x08;
const OCW3_ESMM = 0x40;
const OCW3_SMM = 0x20;
const OCW3_POLL = 0x04;
const OCW3_RR = 0x02;
const OCW3_RIS = 0x01;

/** Words of one chip's state. */
const LINES = 0; // levels of the inputs
const LATCH = 1; // edges seen and not yet acknowledged
const ISR = 2;
const IMR = 3;
const ELCR = 4; // 1: level-triggered
const SAVED_ICW1 = 5;
const VECTOR_BASE = 6; // ICW2
const CASCADE = 7; // ICW3
const SAVED_ICW4 = 8;
const NEXT_ICW = 9; // the initialization command word that is awaited; 0: initialized
const LOWEST = 10; // the input of lowest priority
const ROTATE_ON_AEOI = 11;
const SPECIAL_MASK = 12;
const READ_ISR = 13;
const POLL = 14;
const OUTPUT = 15; // level of INT
export const CHIP_WORDS = 16;

/** A request that has gone by the time of its acknowledgement is answered as IR7, without an ISR bit. */
const SPURIOUS_IRQ = 7;

export class I8259A extends ByteDevice {
  readonly #state: Int32Array;
  /** Inputs with a slave behind them. */
  readonly #slaves: number;
  readonly #int: IrqLine;

  constructor(state: Int32Array, slaves: number, int: IrqLine) {
    super();
    this.#state = state;
    this.#slaves = slaves;
    this.#int = int;
  }

  powerOn(): void {
    const state = this.#state;
    state.fill(0);
    // The datasheet leaves all undefined before ICW1; masked is how it does no harm.
    state[IMR] = 0xff;
    state[LOWEST] = 7;
    this.#int.set(false);
  }

  setLine(irq: number, level: boolean): void {
    const state = this.#state;
    const bit = 1 << irq;
    if (level) {
      state[LATCH] |= bit & ~state[LINES];
      state[LINES] |= bit;
    } else {
      // An edge only counts while the input stays high ("Interrupt Sequence": high until the first INTA).
      state[LATCH] &= ~bit;
      state[LINES] &= ~bit;
    }
    this.#update();
  }

  get levelTriggered(): number {
    return this.#state[ELCR];
  }

  set levelTriggered(inputs: number) {
    this.#state[ELCR] = inputs;
    this.#update();
  }

  /** The INTA cycle: takes the request of highest priority and returns its input. */
  acknowledge(): number {
    const irq = this.#request();
    if (irq < 0) return SPURIOUS_IRQ;
    this.#accept(irq);
    return irq;
  }

  vector(irq: number): number {
    return this.#state[VECTOR_BASE] | irq;
  }

  /** As a master: whether a slave gives the vector for this input. */
  cascades(irq: number): boolean {
    const state = this.#state;
    return (state[SAVED_ICW1] & ICW1_SNGL) === 0 && ((state[CASCADE] >> irq) & 1) !== 0;
  }

  /** As a slave: whether it is the one addressed on the cascade lines. */
  isSlave(id: number): boolean {
    return (this.#state[CASCADE] & 7) === id;
  }

  protected readByte(offset: number): number {
    const state = this.#state;
    if (state[POLL] !== 0) {
      state[POLL] = 0;
      const irq = this.#request();
      if (irq < 0) return 0;
      this.#accept(irq);
      return 0x80 | irq;
    }
    if (offset === 1) return state[IMR];
    return state[READ_ISR] !== 0 ? state[ISR] : this.#irr();
  }

  protected writeByte(offset: number, value: number): void {
    if (offset === 1) this.#writeData(value);
    else if ((value & ICW1) !== 0) this.#initialize(value);
    else if ((value & OCW3) !== 0) this.#writeOcw3(value);
    else this.#writeOcw2(value);
    this.#update();
  }

  #initialize(icw1: number): void {
    const state = this.#state;
    const lines = state[LINES];
    const levelTriggered = state[ELCR];
    const output = state[OUTPUT];
    state.fill(0);
    state[LINES] = lines;
    state[ELCR] = levelTriggered;
    state[OUTPUT] = output;
    state[SAVED_ICW1] = icw1;
    state[NEXT_ICW] = 2;
    state[LOWEST] = 7;
  }

  #writeData(value: number): void {
    const state = this.#state;
    const last = (state[SAVED_ICW1] & ICW1_IC4) !== 0 ? 4 : 0;
    switch (state[NEXT_ICW]) {
      case 2:
        state[VECTOR_BASE] = value & 0xf8;
        state[NEXT_ICW] = (state[SAVED_ICW1] & ICW1_SNGL) !== 0 ? last : 3;
        break;
      case 3:
        state[CASCADE] = value;
        state[NEXT_ICW] = last;
        break;
      case 4:
        state[SAVED_ICW4] = value;
        state[NEXT_ICW] = 0;
        break;
      default:
        state[IMR] = value;
    }
  }

  #writeOcw2(value: number): void {
    const state = this.#state;
    const specific = (value & OCW2_SPECIFIC) !== 0;
    const rotate = (value & OCW2_ROTATE) !== 0;
    if ((value & OCW2_EOI) !== 0) {
      const irq = specific ? value & 7 : this.#highestInService();
      if (irq < 0) return;
      state[ISR] &= ~(1 << irq);
      if (rotate) state[LOWEST] = irq;
    } else if (!specific) {
      state[ROTATE_ON_AEOI] = Number(rotate);
    } else if (rotate) {
      state[LOWEST] = value & 7;
    }
  }

  #writeOcw3(value: number): void {
    const state = this.#state;
    if ((value & OCW3_ESMM) !== 0) state[SPECIAL_MASK] = value & OCW3_SMM;
    if ((value & OCW3_POLL) !== 0) state[POLL] = 1;
    else if ((value & OCW3_RR) !== 0) state[READ_ISR] = value & OCW3_RIS;
  }

  #irr(): number {
    const state = this.#state;
    return (state[LINES] & state[ELCR]) | (state[LATCH] & ~state[ELCR]);
  }

  /** ISR bits that count: in special mask mode a masked level neither blocks others nor ends by a non-specific EOI. */
  #inService(): number {
    const state = this.#state;
    return state[SPECIAL_MASK] !== 0 ? state[ISR] & ~state[IMR] : state[ISR];
  }

  #highestInService(): number {
    const inService = this.#inService();
    for (let i = 1; i <= 8; i++) {
      const irq = (this.#state[LOWEST] + i) & 7;
      if (((inService >> irq) & 1) !== 0) return irq;
    }
    return -1;
  }

  /** The input whose request is to be served next, or -1. */
  #request(): number {
    const state = this.#state;
    const requests = this.#irr() & ~state[IMR];
    if (requests === 0 || state[NEXT_ICW] !== 0) return -1;
    const inService = this.#inService();
    // Special fully nested mode: a slave in service may ask again, for one of its own of higher priority.
    const nested = (state[SAVED_ICW4] & ICW4_SFNM) !== 0 ? this.#slaves : 0;
    for (let i = 1; i <= 8; i++) {
      const irq = (state[LOWEST] + i) & 7;
      const bit = 1 << irq;
      if ((requests & bit & (~inService | nested)) !== 0) return irq;
      if ((inService & bit) !== 0) return -1;
    }
    return -1;
  }

  #accept(irq: number): void {
    const state = this.#state;
    state[LATCH] &= ~(1 << irq);
    if ((state[SAVED_ICW4] & ICW4_AEOI) === 0) state[ISR] |= 1 << irq;
    else if (state[ROTATE_ON_AEOI] !== 0) state[LOWEST] = irq;
    // INT falls with the acknowledgement, so that a further request makes an edge at the master.
    this.#drive(0);
    this.#update();
  }

  #update(): void {
    this.#drive(this.#request() < 0 ? 0 : 1);
  }

  #drive(level: number): void {
    if (this.#state[OUTPUT] === level) return;
    this.#state[OUTPUT] = level;
    this.#int.set(level !== 0);
  }
}

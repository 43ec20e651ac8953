/** A case in the making: registers, flags and memory that it meets, and the operands of the instruction being added. */
import {
  BACK,
  DF,
  END_TAKEN,
  FORWARD,
  HIGH,
  IN_ENTRY,
  IN_FLAGS,
  LOW,
  ORIGIN,
  RECORD,
  RECORDS,
  SLOT,
  SLOTS,
  STATUS,
  WINDOW,
} from './arena';
import { FORMS, type Form, OperandKind } from './forms';
import { Random } from './random';

export const MASK_32 = 0xffff_ffffn;
export const MASK_64 = (1n << 64n) - 1n;

/** In a sequence these hold what they held at its start: RSP for the stack, R12 and R13 for addresses. */
const KEPT = (1 << 4) | (1 << 12) | (1 << 13);

/** Locked without a prefix; like locked ones it stays aligned, since processors may trap on locked accesses across lines. */
const ALWAYS_LOCKED = 'XCHG';

export class Draft {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly view: DataView;
  readonly random = new Random();

  /** Word of the case's record in the arena; offsets of its window, its slot, and its next instruction. */
  record = 0;
  window = 0;
  slot = 0;
  origin = 0;
  /** Whether other instructions run before this one, so that only what KEPT names is known. */
  inSequence = false;

  form: Form = FORMS[0];
  reg = 0;
  rm = 0;
  vvvv = 0;
  /** A REX prefix even where nothing asks for one. */
  hasRex = false;
  address32 = false;
  /** Offsets in the arena of the memory operand, and of where a jump goes. */
  operand = 0;
  target = 0;
  immediate = 0n;
  /** Registers whose values must not be changed any more, as a mask. */
  pinned = 0;
  /** A register that the instruction leaves undefined; -1: none. */
  undefinedRegister = -1;

  constructor(arena: Uint8Array) {
    this.bytes = arena;
    this.words = new Uint32Array(arena.buffer, arena.byteOffset, arena.length / 4);
    this.view = new DataView(arena.buffer, arena.byteOffset, arena.length);
  }

  /** Begins a case at place `n` of the batch, with random registers, flags and memory. */
  start(n: number): void {
    const { random, words } = this;
    this.record = (RECORDS + n * RECORD) / 4;
    this.window = n * WINDOW;
    this.slot = SLOTS + n * SLOT;
    this.origin = this.slot + ORIGIN;
    for (let reg = 0; reg < 16; reg++) {
      random.value();
      words[this.record + 2 * reg] = random.low;
      words[this.record + 2 * reg + 1] = random.high;
    }
    words[this.record + IN_FLAGS / 4] = (random.next() & STATUS) | (random.chance(4) ? DF : 0) | 2;
    words[this.record + IN_FLAGS / 4 + 1] = 0;
    const entry = HIGH + this.origin;
    words[this.record + IN_ENTRY / 4] = entry >>> 0;
    words[this.record + IN_ENTRY / 4 + 1] = Math.floor(entry / 2 ** 32);
    const first = this.window / 4;
    // Constant memory lets repeated comparisons run on.
    const constant = random.chance(4) ? random.next() : null;
    for (let word = 0; word < WINDOW / 4; word++) words[first + word] = constant ?? random.next();
    if (constant !== null && random.chance(2)) words[first + random.below(WINDOW / 4)] = random.next();
  }

  /** Begins an instruction of this form with random operands. */
  begin(form: Form): void {
    const { random } = this;
    this.form = form;
    this.reg = form.extension >= 0 ? form.extension : this.#anyRegister();
    this.rm = this.#anyRegister();
    this.vvvv = this.#anyRegister();
    this.hasRex = random.chance(3);
    this.address32 = random.chance(5);
    this.pinned = this.inSequence ? KEPT : 0;
    this.undefinedRegister = -1;
    const targets = [this.slot + BACK, this.slot + FORWARD, END_TAKEN];
    // From a sequence's end only FORWARD is near enough.
    this.target = this.inSequence ? targets[1] : targets[random.below(form.operands.includes('Jb') ? 2 : 3)];
    random.value();
    this.immediate = (BigInt(random.high) << 32n) | BigInt(random.low);
    this.operand = this.window + 160 + random.below(192);
    if (form.name === 'CMPXCHG8B') this.operand &= ~15;
    else if (form.kind === OperandKind.LOCKED || form.name === ALWAYS_LOCKED) this.operand &= ~7;
  }

  #anyRegister(): number {
    for (;;) {
      const reg = this.random.below(16);
      if (!this.inSequence || (KEPT & (1 << reg)) === 0) return reg;
    }
  }

  get isMemory(): boolean {
    return this.form.kind >= OperandKind.MEMORY;
  }

  get isDivision(): boolean {
    return this.form.name === 'DIV' || this.form.name === 'IDIV';
  }

  get(reg: number): bigint {
    const at = this.record + 2 * reg;
    return (BigInt(this.words[at + 1]) << 32n) | BigInt(this.words[at]);
  }

  set(reg: number, value: bigint): void {
    const at = this.record + 2 * reg;
    this.words[at] = Number(value & MASK_32);
    this.words[at + 1] = Number((value >> 32n) & MASK_32);
  }

  setLow(reg: number, value: number): void {
    this.words[this.record + 2 * reg] = value;
  }

  setHigh(reg: number, value: number): void {
    this.words[this.record + 2 * reg + 1] = value;
  }

  /** An address in a register; of 32 bits the upper half stays as it is. */
  setAddress(reg: number, value: bigint): void {
    if (this.address32) this.setLow(reg, Number(value & MASK_32));
    else this.set(reg, value & MASK_64);
    this.pin(reg);
  }

  pin(reg: number): void {
    this.pinned |= 1 << reg;
  }

  isPinned(reg: number): boolean {
    return (this.pinned & (1 << reg)) !== 0;
  }

  /** Linear address of an offset in the arena, as the instruction's address size has it. */
  linear(offset: number): bigint {
    return BigInt((this.address32 ? LOW : HIGH) + offset);
  }

  /** The E operand at the case's start. */
  readOperand(): bigint {
    const { size } = this.form;
    const mask = (1n << BigInt(8 * size)) - 1n;
    if (this.isMemory) return this.view.getBigUint64(this.operand, true) & mask;
    const isHighByte = size === 1 && !this.hasRex && this.rm >= 4 && this.rm < 8;
    return isHighByte ? (this.get(this.rm - 4) >> 8n) & 0xffn : this.get(this.rm) & mask;
  }
}

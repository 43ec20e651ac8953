/** A case in the making: registers, flags and memory that it meets, and the operands of the instruction being added. */
import {
  AC,
  BACK,
  CS,
  DF,
  DS,
  END_TAKEN,
  ES,
  FAR_ENTRY,
  FORWARD,
  FS,
  HIGH,
  IN_ENTRY,
  IN_FAR,
  IN_FLAGS,
  IN_SELECTORS,
  LOW,
  ORIGIN,
  RECORD,
  RECORDS,
  SLOT,
  SLOTS,
  SS,
  STACK,
  STATUS,
  WINDOW,
} from './arena';
import { AREA, FORMS, type Form, isSavedState, OperandKind } from './forms';
import { Random } from './random';
import { IMAGE } from './vector-image';
import { makeOperand, makeVectors } from './vectors';
import {
  CHUNK,
  CODE_SELECTORS,
  codeChunk,
  codeSelector,
  dataChunk,
  dataSelector,
  MODE_64,
  type Mode,
  SELECTORS,
  USER_DATA,
} from './segments';

const MASK_32 = 0xffff_ffffn;
export const MASK_64 = (1n << 64n) - 1n;

/** In a sequence these hold what they held at its start: RSP for the stack, R12 and R13 for addresses… */
const KEPT_64 = (1 << 4) | (1 << 12) | (1 << 13);
/** …or RBX and RSI, where there are eight registers; 7 is BH, too. */
const KEPT_32 = (1 << 3) | (1 << 4) | (1 << 6) | (1 << 7);

/** Locked without a prefix; like locked ones it stays aligned, since processors may trap on locked accesses across lines. */
const ALWAYS_LOCKED = 'XCHG';

export class Draft {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly view: DataView;
  readonly random = new Random();
  /** Vector registers of all cases. */
  readonly #images: Uint8Array;
  /** Those of the case, once `vectors` has made them. */
  image: Uint8Array;

  mode: Mode = MODE_64;
  /** What is done to have the instruction fault; `spoil.ts` has it. */
  spoiled = false;
  /** What is added to addresses of operands, and of the stack, to that end. */
  shift = 0n;
  stackShift = 0n;
  extraLock = false;
  straysTo: bigint | null = null;
  /** Bits of the last byte of a VEX prefix that are to be other than they should. */
  vexSpoiled = 0;
  /** Word of the case's record in the arena; offsets of its window, its slot, and its next instruction. */
  record = 0;
  window = 0;
  slot = 0;
  origin = 0;
  #imageMade = false;
  /** Whether other instructions run before this one, so that only what KEPT names is known. */
  inSequence = false;

  form: Form = FORMS[0];
  reg = 0;
  rm = 0;
  vvvv = 0;
  /** A REX prefix even where nothing asks for one. */
  hasRex = false;
  /** Bytes of an address. */
  addressSize: 8 | 4 | 2 = 8;
  /** Offsets in the arena of the memory operand, and of where a jump goes. */
  operand = 0;
  target = 0;
  stackTop = 0;
  /** Of a far transfer, or of whatever else takes a selector. */
  farOffset = 0n;
  selector = 0;
  immediate = 0n;
  /** Registers whose values must not be changed any more, as a mask. */
  pinned = 0;
  /** A register that the instruction leaves undefined; -1: none. */
  undefinedRegister = -1;

  constructor(arena: Uint8Array, images: Uint8Array) {
    this.#images = images;
    this.image = images.subarray(0, IMAGE);
    this.bytes = arena;
    this.words = new Uint32Array(arena.buffer, arena.byteOffset, arena.length / 4);
    this.view = new DataView(arena.buffer, arena.byteOffset, arena.length);
  }

  /** Begins a case at place `n` of the batch, with random registers, flags and memory. */
  start(n: number, mode: Mode): void {
    const { random, words } = this;
    this.mode = mode;
    this.#unspoil();
    this.record = (RECORDS + n * RECORD) / 4;
    this.window = n * WINDOW;
    this.slot = SLOTS + n * SLOT;
    this.origin = this.slot + ORIGIN;
    this.image = this.#images.subarray(2 * IMAGE * n, 2 * IMAGE * n + IMAGE);
    this.#imageMade = false;
    for (let reg = 0; reg < 16; reg++) {
      random.value();
      words[this.record + 2 * reg] = random.low;
      words[this.record + 2 * reg + 1] = random.high;
    }
    words[this.record + IN_FLAGS / 4] = (random.next() & STATUS) | (random.chance(4) ? DF : 0) | 2;
    words[this.record + IN_FLAGS / 4 + 1] = 0;
    if (mode.bits !== 64) for (let reg = 0; reg < 8; reg++) this.setHigh(reg, 0);
    this.#startAt(mode.bits === 64 ? HIGH + this.origin : HIGH + FAR_ENTRY);
    const first = this.window / 4;
    // Constant memory lets repeated comparisons run on.
    const constant = random.chance(4) ? random.next() : null;
    for (let word = 0; word < WINDOW / 4; word++) words[first + word] = constant ?? random.next();
    if (constant !== null && random.chance(2)) words[first + random.below(WINDOW / 4)] = random.next();
  }

  #unspoil(): void {
    this.spoiled = false;
    this.shift = 0n;
    this.stackShift = 0n;
    this.extraLock = false;
    this.straysTo = null;
  }

  #startAt(entry: number): void {
    const { words, view, mode, record, window, slot } = this;
    words[record + IN_ENTRY / 4] = entry >>> 0;
    words[record + IN_ENTRY / 4 + 1] = Math.floor(entry / 2 ** 32);
    const selectors = 4 * record + IN_SELECTORS;
    view.setUint32(4 * record + IN_FAR, Number(this.codeAddress(this.origin) & MASK_32), true);
    view.setUint32(4 * record + IN_FAR + 4, codeSelector(mode, slot), true);
    for (const segment of [ES, DS, FS])
      view.setUint16(
        selectors + 2 * segment,
        mode.bits === 64 ? 0 : dataSelector(mode, window, mode.bits === 32),
        true,
      );
    view.setUint16(selectors + 2 * FS + 2, 0, true);
    view.setUint16(selectors + 2 * CS, codeSelector(mode, slot), true);
    const stack = mode.bits === 64 ? USER_DATA : dataSelector(mode, window, mode.stackBits === 32);
    view.setUint16(selectors + 2 * SS, stack, true);
  }

  /** Begins an instruction of this form with random operands. */
  begin(form: Form): void {
    const { random } = this;
    this.form = form;
    this.reg = form.extension >= 0 ? form.extension : this.#anyRegister();
    this.rm = this.#anyRegister();
    this.vvvv = this.#anyRegister();
    this.hasRex = this.mode.bits === 64 && random.chance(3);
    this.addressSize = this.#chooseAddressSize();
    this.pinned = this.inSequence ? this.#kept : 0;
    this.#unspoil();
    this.stackTop = this.window + STACK + 320 + random.below(160);
    this.undefinedRegister = -1;
    const targets = [this.slot + BACK, this.slot + FORWARD, END_TAKEN];
    // From a sequence's end only FORWARD is near enough; END_TAKEN is 64-bit code.
    const near = form.operands.includes('Jb') || this.mode.bits !== 64;
    this.target = this.inSequence ? targets[1] : targets[random.below(near ? 2 : 3)];
    this.#chooseFarTarget();
    random.value();
    this.immediate = (BigInt(random.high) << 32n) | BigInt(random.low);
    this.operand = this.window + 160 + random.below(192);
    if (isSavedState(form)) this.operand = this.window + random.below(WINDOW - AREA + 1);
    else if (form.name === 'CMPXCHG8B') this.operand &= ~15;
    else if (form.kind === OperandKind.LOCKED || form.name === ALWAYS_LOCKED) this.operand &= ~7;
    this.vexSpoiled = 0;
    if (form.hasVectors) this.#beginVectors();
  }

  #beginVectors(): void {
    const { random, form } = this;
    if (!this.#imageMade) makeVectors(random, this.image, !this.inSequence);
    this.#imageMade = true;
    // Of an attempt before: which vectors have to be aligned then differs.
    this.words[this.record + IN_FLAGS / 4] &= ~AC;
    if (!this.isMemory) return;
    // What SHA wants aligned differs between makers of processors.
    const isAligned = this.inSequence || form.name.startsWith('SHA') || !random.chance(16);
    if (form.alignment > 1 && isAligned) this.operand &= -form.alignment;
    if (!this.inSequence) makeOperand(random, this.bytes, this.operand, this.image);
  }

  /** Other than by default now and then; 16-bit ones in 32-bit flat segments are out of reach. */
  #chooseAddressSize(): 8 | 4 | 2 {
    const other = this.random.chance(5);
    if (this.mode.bits === 64) return other ? 4 : 8;
    if (!this.mode.segmented) return 4;
    return (this.mode.bits === 32) === other ? 2 : 4;
  }

  get #kept(): number {
    return this.mode.bits === 64 ? KEPT_64 : KEPT_32;
  }

  /** In the case's own code segment, which in 64-bit mode a far pointer reaches at LOW only; now and then in none. */
  #chooseFarTarget(): void {
    const { random, mode } = this;
    const near = mode.bits === 64 && this.form.size < 8 ? BigInt(LOW + this.target) : this.codeAddress(this.target);
    this.farOffset = near;
    this.selector = codeSelector(mode, this.slot);
    if (random.chance(4)) this.selector = SELECTORS[random.below(SELECTORS.length)];
    // Behind a selector of another mode's code there is nothing to be found.
    if (this.selector !== codeSelector(mode, this.slot) && CODE_SELECTORS.has(this.selector | 3)) this.selector = 0;
  }

  #anyRegister(): number {
    for (;;) {
      const reg = this.random.below(this.mode.bits === 64 ? 16 : 8);
      if (!this.inSequence || (this.#kept & (1 << reg)) === 0) return reg;
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
    if (this.addressSize === 8) this.set(reg, value & MASK_64);
    else if (this.addressSize === 4) this.setLow(reg, Number(value & MASK_32));
    else this.setLow(reg, Number((this.get(reg) & 0xffff_0000n) | (value & 0xffffn)));
    this.pin(reg);
  }

  /** The stack pointer, or RBP as one, to an offset in the arena. */
  setStack(reg: number, offset: number): void {
    const value = this.dataAddress(offset) + this.stackShift;
    const { stackBits } = this.mode;
    if (stackBits === 16) this.setLow(reg, Number((this.get(reg) & 0xffff_0000n) | (value & 0xffffn)));
    else this.set(reg, value & (stackBits === 32 ? MASK_32 : MASK_64));
    this.pin(reg);
  }

  pin(reg: number): void {
    this.pinned |= 1 << reg;
  }

  isPinned(reg: number): boolean {
    return (this.pinned & (1 << reg)) !== 0;
  }

  /** Address of the operand that lies at an offset in the arena, as the instruction's address size has it. */
  linear(offset: number): bigint {
    if (this.mode.bits === 64 && this.addressSize === 4) return BigInt(LOW + offset) + this.shift;
    return this.dataAddress(offset) + this.shift;
  }

  get addressMask(): bigint {
    return this.addressSize === 8 ? MASK_64 : this.addressSize === 4 ? MASK_32 : 0xffffn;
  }

  /** In the mode's data segments. */
  dataAddress(offset: number): bigint {
    if (this.mode.segmented) return BigInt(offset - dataChunk(this.window) * CHUNK);
    return BigInt((this.mode.bits === 64 ? HIGH : LOW) + offset);
  }

  /** In the mode's code segment. */
  codeAddress(offset: number): bigint {
    if (this.mode.segmented) return BigInt(offset - SLOTS - codeChunk(this.slot) * CHUNK);
    return BigInt((this.mode.bits === 64 ? HIGH : LOW) + offset);
  }

  /** Where a near jump goes. */
  get jumpAddress(): bigint {
    return this.straysTo ?? this.codeAddress(this.target);
  }

  /** Stores `size` bytes in the arena. */
  put(at: number, size: number, value: bigint): void {
    if (size === 8) this.view.setBigUint64(at, value & MASK_64, true);
    else if (size === 4) this.view.setUint32(at, Number(value & MASK_32), true);
    else this.view.setUint16(at, Number(value & 0xffffn), true);
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

/**
 * Makes cases: an instruction of a given form with random operands, and registers, flags and memory for it to meet. A case
 * depends on its seed and index alone. Addresses stay in the case's window; what would fault is not made.
 */
import {
  AC,
  BACK,
  BATCH,
  DF,
  END_FOLLOWING,
  END_TAKEN,
  FORWARD,
  HIGH,
  IN_ENTRY,
  IN_FLAGS,
  LOW,
  ORIGIN,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RECORD,
  RECORDS,
  RSI,
  RSP,
  SLOT,
  SLOTS,
  STACK,
  STATUS,
  TF,
  WINDOW,
} from './arena';
import { FORMS, type Form, OperandKind } from './forms';
import { Random } from './random';
import { undefinedFlags } from './undefined-flags';

export interface Case {
  index: number;
  form: Form;
  /** Number of `form` in FORMS. */
  formNumber: number;
  /** Offset in the arena, and length, of its code. */
  code: number;
  length: number;
  /** Linear addresses where it may end: behind its code, and where it jumps to. */
  following: number;
  taken: number;
  /** Flags that are not compared, and a register (-1: none). */
  ignoredFlags: number;
  ignoredRegister: number;
  /** Whether the emulator runs it alone, or as a block with the jump behind it. */
  steps: boolean;
}

const STACK_OPERATIONS = new Set([
  'PUSH',
  'POP',
  'PUSH_E',
  'POP_E',
  'PUSH_SEG',
  'PUSHF',
  'POPF',
  'CALL',
  'CALL_E',
  'RET',
  'ENTER',
  'LEAVE',
]);
const STRINGS = new Set(['MOVS', 'STOS', 'LODS', 'CMPS', 'SCAS']);
const BIT_TESTS = new Set(['BT', 'BTS', 'BTR', 'BTC']);
const LOOPS = new Set(['LOOP', 'LOOPE', 'LOOPNE', 'JCXZ']);
/** Locked without a prefix: kept aligned as well, since some processors trap on locked accesses across a cache line. */
const ALWAYS_LOCKED = 'XCHG';
const LOCK = 0xf0;
const NULL_SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e];
const MAX_LENGTH = 15;
const MASK_32 = 0xffff_ffffn;
const MASK_64 = (1n << 64n) - 1n;
const NO_FIXUP = -1;
const ATTEMPTS = 40;

export class Generator {
  readonly cases: Case[] = Array.from({ length: BATCH }, () => ({
    index: 0,
    form: FORMS[0],
    formNumber: 0,
    code: 0,
    length: 0,
    following: 0,
    taken: 0,
    ignoredFlags: 0,
    ignoredRegister: -1,
    steps: false,
  }));
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #random = new Random();
  readonly #code = new Uint8Array(64);
  #length = 0;

  // Of the case in the making.
  #form: Form = FORMS[0];
  /** Word of its record in the arena; offsets of its window and slot. */
  #record = 0;
  #window = 0;
  #slot = 0;
  #reg = 0;
  #rm = 0;
  #vvvv = 0;
  #hasRex = false;
  #address32 = false;
  /** Offset in the arena of its memory operand. */
  #operand = 0;
  /** Registers whose value must not be changed any more, as a mask. */
  #pinned = 0;
  #target = 0;
  #immediate = 0n;
  #ignoredRegister = -1;

  // The memory operand's part of the encoding.
  readonly #address = new Uint8Array(6);
  #addressLength = 0;
  #rexX = 0;
  #rexB = 0;
  #ripRelative = false;

  constructor(arena: Uint8Array) {
    this.#bytes = arena;
    this.#words = new Uint32Array(arena.buffer, arena.byteOffset, arena.length / 4);
    this.#view = new DataView(arena.buffer, arena.byteOffset, arena.length);
  }

  /** Makes case `index` of `seed` at place `n` of the batch. */
  make(seed: number, index: number, n: number): void {
    const random = this.#random;
    random.seed(seed, index);
    this.#record = (RECORDS + n * RECORD) / 4;
    this.#window = n * WINDOW;
    this.#slot = SLOTS + n * SLOT;
    for (let attempt = 0; ; attempt++) {
      if (attempt === ATTEMPTS) throw new Error(`case ${index} of seed ${seed}: no operands without a fault`);
      const formNumber = random.below(FORMS.length);
      this.#form = FORMS[formNumber];
      this.#randomState();
      this.#chooseOperands();
      if (!this.#constrain()) continue;
      if (!this.#encode()) continue;
      this.#finish(this.cases[n], index, formNumber);
      return;
    }
  }

  // ---- state

  #randomState(): void {
    const random = this.#random;
    for (let reg = 0; reg < 16; reg++) {
      random.value();
      this.#words[this.#record + 2 * reg] = random.low;
      this.#words[this.#record + 2 * reg + 1] = random.high;
    }
    const flags = (random.next() & STATUS) | (random.chance(4) ? DF : 0) | 2;
    this.#words[this.#record + IN_FLAGS / 4] = flags;
    this.#words[this.#record + IN_FLAGS / 4 + 1] = 0;
    const first = this.#window / 4;
    // Constant memory lets repeated comparisons run on.
    const constant = random.chance(4) ? random.next() : null;
    for (let word = 0; word < WINDOW / 4; word++) this.#words[first + word] = constant ?? random.next();
    if (constant !== null && random.chance(2)) this.#words[first + random.below(WINDOW / 4)] = random.next();
  }

  #get(reg: number): bigint {
    const at = this.#record + 2 * reg;
    return (BigInt(this.#words[at + 1]) << 32n) | BigInt(this.#words[at]);
  }

  #set(reg: number, value: bigint): void {
    const at = this.#record + 2 * reg;
    this.#words[at] = Number(value & MASK_32);
    this.#words[at + 1] = Number((value >> 32n) & MASK_32);
  }

  /** An address in a register; of 32 bits the upper half stays as it is. */
  #setAddress(reg: number, value: bigint): void {
    if (this.#address32) this.#words[this.#record + 2 * reg] = Number(value & MASK_32);
    else this.#set(reg, value & MASK_64);
    this.#pin(reg);
  }

  #pin(reg: number): void {
    this.#pinned |= 1 << reg;
  }

  #isPinned(reg: number): boolean {
    return (this.#pinned & (1 << reg)) !== 0;
  }

  /** Linear address, as this case's address size has it. */
  #linear(offset: number): bigint {
    return BigInt((this.#address32 ? LOW : HIGH) + offset);
  }

  // ---- operands

  #chooseOperands(): void {
    const random = this.#random;
    const { name, kind } = this.#form;
    this.#reg = this.#form.extension >= 0 ? this.#form.extension : random.below(16);
    this.#rm = random.below(16);
    this.#vvvv = random.below(16);
    this.#hasRex = random.chance(3);
    this.#address32 = random.chance(5);
    this.#pinned = 0;
    this.#ignoredRegister = -1;
    const targets = [this.#slot + BACK, this.#slot + FORWARD, END_TAKEN];
    this.#target = targets[random.below(this.#form.operands.includes('Jb') ? 2 : 3)];
    random.value();
    this.#immediate = (BigInt(random.high) << 32n) | BigInt(random.low);
    this.#operand = this.#window + 160 + random.below(192);
    if (kind === OperandKind.LOCKED || name === ALWAYS_LOCKED || name === 'CMPXCHG8B') {
      this.#operand &= ~(name === 'CMPXCHG8B' ? 15 : 7);
    }
    random.value();
    if (random.chance(2)) {
      this.#words[this.#record] = random.low;
      this.#view.setUint32(this.#operand, random.low, true);
      this.#view.setUint32(this.#operand + 4, random.high, true);
    }
  }

  get #isMemory(): boolean {
    return this.#form.kind >= OperandKind.MEMORY;
  }

  get #isDivision(): boolean {
    return this.#form.name === 'DIV' || this.#form.name === 'IDIV';
  }

  /** Gives registers and memory what the instruction needs; false: try other ones. */
  #constrain(): boolean {
    const { name, size, kind } = this.#form;
    const random = this.#random;
    if (STACK_OPERATIONS.has(name)) this.#stack();
    if (STRINGS.has(name)) this.#string();
    else if (LOOPS.has(name)) this.#loopCount();
    else if (name === 'XLAT') this.#setAddress(RBX, this.#linear(this.#operand) - (this.#get(RAX) & 0xffn));
    else if (BIT_TESTS.has(name) && this.#isMemory && this.#form.extension < 0) this.#bitOffset();
    else if (name === 'CMPXCHG8B') this.#compareDouble();
    else if (name === 'CMPXCHG' && random.chance(2)) this.#compareEqual();
    if (this.#form.operands.includes('CL')) this.#shiftCount();
    if (name === 'SHLD' || name === 'SHRD') this.#limitDoubleShift();
    if (name === 'JMP_E' || name === 'CALL_E') {
      if (kind === OperandKind.REGISTER) {
        if (this.#isPinned(this.#rm)) return false;
        this.#set(this.#rm, BigInt(HIGH + this.#target));
      } else this.#view.setBigUint64(this.#operand, BigInt(HIGH + this.#target), true);
    }
    if (this.#isDivision) {
      this.#pin(RAX);
      this.#pin(RDX);
    }
    if (this.#isMemory && !this.#addressOperand()) return false;
    if (this.#isDivision && !this.#divisible()) return false;
    // With a source of zero the destination is undefined.
    if ((name === 'BSF' || name === 'BSR') && this.#readOperand(size) === 0n) this.#ignoredRegister = this.#reg;
    return true;
  }

  #stack(): void {
    const { name, size } = this.#form;
    const random = this.#random;
    const top = this.#window + STACK + 320 + random.below(160);
    this.#set(RSP, BigInt(HIGH + top));
    this.#pin(RSP);
    if (name === 'RET') this.#view.setBigUint64(top, BigInt(HIGH + this.#target), true);
    else if (name === 'POPF') {
      const image = random.next() & ~(TF | AC);
      this.#view.setUint32(top, image, true);
      if (size === 8) this.#view.setUint32(top + 4, 0, true);
    } else if (name === 'ENTER' || name === 'LEAVE') {
      this.#set(RBP, BigInt(HIGH + this.#window + STACK + 256 + random.below(160)));
      this.#pin(RBP);
      // Levels and room that stay in the window.
      if (name === 'ENTER') {
        const level = random.chance(2) ? random.below(3) : random.below(32);
        this.#immediate = BigInt(random.below(48) | ((level | (random.below(8) << 5)) << 16));
      }
    }
  }

  #string(): void {
    const random = this.#random;
    const from = this.#operand;
    const to = random.chance(3) ? this.#window + 160 + random.below(192) : from + random.below(33) - 16;
    this.#setAddress(RSI, this.#linear(from));
    this.#setAddress(RDI, this.#linear(to));
    if (this.#form.repeat === 0) return;
    const count = random.below(17);
    if (this.#address32) this.#words[this.#record + 2 * RCX] = count;
    else this.#set(RCX, BigInt(count));
  }

  #loopCount(): void {
    if (this.#random.chance(3)) return;
    this.#words[this.#record + 2 * RCX] = this.#random.below(3);
    if (!this.#address32) this.#words[this.#record + 2 * RCX + 1] = 0;
  }

  /** The bit's number moves the operand by whole operands; the rest of the register is not looked at. */
  #bitOffset(): void {
    const { size } = this.#form;
    const number = BigInt(this.#random.below(1024) - 512);
    const mask = (1n << BigInt(8 * size)) - 1n;
    this.#set(this.#reg, (this.#get(this.#reg) & (MASK_64 ^ mask)) | (number & mask));
    this.#pin(this.#reg);
    if (this.#form.kind === OperandKind.LOCKED) this.#operand &= ~7;
  }

  #compareDouble(): void {
    if (this.#random.chance(2)) return;
    const mask = this.#form.size === 8 ? MASK_64 : MASK_32;
    const setOperand = (at: number, value: bigint) => {
      if (this.#form.size === 8) this.#view.setBigUint64(this.#operand + at, value, true);
      else this.#view.setUint32(this.#operand + at, Number(value), true);
    };
    setOperand(0, this.#get(RAX) & mask);
    setOperand(this.#form.size, this.#get(RDX) & mask);
    this.#pin(RAX);
    this.#pin(RDX);
  }

  #compareEqual(): void {
    if (this.#isMemory) this.#view.setBigUint64(this.#operand, this.#get(RAX), true);
    else this.#set(this.#rm, this.#get(RAX));
    this.#pin(RAX);
  }

  #shiftCount(): void {
    if (!this.#isPinned(RCX) && this.#random.chance(2)) {
      this.#words[this.#record + 2 * RCX] = (this.#random.next() & ~0xff) | this.#random.below(70);
    }
    this.#pin(RCX);
  }

  /** Of 16 bits, a count above 16 leaves everything undefined. */
  #limitDoubleShift(): void {
    if (this.#form.size !== 2) return;
    const count = this.#random.below(17);
    this.#immediate = BigInt(count);
    if (this.#form.operands.includes('CL')) this.#words[this.#record + 2 * RCX] &= ~0xff;
    if (this.#form.operands.includes('CL')) this.#words[this.#record + 2 * RCX] |= count;
  }

  // ---- division

  #readOperand(size: number): bigint {
    const mask = (1n << BigInt(8 * size)) - 1n;
    if (this.#isMemory) return this.#view.getBigUint64(this.#operand, true) & mask;
    if (size === 1 && !this.#hasRexByte && (this.#rm & 15) >= 4 && this.#rm < 8) {
      return (this.#get(this.#rm - 4) >> 8n) & 0xffn;
    }
    return this.#get(this.#rm) & mask;
  }

  get #hasRexByte(): boolean {
    return this.#hasRex || this.#rm >= 8 || this.#reg >= 8;
  }

  /** Whether the quotient fits; where not, with other dividends. RAX and RDX must not be the divisor for that. */
  #divisible(): boolean {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (this.#quotientFits()) return true;
      if (this.#readOperand(this.#form.size) === 0n) return false;
      if (!this.#isMemory && (this.#rm === RAX || this.#rm === RDX || this.#form.size === 1)) {
        // A register that is the dividend as well: AL, AH, AX, EDX…
        if (this.#rm === RDX || this.#rm === RAX || this.#rm === 4) return false;
      }
      this.#random.value();
      const divisor = this.#readOperand(this.#form.size);
      const high = ((BigInt(this.#random.high) << 32n) | BigInt(this.#random.low)) & MASK_64;
      if (this.#form.size === 1) {
        const ah = attempt & 1 ? (high % divisor) & 0xffn : BigInt(this.#random.chance(2) ? 0 : 0xff);
        this.#set(RAX, (this.#get(RAX) & ~0xff00n & MASK_64) | (ah << 8n));
      } else if (attempt % 3 === 0) this.#set(RDX, high % divisor);
      else if (attempt % 3 === 1) this.#set(RDX, BigInt.asIntN(64, high % divisor) >> 1n);
      else this.#set(RDX, this.#random.chance(2) ? 0n : MASK_64);
    }
    return false;
  }

  #quotientFits(): boolean {
    const { name, size } = this.#form;
    const bits = 8 * size;
    const mask = (1n << BigInt(bits)) - 1n;
    const divisor = this.#readOperand(size);
    if (divisor === 0n) return false;
    const dividend =
      size === 1 ? this.#get(RAX) & 0xffffn : ((this.#get(RDX) & mask) << BigInt(bits)) | (this.#get(RAX) & mask);
    if (name === 'DIV') return dividend / divisor <= mask;
    const quotient = BigInt.asIntN(2 * bits, dividend) / BigInt.asIntN(bits, divisor);
    return quotient >= -(1n << BigInt(bits - 1)) && quotient < 1n << BigInt(bits - 1);
  }

  // ---- addressing

  /** Chooses how the memory operand is addressed, and sets the registers for that. */
  #addressOperand(): boolean {
    const random = this.#random;
    const linear = this.#linear(this.#operand);
    this.#rexX = 0;
    this.#rexB = 0;
    this.#ripRelative = false;
    const kind = random.below(10);
    if (kind === 0) {
      this.#ripRelative = true;
      this.#putAddress(0, 5, -1, 4, 0);
      return true;
    }
    if (kind === 1 && this.#address32) {
      this.#putAddress(0, 4, 0x25, 4, Number(BigInt.asIntN(32, linear)));
      return true;
    }
    if (kind === 2) return this.#indexAlone(linear);
    return this.#baseAndIndex(linear, kind >= 6);
  }

  /** [index * scale + disp32] */
  #indexAlone(linear: bigint): boolean {
    const random = this.#random;
    const index = random.below(16);
    if (index === RSP || this.#isPinned(index)) return false;
    const scale = random.below(4);
    const distance = BigInt(random.next() | 0);
    const value = (linear - distance) >> BigInt(scale);
    const displacement = Number(BigInt.asIntN(32, linear - (value << BigInt(scale))));
    this.#setAddress(index, value);
    this.#rexX = index >> 3;
    this.#putAddress(0, 4, (scale << 6) | ((index & 7) << 3) | 5, 4, displacement);
    return true;
  }

  /** [base + index * scale + displacement] and less. */
  #baseAndIndex(linear: bigint, withIndex: boolean): boolean {
    const random = this.#random;
    const base = random.below(16);
    const displacementBytes = [0, 1, 4][random.below(3)];
    let displacement =
      displacementBytes === 0
        ? 0n
        : displacementBytes === 1
          ? BigInt((random.next() << 24) >> 24)
          : BigInt(random.next() | 0);
    let index = withIndex ? random.below(16) : RSP;
    // The dividend is still to be chosen.
    if (this.#isDivision && [base, index].some((reg) => reg === RAX || reg === RDX)) return false;
    const scale = random.below(4);
    const factor = 1n << BigInt(scale);
    const mask = this.#address32 ? MASK_32 : MASK_64;
    let bytes = displacementBytes;
    if (index !== RSP && index === base) {
      // base * (1 + scale) + displacement: what does not divide goes to the displacement.
      if (this.#isPinned(base)) return false;
      const value = (linear - displacement) / (factor + 1n);
      displacement = linear - value * (factor + 1n);
      bytes = 4;
      this.#setAddress(base, value);
    } else {
      const offset = index === RSP ? 0n : this.#get(index) * factor;
      if (this.#isPinned(base)) {
        // POP computes the address with the stack pointer already moved.
        displacement = BigInt.asIntN(this.#address32 ? 32 : 64, linear - this.#get(base) - offset);
        if (displacement !== BigInt.asIntN(32, displacement)) return false;
        bytes = 4;
      } else this.#setAddress(base, (linear - displacement - offset) & mask);
    }
    if (index !== RSP) this.#pin(index);
    else index = 4;
    if (bytes === 0 && (base & 7) === RBP) bytes = 1;
    this.#rexB = base >> 3;
    this.#rexX = index >> 3;
    const mod = bytes === 0 ? 0 : bytes === 1 ? 1 : 2;
    const needsSib = index !== 4 || (base & 7) === RSP || random.chance(8);
    const sib = needsSib ? (scale << 6) | ((index & 7) << 3) | (base & 7) : -1;
    this.#putAddress(mod, needsSib ? 4 : base & 7, sib, bytes, Number(displacement));
    return true;
  }

  /** ModRM without its reg field, SIB (-1: none) and displacement. */
  #putAddress(mod: number, rm: number, sib: number, displacementBytes: number, displacement: number): void {
    const at = this.#address;
    let length = 0;
    at[length++] = (mod << 6) | rm;
    if (sib >= 0) at[length++] = sib;
    for (let n = 0; n < displacementBytes; n++) at[length++] = displacement >> (8 * n);
    this.#addressLength = length;
  }

  // ---- encoding

  #emit(byte: number): void {
    this.#code[this.#length++] = byte;
  }

  /** Writes the instruction to #code; false: it is too long. */
  #encode(): boolean {
    const form = this.#form;
    const random = this.#random;
    const { operands, size, mandatory } = form;
    this.#length = 0;
    const hasModRM = form.kind !== OperandKind.NONE;
    const memory = this.#isMemory;
    const inOpcode = form.count === 8;
    const isNamed = (letter: string) => operands.some((operand) => operand.startsWith(letter) && operand.length > 1);
    const regCounts = isNamed('G') || isNamed('S');
    if (isNamed('S')) this.#reg %= 6; // segment registers
    const rexR = regCounts && this.#reg >= 8 && !isNamed('S') ? 4 : 0;
    const rexX = memory ? this.#rexX << 1 : 0;
    const rexB = memory ? this.#rexB : (hasModRM || inOpcode) && this.#rm >= 8 ? 1 : 0;
    const isAddressed =
      memory || STRINGS.has(form.name) || form.name === 'XLAT' || LOOPS.has(form.name) || isNamed('O');
    const isLong = size === 8 && !operands.includes('Jb') && !operands.includes('Jz') && !this.#isLongByDefault();
    const wide = isLong ? 8 : 0;

    if (isAddressed && this.#address32) this.#emit(0x67);
    if (form.kind === OperandKind.LOCKED) this.#emit(LOCK);
    if (!form.vex && size === 2) this.#emit(0x66);
    if (random.chance(16)) this.#emit(NULL_SEGMENT_PREFIXES[random.below(4)]);
    if (form.repeat !== 0) this.#emit(form.repeat);
    if (form.vex) this.#emitVex(rexR, rexX, rexB, wide);
    else {
      if (mandatory !== 0) this.#emit(mandatory);
      const rex = wide | rexR | rexX | rexB;
      if (rex !== 0 || this.#hasRex) this.#emit(0x40 | rex);
      for (const byte of form.map) this.#emit(byte);
    }
    const low = inOpcode ? this.#rm & 7 : form.count === 16 ? random.below(16) : 0;
    this.#emit(form.opcode + low);
    if (hasModRM) {
      const reg = (this.#reg & 7) << 3;
      if (memory) {
        this.#emit(this.#address[0] | reg);
        for (let n = 1; n < this.#addressLength; n++) this.#emit(this.#address[n]);
      } else this.#emit(0xc0 | reg | (this.#rm & 7));
    }
    const displacementAt = memory && this.#ripRelative ? this.#length - 4 : NO_FIXUP;
    for (const operand of operands) this.#emitImmediate(operand);
    if (this.#length > MAX_LENGTH) return false;
    if (displacementAt !== NO_FIXUP) this.#fixUp(displacementAt, this.#operand);
    return true;
  }

  /** 64 bits without REX.W; with it, too. */
  #isLongByDefault(): boolean {
    const { text } = this.#form;
    return / (d64|f64)\b/.test(text) && !this.#random.chance(4);
  }

  #emitVex(rexR: number, rexX: number, rexB: number, wide: number): void {
    const { map, mandatory } = this.#form;
    const pp = mandatory === 0x66 ? 1 : mandatory === 0xf3 ? 2 : mandatory === 0xf2 ? 3 : 0;
    // RORX has no second source: VEX.vvvv must be 1111.
    const vvvv = this.#form.operands.some((operand) => operand.startsWith('B')) ? this.#vvvv : 0;
    this.#emit(0xc4);
    this.#emit(((~(rexR | rexX | rexB) & 7) << 5) | (map[1] === 0x3a ? 3 : 2));
    this.#emit((wide << 4) | ((~vvvv & 15) << 3) | pp);
  }

  #emitImmediate(operand: string): void {
    const { size } = this.#form;
    const bytes = (count: number) => {
      for (let n = 0; n < count; n++) {
        this.#emit(Number(this.#immediate & 0xffn));
        this.#immediate >>= 8n;
      }
    };
    if (operand === 'Ib' || operand === 'Ibs') bytes(1);
    else if (operand === 'Iw') bytes(2);
    else if (operand === 'Iz') bytes(Math.min(size, 4));
    else if (operand === 'Iv') bytes(size);
    else if (operand === 'Ob' || operand === 'Ov') {
      this.#immediate = this.#linear(this.#operand);
      bytes(this.#address32 ? 4 : 8);
    } else if (operand === 'Jb') {
      this.#emit(this.#target - (this.#slot + ORIGIN + this.#length + 1));
    } else if (operand === 'Jz') {
      this.#length += 4;
      this.#fixUp(this.#length - 4, this.#target);
    }
  }

  /** A displacement relative to the instruction's end. */
  #fixUp(at: number, target: number): void {
    const displacement = target - (this.#slot + ORIGIN + this.#length);
    for (let n = 0; n < 4; n++) this.#code[at + n] = displacement >> (8 * n);
  }

  // ---- the case

  #finish(made: Case, index: number, formNumber: number): void {
    const origin = this.#slot + ORIGIN;
    this.#bytes.set(this.#code.subarray(0, this.#length), origin);
    this.#putJump(origin + this.#length, END_FOLLOWING);
    this.#putJump(this.#slot + BACK, END_TAKEN);
    this.#putJump(this.#slot + FORWARD, END_TAKEN);
    const entry = this.#record + IN_ENTRY / 4;
    this.#words[entry] = (HIGH + origin) >>> 0;
    this.#words[entry + 1] = Math.floor(HIGH / 2 ** 32);
    made.index = index;
    made.form = this.#form;
    made.formNumber = formNumber;
    made.code = origin;
    made.length = this.#length;
    made.following = HIGH + origin + this.#length;
    made.taken = HIGH + this.#target;
    made.ignoredFlags = undefinedFlags(this.#form.name, this.#form.size, this.#count(origin));
    made.ignoredRegister = this.#ignoredRegister;
    made.steps = this.#random.chance(2);
  }

  /** The masked count of a shift. */
  #count(origin: number): number {
    const { operands, size } = this.#form;
    const mask = size === 8 ? 63 : 31;
    if (operands.includes('CL')) return this.#words[this.#record + 2 * RCX] & mask;
    return operands.includes('1') ? 1 : this.#bytes[origin + this.#length - 1] & mask;
  }

  #putJump(at: number, target: number): void {
    this.#bytes[at] = 0xe9;
    this.#view.setInt32(at + 1, target - (at + 5), true);
  }
}

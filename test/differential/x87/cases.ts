/**
 * Makes cases: a state for FRSTOR, flags and a memory operand, with machine code that loads them, runs one instruction, and stores
 * what it left. The same code runs on the host's processor and on the emulator, at the same addresses.
 */
import { Random } from '../random';
import { type Operand, X87_FORMS, type X87Form } from './forms';

export const BASE = 0x1000_0000;
export const SIZE = 0x4_0000;
/** A batch: its code, then a record for each case. */
export const BATCH = 256;
const RECORDS = 0x8000;
export const RECORD = 512;

/** A record: the state before and after, flags before and after, AX after, and the memory operand. */
export const IN = 0;
export const OUT = 112;
const FLAGS_IN = 224;
export const FLAGS_OUT = 232;
export const AX_OUT = 240;
export const MEMORY = 256;
export const MEMORY_SIZE = 112;
export const STATUS_FLAGS = 0x8d5;

/** Fields of a 32-bit image in protected mode. */
const CONTROL = 0;
export const STATUS = 4;
const TAGS = 8;
export const REGISTERS = 28;

const EXCEPTIONS = 0x3f;
const FRSTOR = [0xdd, 0xa7];
const FNSAVE = [0xdd, 0xb7];
const PUSH_FLAGS_IN = [0xff, 0xb7];
const POPF = 0x9d;
const PUSHF = 0x9c;
const POP = [0x8f, 0x87];
const MOV_AX = [0x66, 0x89, 0x87];
/** ModRM for [rdi + disp32]. */
const AT_RDI = 0x87;

const INTEGER_BIT = 1n << 63n;
const ALL = (1n << 64n) - 1n;
/** Sign and exponent, and significand. */
const SPECIAL: readonly [number, bigint][] = [
  [0, 0n],
  [0x8000, 0n],
  [0x3fff, INTEGER_BIT],
  [0xbfff, INTEGER_BIT],
  [0x4000, INTEGER_BIT],
  [0x3ffe, INTEGER_BIT],
  [0x7fff, INTEGER_BIT],
  [0xffff, INTEGER_BIT],
  // NaNs, pseudo-NaNs, pseudo-infinities, unnormals
  [0x7fff, INTEGER_BIT | 1n],
  [0xffff, INTEGER_BIT | 5n],
  [0x7fff, 3n << 62n],
  [0xffff, 3n << 62n],
  [0x7fff, (3n << 62n) | 123n],
  [0x7fff, 0n],
  [0x7fff, 1n],
  [0x3fff, 1n],
  [0x4000, 0n],
  // denormals and pseudo-denormals, the least and the greatest normal numbers
  [0, 1n],
  [0x8000, INTEGER_BIT - 1n],
  [0, INTEGER_BIT],
  [0x8000, INTEGER_BIT | 1n],
  [1, INTEGER_BIT],
  [0x8001, INTEGER_BIT],
  [0x7ffe, ALL],
  [0xfffe, ALL],
  // around the ends of integers and packed decimals, and pi
  [0x403e, INTEGER_BIT],
  [0xc03e, INTEGER_BIT],
  [0x403d, ALL],
  [0x401e, INTEGER_BIT],
  [0xc01e, INTEGER_BIT],
  [0x400e, INTEGER_BIT],
  [0xc00e, INTEGER_BIT],
  [0x401d, 0xffff_fffe_0000_0000n],
  [0x403a, 0xde0b_6b3a_763f_ffffn],
  [0x403a, 0xde0b_6b3a_7640_0000n],
  [0x4000, 0xc90f_daa2_2168_c235n],
  [0x3fff, 0xc90f_daa2_2168_c235n],
];
const BIAS = 0x3fff;
/** Where single and double precision begin and end, and their denormals. */
const BORDERS = [0, 1, 2, 0x7ffe, 0x7ffd, 0x3f81, 0x3f80, 0x3f6a, 0x3c01, 0x3c00, 0x3bcd, 0x407e, 0x407f, 0x43fe];

export interface X87Case {
  form: X87Form;
  /** Offset of its record. */
  record: number;
}

export class X87Generator {
  readonly cases: X87Case[] = [];
  readonly #random = new Random();
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #code = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Fills the memory with cases `first` to `first + BATCH` of a seed, and code that ends with RET. */
  make(seed: number, first: number): void {
    this.cases.length = 0;
    this.#code = 0;
    for (let n = 0; n < BATCH; n++) {
      this.#random.seed(seed, first + n);
      const form = X87_FORMS[this.#random.below(X87_FORMS.length)];
      const record = RECORDS + n * RECORD;
      this.#bytes.fill(0, record, record + RECORD);
      this.#makeState(record + IN);
      this.#view.setUint32(record + FLAGS_IN, (this.#random.next() & STATUS_FLAGS) | 0x202, true);
      if (form.operand !== undefined) this.#makeOperand(form.operand, record + MEMORY, form.opcode.length > 1);
      this.#encode(form, record);
      this.cases.push({ form, record });
    }
    this.#put(0xdb, 0xe3, 0xc3); // fninit; ret
  }

  #encode({ opcode, modrm, operand }: X87Form, record: number): void {
    this.#at(FRSTOR, record + IN);
    this.#at(PUSH_FLAGS_IN, record + FLAGS_IN);
    this.#put(POPF);
    if (operand === undefined) this.#put(...opcode, modrm);
    else this.#at([...opcode, AT_RDI | (modrm << 3)], record + MEMORY);
    this.#put(PUSHF);
    this.#at(POP, record + FLAGS_OUT);
    this.#at(MOV_AX, record + AX_OUT);
    this.#at(FNSAVE, record + OUT);
  }

  #put(...bytes: number[]): void {
    this.#bytes.set(bytes, this.#code);
    this.#code += bytes.length;
  }

  #at(bytes: readonly number[], displacement: number): void {
    this.#put(...bytes);
    this.#view.setUint32(this.#code, displacement, true);
    this.#code += 4;
  }

  /** Any but one in which an exception waits: the instruction would not run. */
  #makeState(at: number): void {
    const random = this.#random;
    const view = this.#view;
    const control = this.#control();
    const top = random.below(8);
    let status = (top << 11) | (random.next() & 0x477f);
    if ((status & ~control & EXCEPTIONS) !== 0) status &= ~EXCEPTIONS;
    let tags = 0;
    if (random.chance(3)) for (let n = 0; n < 8; n++) tags |= random.chance(4) ? 3 << (2 * n) : 0;
    // Often there is room to push.
    if (random.chance(2)) tags |= 3 << (2 * ((top + 7) & 7));
    view.setUint16(at + CONTROL, control, true);
    view.setUint16(at + STATUS, status, true);
    view.setUint16(at + TAGS, tags, true);
    for (let i = 0; i < 8; i++) this.#makeNumber(at + REGISTERS + 10 * i);
    // Close to each other: sums that cancel, remainders.
    if (random.chance(6)) view.setUint16(at + REGISTERS + 18, view.getUint16(at + REGISTERS + 8, true), true);
  }

  #control(): number {
    const random = this.#random;
    if (random.chance(3)) return 0x37f;
    const masks = random.chance(2) ? EXCEPTIONS : random.below(64);
    return masks | 0x40 | ([0, 1, 2, 3][random.below(4)] << 8) | (random.below(4) << 10);
  }

  #makeNumber(at: number): void {
    const random = this.#random;
    const [upper, significand] = this.#number(random.next() & 0x8000, this.#word());
    this.#view.setBigUint64(at, significand, true);
    this.#view.setUint16(at + 8, upper, true);
  }

  #word(): bigint {
    return (BigInt(this.#random.next()) << 32n) | BigInt(this.#random.next());
  }

  #number(sign: number, bits: bigint): readonly [number, bigint] {
    const random = this.#random;
    const normal = bits | INTEGER_BIT;
    switch (random.below(9)) {
      case 0:
      case 1:
        return SPECIAL[random.below(SPECIAL.length)];
      case 2:
        return [random.next() & 0xffff, bits];
      case 3:
        return [sign | (BIAS - 70 + random.below(140)), normal];
      case 4:
        return [sign | (BIAS - 3 + random.below(6)), normal];
      case 5:
        return [sign | (BIAS + random.below(70)), this.#rounded(normal)];
      case 6:
        return [sign | BORDERS[random.below(BORDERS.length)], random.chance(2) ? normal : bits];
      case 7:
        return [sign | (BIAS - 20 + random.below(40)), this.#rounded(normal)];
      default:
        return [sign | random.below(0x7fff), normal];
    }
  }

  #rounded(significand: bigint): bigint {
    const zeros = BigInt(this.#random.below(64));
    return ((significand >> zeros) << zeros) | INTEGER_BIT;
  }

  #makeOperand(kind: Operand, at: number, isNarrow: boolean): void {
    const random = this.#random;
    for (let n = 0; n < MEMORY_SIZE; n += 4) this.#view.setUint32(at + n, random.next(), true);
    if (kind === 'single') this.#view.setUint32(at, Number(this.#short(8, 23)), true);
    else if (kind === 'double') this.#view.setBigUint64(at, this.#short(11, 52), true);
    else if (kind === 'extended') this.#makeNumber(at);
    else if (kind === 'integer' && random.chance(3)) this.#view.setBigUint64(at, random.edge(64), true);
    else if (kind === 'decimal') this.#makeDecimal(at);
    else if (kind === 'control' && random.chance(2)) this.#view.setUint16(at, this.#control(), true);
    else if (kind === 'environment' || kind === 'state') this.#makeImage(at, isNarrow);
  }

  /** A number with so many bits of exponent and of fraction. */
  #short(exponent: number, fraction: number): bigint {
    const random = this.#random;
    const width = BigInt(exponent + fraction + 1);
    const bits = this.#word() & ((1n << width) - 1n);
    const most = ((1n << BigInt(exponent)) - 1n) << BigInt(fraction);
    const sign = bits & (1n << (width - 1n));
    switch (random.below(8)) {
      case 0:
        return bits & ~most;
      case 1:
        return bits | most;
      case 2:
        return sign | most;
      case 3:
        return sign;
      case 4:
        return sign | (((1n << BigInt(exponent - 1)) - 1n) << BigInt(fraction)) | (bits & 0xffffn);
      default:
        return bits;
    }
  }

  /** Digits above 9 are undefined, and so are bits 0 to 6 of the sign's byte. */
  #makeDecimal(at: number): void {
    const random = this.#random;
    const zeros = random.chance(3) ? random.below(9) : 9;
    for (let n = 0; n < 9; n++) this.#bytes[at + n] = n >= zeros ? 0 : (random.below(10) << 4) | random.below(10);
    this.#bytes[at + 9] = random.chance(2) ? 0x80 : 0;
  }

  /** Reserved bits read as they are written; what waits in a loaded state waits for FNSAVE's successor only. */
  #makeImage(at: number, isNarrow: boolean): void {
    const view = this.#view;
    const step = isNarrow ? 2 : 4;
    view.setUint16(at, this.#control(), true);
    view.setUint16(at + step, this.#random.next() & 0x7f7f, true);
  }
}

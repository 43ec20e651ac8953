/** The bytes of a draft's instruction (SDM vol. 2A, chapter 2). */
import type { Address } from './addressing';
import { LOOPS } from './constraints';
import type { Draft } from './draft';
import { ANY_W, OperandKind, STRINGS } from './forms';

const LOCK = 0xf0;
/** Of ES, CS, SS, DS: null prefixes in 64-bit mode. Elsewhere CS is that of the code, and FS another name of DS. */
const NULL_SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e];
const SEGMENT_PREFIXES = [0x26, 0x36, 0x3e, 0x64];
/** For strings: their two operands do not fault in different ways. */
const DATA_PREFIXES = [0x26, 0x3e, 0x3e, 0x64];
const MAX_LENGTH = 15;
const SEGMENT_REGISTERS = 6;
const NO_FIXUP = -1;

export class Encoder {
  readonly code = new Uint8Array(64);
  length = 0;
  #immediate = 0n;

  /** Encodes the draft's instruction, to run at its origin; false: it is too long. */
  encode(draft: Draft, address: Address): boolean {
    const { form, random } = draft;
    const { operands, size } = form;
    this.length = 0;
    this.#immediate = draft.immediate;
    const hasModRM = form.kind !== OperandKind.NONE;
    const inOpcode = form.count === 8;
    if (has(operands, 'S')) draft.reg %= SEGMENT_REGISTERS;
    const is64 = draft.mode.bits === 64;
    const prefixes = is64 ? NULL_SEGMENT_PREFIXES : STRINGS.has(form.name) ? DATA_PREFIXES : SEGMENT_PREFIXES;
    const rexR = (has(operands, 'G') || has(operands, 'V')) && draft.reg >= 8 ? 4 : 0;
    const rexX = draft.isMemory ? address.rexX << 1 : 0;
    const rexB = draft.isMemory ? address.rexB : (hasModRM || inOpcode) && draft.rm >= 8 ? 1 : 0;
    const wide = form.hasVectors ? 8 * widthOf(draft) : size === 8 && !isLongByDefault(draft) ? 8 : 0;

    if (8 * draft.addressSize !== draft.mode.bits && isAddressed(draft)) this.#emit(0x67);
    if (form.kind === OperandKind.LOCKED) this.#emit(LOCK);
    if (draft.extraLock) this.#emit(LOCK);
    if (form.sized && (draft.mode.bits === 16 ? size === 4 : size === 2)) this.#emit(0x66);
    if (random.chance(16)) this.#emit(prefixes[random.below(4)]);
    if (form.repeat !== 0) this.#emit(form.repeat);
    if (form.vex) this.#emitVex(draft, rexR | rexX | rexB, wide);
    else {
      if (form.mandatory !== 0) this.#emit(form.mandatory);
      const rex = wide | rexR | rexX | rexB;
      draft.hasRex ||= rex !== 0;
      if (draft.hasRex) this.#emit(0x40 | rex);
      for (const byte of form.map) this.#emit(byte);
    }
    this.#emit(form.opcode + (inOpcode ? draft.rm & 7 : random.below(form.count)));
    if (hasModRM) this.#emitModRM(draft, address);
    const displacementAt = draft.isMemory && address.ripRelative ? this.length - 4 : NO_FIXUP;
    for (const operand of operands) this.#emitImmediate(draft, operand);
    if (this.length > MAX_LENGTH) return false;
    if (displacementAt !== NO_FIXUP) this.#fixUp(draft, displacementAt, draft.operand);
    return true;
  }

  #emit(byte: number): void {
    this.code[this.length++] = byte;
  }

  #emitVex(draft: Draft, rex: number, wide: number): void {
    const { form } = draft;
    const { map, mandatory, operands } = form;
    const pp = [0, 0x66, 0xf3, 0xf2].indexOf(mandatory);
    // Without a register there, as in RORX, VEX.vvvv must be 1111.
    const vvvv = has(operands, 'B') || has(operands, 'H') ? draft.vvvv : 0;
    const selected = map.length === 1 ? 1 : map[1] === 0x3a ? 3 : 2;
    const last = ((wide << 4) | ((~vvvv & 15) << 3) | (form.l << 2) | pp) ^ draft.vexSpoiled;
    // Outside of 64-bit mode the upper bits are 1, so that this is none of LDS.
    const isShort = selected === 1 && (rex & 3) === 0 && (last & 0x80) === 0;
    if (isShort && (draft.mode.bits === 64 || (last & 0x40) !== 0) && draft.random.chance(2)) {
      this.#emit(0xc5);
      this.#emit(((~rex & 4) << 5) | last);
      return;
    }
    this.#emit(0xc4);
    // Outside of 64-bit mode R and X are 1, so that this is none of LES, and W is ignored.
    this.#emit(((~rex & 7) << 5) | selected);
    this.#emit(last);
  }

  #emitModRM(draft: Draft, address: Address): void {
    const reg = (draft.reg & 7) << 3;
    if (!draft.isMemory) {
      this.#emit(0xc0 | reg | (draft.rm & 7));
      return;
    }
    this.#emit(address.bytes[0] | reg);
    for (let n = 1; n < address.length; n++) this.#emit(address.bytes[n]);
  }

  #emitImmediate(draft: Draft, operand: string): void {
    const { size } = draft.form;
    if (operand === 'Ib' || operand === 'Ibs' || operand.startsWith('L')) this.#emitBytes(1);
    else if (operand === 'Iw') this.#emitBytes(2);
    else if (operand === 'Iz') this.#emitBytes(Math.min(size, 4));
    else if (operand === 'Iv') this.#emitBytes(size);
    else if (operand === 'Ob' || operand === 'Ov') {
      this.#immediate = draft.linear(draft.operand);
      this.#emitBytes(draft.addressSize);
    } else if (operand === 'Ap') {
      this.#immediate = draft.farOffset;
      this.#emitBytes(size);
      this.#immediate = BigInt(draft.selector);
      this.#emitBytes(2);
    } else if (operand === 'Jb') {
      this.#emit(draft.target - (draft.origin + this.length + 1));
    } else if (operand === 'Jz') {
      const bytes = draft.mode.bits === 64 ? 4 : size;
      this.length += bytes;
      if (draft.straysTo === null) this.#fixUp(draft, this.length - bytes, draft.target, bytes);
      else this.#straying(draft, this.length - bytes, draft.straysTo, bytes);
    }
  }

  #emitBytes(count: number): void {
    for (let n = 0; n < count; n++) {
      this.#emit(Number(this.#immediate & 0xffn));
      this.#immediate >>= 8n;
    }
  }

  #straying(draft: Draft, at: number, target: bigint, bytes: number): void {
    const displacement = Number(target - draft.codeAddress(draft.origin + this.length));
    for (let n = 0; n < bytes; n++) this.code[at + n] = displacement >> (8 * n);
  }

  /** A displacement relative to the instruction's end. */
  #fixUp(draft: Draft, at: number, target: number, bytes = 4): void {
    const displacement = target - (draft.origin + this.length);
    for (let n = 0; n < bytes; n++) this.code[at + n] = displacement >> (8 * n);
  }
}

/** Whether an operand is of that kind, as G in Gv. */
function has(operands: readonly string[], kind: string): boolean {
  return operands.some((operand) => operand.length > 1 && operand.startsWith(kind));
}

function isAddressed(draft: Draft): boolean {
  const { name, operands } = draft.form;
  return (
    draft.isMemory ||
    STRINGS.has(name) ||
    name === 'XLAT' ||
    name === 'MASKMOVDQU' ||
    LOOPS.has(name) ||
    has(operands, 'O')
  );
}

/** 64 bits without REX.W; now and then with it all the same. */
function isLongByDefault(draft: Draft): boolean {
  return / (d64|f64)\b/.test(draft.form.text) && !draft.random.chance(4);
}

/** REX.W or VEX.W of a vector instruction; where it does not count, anything. */
function widthOf({ form, mode, random }: Draft): number {
  if (form.w !== ANY_W) return form.w;
  return (form.vex || mode.bits === 64) && random.chance(2) ? 1 : 0;
}

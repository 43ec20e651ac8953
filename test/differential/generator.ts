/**
 * Makes cases: an instruction of a random form, or a sequence of them, with random operands, and registers, flags and memory
 * to meet. A case depends on its seed and index alone. Addresses stay in the case's window, or where accesses fault.
 */
import { BACK, BATCH, END_FOLLOWING, END_TAKEN, FORWARD, LOW, ORIGIN, RCX } from './arena';
import { Address, chooseAddress } from './addressing';
import { constrain, keepAddresses, limitDoubleShift } from './constraints';
import { Draft } from './draft';
import { Encoder } from './encoder';
import { FORMS, type Form, isSavedState, OperandKind, PRIVILEGED, STRINGS } from './forms';
import { MODES, MODE_64, type Mode, USER_CODE_64 } from './segments';
import { readFlags, undefinedFlags, writtenFlags } from './undefined-flags';

export interface Case {
  index: number;
  mode: Mode;
  /** Numbers of the forms, in the order of the instructions. */
  forms: number[];
  /** Offset in the arena, and length, of its code. */
  code: number;
  length: number;
  /** RIP where it may end: behind its code, and where it jumps to. */
  following: number;
  taken: number;
  /** Flags that are not compared, and a register (-1: none). */
  ignoredFlags: number;
  ignoredRegister: number;
  /** Whether an instruction has to do with vector registers, so that these are compared. */
  hasVectors: boolean;
  /** Offset in the arena of the area that an instruction saves state in; -1: none does. */
  area: number;
  /** Instructions that the emulator runs at a time: one, a few, or all as a block. */
  budget: number;
}

/** Every so many cases one is not of 64-bit code. */
const OTHER_MODES = 2;
/** Every so many cases one is a sequence. */
const SEQUENCES = 3;
const LONGEST_SEQUENCE = 12;
const FAR_JUMP_LENGTH = 8;
const CODE_BYTES = FORWARD - ORIGIN - FAR_JUMP_LENGTH;
const MAX_LENGTH = 15;
const BLOCK = 1000;
const ATTEMPTS = 1000;

/** Instructions whose operands have to be known, or that leave the sequence. */
const ALONE = new Set([
  ...STRINGS,
  ...'DIV IDIV XLAT JMP_E CALL_E CALL RET JMP ENTER LEAVE POPF BSF BSR JCC LOOP LOOPE LOOPNE JCXZ POP POP_E'.split(' '),
  ...'PUSHA POPA BOUND AAM LDMXCSR MASKMOVDQU GATHERD GATHERQ'.split(' '),
  ...PRIVILEGED,
]);
/** What blocks treat in special ways: flags that nobody asks for, compare and branch. */
const FLAG_OPERATIONS = new Set('ADD OR ADC SBB AND SUB XOR CMP TEST INC DEC NEG SHL SHR SAR SET CMOV'.split(' '));

const numbered = FORMS.map((form, n) => ({ form, n }));
const numbersOf = (wanted: (form: Form) => boolean) => numbered.filter(({ form }) => wanted(form)).map(({ n }) => n);

const OF_MODE = [false, true].map((is64) => numbersOf((form) => form.is64 === is64));
const IN_SEQUENCES = numbersOf(
  ({ name, kind, extension, size, operands }) =>
    !ALONE.has(name) &&
    !name.startsWith('SYS_') &&
    !(name.startsWith('BT') && kind >= OperandKind.MEMORY && extension < 0) &&
    !(name.startsWith('SH') && name.endsWith('D') && size === 2 && operands.includes('CL')),
);
const WITH_FLAGS = IN_SEQUENCES.filter((n) => FLAG_OPERATIONS.has(FORMS[n].name));
/** What a branch behind it may be made one with. */
const BEFORE_BRANCHES = WITH_FLAGS.filter((n) => ['CMP', 'TEST', 'SUB', 'DEC'].includes(FORMS[n].name));
const BRANCHES = numbersOf(({ name, operands }) => name === 'JCC' && operands.includes('Jb'));
const SEQUENCE_LISTS = [false, true].map((is64) => {
  const of = (list: readonly number[]) => list.filter((n) => FORMS[n].is64 === is64);
  return {
    any: of(IN_SEQUENCES),
    withFlags: of(WITH_FLAGS),
    beforeBranches: of(BEFORE_BRANCHES),
    branches: of(BRANCHES),
  };
});

export class Generator {
  readonly cases: Case[] = Array.from({ length: BATCH }, () => ({
    index: 0,
    mode: MODE_64,
    forms: [],
    code: 0,
    length: 0,
    following: 0,
    taken: 0,
    ignoredFlags: 0,
    ignoredRegister: -1,
    hasVectors: false,
    area: -1,
    budget: 1,
  }));
  readonly #draft: Draft;
  readonly #address = new Address();
  readonly #encoder = new Encoder();

  constructor(arena: Uint8Array, images: Uint8Array) {
    this.#draft = new Draft(arena, images);
  }

  /** Makes case `index` of `seed` at place `n` of the batch. */
  make(seed: number, index: number, n: number): void {
    const { random } = this.#draft;
    random.seed(seed, index);
    const made = this.cases[n];
    made.index = index;
    made.forms.length = 0;
    made.length = 0;
    made.ignoredFlags = 0;
    made.mode = random.chance(OTHER_MODES) ? MODES[1 + random.below(MODES.length - 1)] : MODE_64;
    this.#draft.start(n, made.mode);
    this.#draft.inSequence = random.chance(SEQUENCES);
    made.code = this.#draft.origin;
    const isMade = this.#draft.inSequence ? this.#makeSequence(made) : this.#makeOne(made);
    if (!isMade) throw new Error(`case ${index} of seed ${seed}: no operands without a fault`);
    made.ignoredRegister = this.#draft.undefinedRegister;
    made.hasVectors = made.forms.some((form) => FORMS[form].hasVectors);
    made.area = isSavedState(this.#draft.form) ? this.#draft.operand : -1;
    made.following = Number(this.#draft.codeAddress(made.code + made.length));
    const isFar = this.#draft.form.name.startsWith('SYS_');
    made.taken = Number(isFar ? this.#draft.farOffset : this.#draft.codeAddress(this.#draft.target));
    made.budget = [1, 1 + random.below(4), BLOCK, BLOCK][random.below(4)];
    this.#putJump(made.code + made.length, END_FOLLOWING);
    this.#putJump(this.#draft.slot + BACK, END_TAKEN);
    this.#putJump(this.#draft.slot + FORWARD, END_TAKEN);
  }

  #makeOne(made: Case): boolean {
    const draft = this.#draft;
    const numbers = OF_MODE[Number(made.mode.bits === 64)];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const number = numbers[draft.random.below(numbers.length)];
      draft.begin(FORMS[number]);
      if (!constrain(draft, this.#address) || !this.#encoder.encode(draft, this.#address)) continue;
      this.#append(made, number);
      made.ignoredFlags = undefinedFlags(draft.form.name, draft.form.size, this.#count());
      return true;
    }
    return false;
  }

  #makeSequence(made: Case): boolean {
    const draft = this.#draft;
    const { random } = draft;
    keepAddresses(draft);
    const lists = SEQUENCE_LISTS[Number(made.mode.bits === 64)];
    const wanted = 2 + random.below(LONGEST_SEQUENCE - 1);
    const branches = random.chance(2);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const left = made.length > CODE_BYTES - 3 * MAX_LENGTH ? 0 : wanted - 1 - made.forms.length;
      const isLast = left <= 0;
      let list = random.chance(2) ? lists.any : lists.withFlags;
      if (branches && left === 1) list = lists.beforeBranches;
      // Where no flags are left to branch by, it ends otherwise.
      else if (branches && isLast && !random.chance(8)) list = lists.branches;
      const number = list[random.below(list.length)];
      draft.begin(FORMS[number]);
      if (this.#appendToSequence(made, number) && isLast) return true;
    }
    return false;
  }

  #appendToSequence(made: Case, number: number): boolean {
    const draft = this.#draft;
    const { name, operands, size } = draft.form;
    // What is undefined must not be read.
    if ((made.ignoredFlags & readFlags(name)) !== 0) return false;
    if (name === 'SHLD' || name === 'SHRD') limitDoubleShift(draft);
    if (draft.isMemory && !chooseAddress(draft, this.#address)) return false;
    if (!this.#encoder.encode(draft, this.#address)) return false;
    this.#append(made, number);
    // A count in CL is anything by now.
    const count = operands.includes('CL') ? 31 : this.#count();
    made.ignoredFlags = (made.ignoredFlags & ~writtenFlags(name)) | undefinedFlags(name, size, count);
    return true;
  }

  #append(made: Case, number: number): void {
    const { bytes, origin } = this.#draft;
    const { code, length } = this.#encoder;
    bytes.set(code.subarray(0, length), origin);
    this.#draft.origin += length;
    made.length += length;
    made.forms.push(number);
  }

  /** The masked count of a shift. */
  #count(): number {
    const { form, words, record } = this.#draft;
    const mask = form.size === 8 ? 63 : 31;
    if (form.operands.includes('CL')) return words[record + 2 * RCX] & mask;
    return form.operands.includes('1') ? 1 : this.#encoder.code[this.#encoder.length - 1] & mask;
  }

  /** To 64-bit code of the driver. */
  #putJump(at: number, target: number): void {
    const { bytes, view, mode } = this.#draft;
    if (mode.bits !== 64) {
      let end = at;
      if (mode.bits === 16) bytes[end++] = 0x66;
      bytes[end] = 0xea;
      view.setUint32(end + 1, LOW + target, true);
      view.setUint16(end + 5, USER_CODE_64, true);
      return;
    }
    bytes[at] = 0xe9;
    view.setInt32(at + 1, target - (at + 5), true);
  }
}

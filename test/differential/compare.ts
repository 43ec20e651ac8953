/** Runs the same cases on the host's processor and on the emulator, and finds what differs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ARENA_SIZE,
  BATCH,
  IN_FLAGS,
  OUT,
  OUT_CR2,
  OUT_END,
  OUT_ERROR,
  OUT_FLAGS,
  OUT_RIP,
  OUT_SELECTORS,
  OUT_VECTOR,
  PAGE,
  RECORD,
  SLOTS,
  WINDOW,
} from './arena';
import { Emulated, recordWord } from './emulated';
import { FORMS, describe } from './forms';
import { type Case, Generator } from './generator';
import { Native } from './native';
import { isOwnAffair } from './saved-states';
import { describeImages, IMAGE, sameImages } from './vector-image';

export interface Difference {
  seed: number;
  index: number;
  form: string;
  text: string;
}

export interface Comparison {
  cases: number;
  /** How many of them were of other code than 64-bit, and how many ended with a fault. */
  otherModes: number;
  faults: number;
  /** How many cases each form had, in the order of FORMS. */
  perForm: Uint32Array;
  differences: Difference[];
}

const NAMES = 'RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15 RFLAGS'.split(' ');

const FAULT_FIELDS: readonly [string, number][] = [
  ['ES CS SS DS', OUT_SELECTORS],
  ['FS GS', OUT_SELECTORS + 8],
  ['vector', OUT_VECTOR],
  ['error code', OUT_ERROR],
  ['RIP', OUT_RIP],
  ['CR2', OUT_CR2],
];
/** These may have written some of their items, below the stack pointer, when they fault. */
const SEVERAL_ITEMS = new Set(
  'PUSHA POPA ENTER SYS_IRET SYS_RET_FAR SYS_CALL_FAR SYS_CALL_FAR_M MASKMOVPS MASKMOVPD PMASKMOV'.split(' '),
);
/** Of OUT_END. */
const FAULTED = 2;
const PAGE_FAULT = 14;

/** Differences are told up to here; what follows is most likely more of the same. */
const MOST_DIFFERENCES = 200;

export class Comparer {
  readonly #native = new Native();
  readonly #emulated: Emulated;
  readonly #generator = new Generator(this.#native.bytes, this.#native.images);
  readonly #words = new Uint32Array(this.#native.bytes.buffer, 0, ARENA_SIZE / 4);
  readonly #emulatedRecord = new Uint32Array(RECORD / 4);
  readonly #emulatedImage = new Uint8Array(IMAGE);
  readonly #failed: number[] = [];

  /** `beside`: as where other CPUs run beside this one. */
  constructor(beside: 0 | 1 = 0) {
    this.#emulated = new Emulated(beside);
  }

  /** Runs cases `first` to `first + count` of `seed`. */
  compare(seed: number, first: number, count: number): Comparison {
    const perForm = new Uint32Array(FORMS.length);
    const differences: Difference[] = [];
    let cases = 0;
    let otherModes = 0;
    let faults = 0;
    for (let done = 0; done < count && differences.length < MOST_DIFFERENCES; done += BATCH) {
      const size = Math.min(BATCH, count - done);
      this.#runBatch(seed, first + done, size);
      cases += size;
      for (let n = 0; n < size; n++) {
        const { forms, mode } = this.#generator.cases[n];
        for (const form of forms) perForm[form]++;
        if (mode.bits !== 64) otherModes++;
        if (this.#words[recordWord(n) + OUT_END / 4] === FAULTED) faults++;
      }
      const failed = [...new Set(this.#failed)].map((n) => this.#generator.cases[n].index);
      for (const index of failed) differences.push(this.explain(seed, index));
    }
    return { cases, otherModes, faults, perForm, differences };
  }

  #runBatch(seed: number, first: number, size: number): void {
    this.#failed.length = 0;
    for (let n = 0; n < size; n++) this.#generator.make(seed, first + n, n);
    this.#emulated.take(this.#native.bytes);
    this.#native.run(0, size);
    for (let n = 0; n < size; n++) {
      const made = this.#generator.cases[n];
      const at = recordWord(n);
      const record = this.#words.subarray(at, at + RECORD / 4);
      const [before, after] = this.#images(n);
      this.#emulated.run(made, record, this.#emulatedRecord, before, this.#emulatedImage);
      const same = this.#isSame(made, record) && (!made.hasVectors || sameImages(after, this.#emulatedImage));
      if (!same) this.#failed.push(n);
    }
    this.#compareMemory(size);
  }

  /** The vector registers of case `n` on the host, before and after it. */
  #images(n: number): [Uint8Array, Uint8Array] {
    const at = 2 * IMAGE * n;
    const { images } = this.#native;
    return [images.subarray(at, at + IMAGE), images.subarray(at + IMAGE, at + 2 * IMAGE)];
  }

  #isSame(made: Case, record: Uint32Array): boolean {
    const other = this.#emulatedRecord;
    const same = (offset: number, mask = 0xffff_ffff) => ((record[offset / 4] ^ other[offset / 4]) & mask) === 0;
    const faulted = record[OUT_END / 4] === FAULTED;
    // An instruction that faults changes nothing that it would leave undefined.
    const isWhole = faulted && made.forms.length === 1;
    // Outside of 64-bit mode the upper halves of registers are not defined.
    const step = made.mode.bits === 64 ? 4 : 8;
    for (let at = OUT; at < OUT_FLAGS; at += step) {
      if (!same(at) && (isWhole || (at - OUT) >> 3 !== made.ignoredRegister)) return false;
    }
    if (!same(OUT_FLAGS, isWhole ? 0xffff_ffff : ~made.ignoredFlags) || !same(OUT_END)) return false;
    // CS is known where a fault tells it.
    if (!same(OUT_SELECTORS, faulted ? 0xffff_ffff : 0xffff) || !same(OUT_SELECTORS + 4)) return false;
    if (!same(OUT_SELECTORS + 8)) return false;
    if (!faulted) return true;
    if (![OUT_VECTOR, OUT_ERROR, OUT_RIP, OUT_RIP + 4].every((offset) => same(offset))) return false;
    if (record[OUT_VECTOR / 4] !== PAGE_FAULT) return true;
    // Of an access that goes on in a second page, processors may name any byte that lies there.
    // So they may of accesses to several items, of which not the first need be what they try first.
    const isSecondPage =
      other[OUT_CR2 / 4] % PAGE === 0 || made.area >= 0 || SEVERAL_ITEMS.has(FORMS[made.forms[0]].name);
    return same(OUT_CR2, isSecondPage ? -PAGE : -1) && same(OUT_CR2 + 4);
  }

  #compareMemory(size: number): void {
    const end = size * WINDOW;
    for (let page = 0; page < end; page += PAGE) {
      const ours = this.#emulated.address(page);
      const native = this.#native.bytes.subarray(page, page + PAGE);
      const emulated = this.#emulated.bytes.subarray(ours, ours + PAGE);
      if (Buffer.compare(native, emulated) === 0) continue;
      for (let n = 0; n < PAGE; n++) {
        const window = Math.floor((page + n) / WINDOW);
        if (native[n] !== emulated[n] && window < size && !this.#mayDiffer(window, page + n)) this.#failed.push(window);
      }
    }
  }

  #mayDiffer(n: number, at: number): boolean {
    const { forms, area } = this.#generator.cases[n];
    if (area >= 0 && isOwnAffair(FORMS[forms[0]], at - area)) return true;
    const faulted = this.#words[recordWord(n) + OUT_END / 4] === FAULTED;
    return faulted && forms.length === 1 && SEVERAL_ITEMS.has(FORMS[forms[0]].name);
  }

  /** Runs one case again by itself, and says what it is and how it differs. */
  explain(seed: number, index: number): Difference {
    const generator = this.#generator;
    generator.make(seed, index, 0);
    const made = generator.cases[0];
    const before = this.#native.bytes.slice(0, WINDOW);
    this.#emulated.take(this.#native.bytes);
    this.#native.run(0, 1);
    const at = recordWord(0);
    const record = this.#words.subarray(at, at + RECORD / 4);
    const other = this.#emulatedRecord;
    const [imageBefore, imageAfter] = this.#images(0);
    this.#emulated.run(made, record, other, imageBefore, this.#emulatedImage);
    const code = this.#native.bytes.slice(made.code, made.code + made.length);
    const lines = [
      `case ${index} of seed ${seed}, ${made.mode.name}: ${formsOf(made)}, ${made.budget} at a time`,
      `  ${hex(code)}  ${disassemble(code, made.mode.bits, made.following - made.length)}`,
      `  entry ${(made.following - made.length).toString(16)}, RFLAGS ${record[IN_FLAGS / 4].toString(16)}, not compared ${made.ignoredFlags.toString(16)}`,
    ];
    for (let reg = 0; reg < 17; reg++) {
      const word = OUT / 4 + 2 * reg;
      const native = word64(record, word);
      const ours = reg === 16 ? other[word].toString(16).padStart(16, '0') : word64(other, word);
      const mark = native === ours ? ' ' : '*';
      lines.push(`  ${mark} ${NAMES[reg].padEnd(6)} ${word64(record, 2 * reg)} -> host ${native} emulator ${ours}`);
    }
    if (made.hasVectors) lines.push(...describeImages(imageBefore, imageAfter, this.#emulatedImage));
    const ends = [record[OUT_END / 4], other[OUT_END / 4]];
    lines.push(`  ends: host ${ends[0]}, emulator ${ends[1]} (RIP ${this.#emulated.rip.toString(16)})`);
    for (const [name, field] of FAULT_FIELDS)
      lines.push(`    ${name}: host ${word64(record, field / 4)}, emulator ${word64(other, field / 4)}`);
    for (let n = 0; n < WINDOW; n++) {
      const native = this.#native.bytes[n];
      const ours = this.#emulated.bytes[this.#emulated.address(n)];
      if (native !== ours)
        lines.push(
          `  * byte ${n.toString(16)}: ${before[n].toString(16)} -> host ${native.toString(16)} emulator ${ours.toString(16)}`,
        );
    }
    return { seed, index, form: formsOf(made), text: lines.join('\n') };
  }
}

/** Code lies in pages of the arena's own; a case's window must not reach it. */
if (BATCH * WINDOW > SLOTS) throw new Error('arena.ts: the windows reach into the slots');

function formsOf(made: Case): string {
  return made.forms.map((n) => describe(FORMS[n])).join('; ');
}

function word64(words: Uint32Array, at: number): string {
  return words[at + 1].toString(16).padStart(8, '0') + words[at].toString(16).padStart(8, '0');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/..(?!$)/g, '$& ');
}

/** By binutils, where they are installed. */
function disassemble(code: Uint8Array, bits: number, address: number): string {
  const scratch = mkdtempSync(join(tmpdir(), 'differential-'));
  try {
    const file = join(scratch, 'code.bin');
    writeFileSync(file, code);
    const args = [
      '-D',
      '-b',
      'binary',
      '-m',
      bits === 64 ? 'i386:x86-64' : bits === 32 ? 'i386' : 'i8086',
      '-M',
      'intel',
      `--adjust-vma=${address}`,
      file,
    ];
    const { stdout } = spawnSync('objdump', args, { encoding: 'utf8' });
    return [...(stdout ?? '').matchAll(/^.*:\t.*\t(.*)$/gm)].map(([, text]) => text.trim()).join('; ');
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

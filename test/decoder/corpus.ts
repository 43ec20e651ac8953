/**
 * A corpus of random byte strings that the emulator's decoder and iced-x86 both look at: the same length, or both refuse.
 * Strings are rich in prefixes and escape bytes, as plain random ones would seldom come to the two- and three-byte maps.
 */
import { Code, CpuidFeature, Decoder, DecoderOptions, Instruction } from 'iced-x86';
import { Core } from '../../bench/bare-core.mjs';
import { announcedFeatures } from './announced';
import { deviation } from './deviations';

export type Bits = 16 | 32 | 64;
export const MODES: readonly Bits[] = [16, 32, 64];

const MAX_LENGTH = 15;
/** Of code at privilege level 0 in protected mode: bits of MODE (core/modes.ts). */
const CODE_SIZE: Record<Bits, number> = { 16: 0, 32: 1 | 4 | 8, 64: 2 | 8 };
const PROTECTED = 1 << 5;
const MMX = 1 << 6;
const SSE = 1 << 7;
const AVX = 1 << 8;
/** Offset of a micro-operation's number. */
const U_OP = 0;

const PREFIXES = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65];
const ESCAPES = [[0x0f], [0x0f, 0x38], [0x0f, 0x3a], [0xc4], [0xc5], [0x0f, 0x01], [0x0f, 0xae], [0x0f, 0xc7]];

export interface Disagreement {
  bits: Bits;
  bytes: string;
  /** Length, or 0 for #UD. */
  ours: number;
  iced: number;
  name: string;
}

/** xorshift32, of which a case's number makes a state of its own. */
function generator(seed: number, number: number): () => number {
  let x = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35)) | 1;
  const next = () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
  for (let n = 0; n < 8; n++) next();
  return next;
}

export function bytesOf(seed: number, number: number, bits: Bits): Uint8Array {
  const next = generator(seed, number * 4 + MODES.indexOf(bits));
  const bytes = new Uint8Array(MAX_LENGTH);
  let at = 0;
  const prefixes = next() % 8 === 0 ? next() % MAX_LENGTH : [0, 0, 0, 1, 1, 2][next() % 6];
  while (at < prefixes) bytes[at++] = PREFIXES[next() % PREFIXES.length];
  if (bits === 64 && next() % 3 === 0 && at < MAX_LENGTH) bytes[at++] = 0x40 | (next() & 15);
  if (next() % 4 !== 0) for (const byte of ESCAPES[next() % ESCAPES.length]) if (at < MAX_LENGTH) bytes[at++] = byte;
  while (at < MAX_LENGTH) bytes[at++] = next() >>> 24;
  return bytes;
}

export class Corpus {
  readonly #core = new Core({ ramBytes: 1 << 20 });
  readonly #announced: ReadonlySet<number>;
  readonly #flags: number;
  /** What execution makes #UD of. */
  readonly #refused: ReadonlySet<number>;
  readonly #uop: number;
  readonly #code: number;
  readonly #instruction = new Instruction();
  /** By iced's codes: whether CPUID announces them. */
  readonly #isAnnounced = new Map<number, boolean>();

  constructor() {
    this.#announced = announcedFeatures(this.#core);
    const has = (name: string) => this.#announced.has((CpuidFeature as unknown as Record<string, number>)[name]);
    this.#flags = PROTECTED | (has('MMX') ? MMX : 0) | (has('SSE') ? SSE : 0) | (has('AVX') ? AVX : 0);
    const { INVALID, UD, UNAVAILABLE } = this.#core.x;
    this.#refused = new Set([INVALID, UD, UNAVAILABLE].map(({ value }) => value));
    this.#uop = this.#core.ram;
    this.#code = this.#core.ram + 64;
  }

  /** Looks at cases of one size; what the two do not agree on. */
  compare(bits: Bits, seed: number, first: number, count: number): Disagreement[] {
    const found: Disagreement[] = [];
    for (let number = first; number < first + count; number++) {
      const bytes = bytesOf(seed, number, bits);
      const ours = this.lengthOf(bits, bytes);
      const { length, name, excused } = this.#iced(bits, bytes);
      if (ours !== length && !excused)
        found.push({ bits, bytes: Buffer.from(bytes).toString('hex'), ours, iced: length, name });
    }
    return found;
  }

  /** By the emulator's decoder; 0: #UD, or more than 15 bytes. */
  lengthOf(bits: Bits, bytes: Uint8Array): number {
    const core = this.#core;
    core.bytes.set(bytes, this.#code);
    const length = core.x.decode(this.#uop, this.#code, this.#code + MAX_LENGTH, 0, CODE_SIZE[bits] | this.#flags);
    return this.#refused.has(core.view.getUint16(this.#uop + U_OP, true)) ? 0 : length;
  }

  #iced(bits: Bits, bytes: Uint8Array) {
    const decoder = new Decoder(bits, bytes, DecoderOptions.None);
    const instruction = this.#instruction;
    decoder.decodeOut(instruction);
    decoder.free();
    const code = instruction.code;
    const isValid = code !== Code.INVALID && this.#knows(code, instruction);
    return {
      length: isValid ? instruction.length : 0,
      name: Code[code],
      excused: deviation(instruction, bytes, bits) !== null,
    };
  }

  #knows(code: number, instruction: Instruction): boolean {
    const known = this.#isAnnounced.get(code);
    if (known !== undefined) return known;
    const announced = [...instruction.cpuidFeatures()].every((feature) => this.#announced.has(feature));
    this.#isAnnounced.set(code, announced);
    return announced;
  }
}

// The decoder refuses what real hardware refuses: random byte strings have the length that iced-x86 gives them, or are #UD with
// both, by what CPUID announces. `node scripts/decoder.mjs` takes any number of them.
import { describe, expect, test } from 'vitest';
import { LONG } from '../support/needs';
import { bytesOf, Corpus, MODES } from './corpus';

const SEED = 1;
const CASES = LONG ? 1_000_000 : 60_000;

describe('a corpus of random byte strings', () => {
  const corpus = new Corpus();

  test.each(MODES)('of %i-bit code', (bits) => {
    expect(corpus.compare(bits, SEED, 0, CASES)).toEqual([]);
  });

  test.each(MODES)('of %i-bit code has both what there is and what is not', (bits) => {
    const lengths = Array.from({ length: 2000 }, (_, n) => corpus.lengthOf(bits, bytesOf(SEED, n, bits)));
    expect(lengths.filter((length) => length === 0).length).toBeGreaterThan(400);
    expect(lengths.filter((length) => length > 0).length).toBeGreaterThan(400);
    expect(Math.max(...lengths)).toBe(15);
  });
});

const corpus = new Corpus();
const decoded = (bits: 16 | 32 | 64, hex: string) =>
  corpus.lengthOf(bits, Buffer.from(hex.replaceAll(' ', '').padEnd(30, '0'), 'hex'));

test.each([
  [64, '4c 8e d8', 3, 'REX.R says nothing about a segment register'],
  [64, '44 0f 20 c0', 4, 'REX.R makes CR8 of CR0'],
  [64, '44 0f 22 c8', 0, 'CR9'],
  [32, '0f 20 c8', 0, 'CR1'],
  [64, '44 0f 21 c0', 0, 'DR8'],
  [32, '8e c8', 0, 'MOV to CS'],
  [32, '0f 0d c8', 3, 'PREFETCHW of a register, a reserved NOP'],
  [64, 'f2 0f c7 f0', 0, 'RDRAND with F2'],
  [64, 'f3 0f c7 f8', 4, 'RDPID'],
  [64, '66 0f 01 ca', 0, 'CLAC with 66'],
  [64, '2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 90', 15, 'fourteen prefixes'],
  [64, '2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e', 0, 'fifteen'],
] as const)('%i bits, %s: length %i: %s', (bits, hex, length, _why) => expect(decoded(bits, hex)).toBe(length));

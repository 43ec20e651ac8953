// System management mode on the bare core: what RSM makes of a state save map that no processor could have left.
import { expect, test } from 'vitest';
import { Core } from '../bench/bare-core.mjs';
import { Random } from './differential/random';

const SHUTDOWN = 8;
const HLT = 5;
/** RSM leaves for the host to look what has waited. */
const WINDOW = 7;
const SMBASE = 0x30000;
const ENTRY = SMBASE + 0x8000;
const MAP = SMBASE + 0xfc00;
const MAP_BYTES = 0x400;
const RSM = [0x0f, 0xaa];
const [CR0, CR4, EFER, RFLAGS, SMBASE_FIELD] = [0x3f8, 0x240, 0x3e0, 0x3e8, 0x2f8];

/** A core of 64-bit code, HLT, that an SMI takes to the handler; `handler` is its code, RSM by default. */
function withSmi(handler = RSM): Core {
  const core = new Core({ ramBytes: 1 << 20, cacheBytes: 1 << 20, gapBytes: 4096 });
  core.flat(64, Uint8Array.of(0xf4), 0x7c00);
  core.bytes.set(handler, core.ram + ENTRY);
  core.x.smi(core.cpu);
  return core;
}

test('as it was, the program goes on', () => {
  const core = withSmi();
  expect([core.run(1000), core.run(1000)]).toEqual([WINDOW, HLT]);
});

test.each([
  ['an upper bit of CR0', CR0, 0x1_8000_0011n],
  ['paging without protection', CR0, 0x8000_0010n],
  ['NW without CD', CR0, 0xa000_0011n],
  ['a reserved bit of CR4', CR4, 0x8000_0000n],
  ['IA-32e mode without PAE', CR4, 0n],
  ['LMA without LME', EFER, 0x400n],
  ['LME with paging, without LMA', EFER, 0x100n],
  ['a reserved bit of EFER', EFER, 0x8500n],
  ['virtual-8086 mode in IA-32e mode', RFLAGS, 0x2_0002n],
])('%s is a shutdown', (_name, field, value) => {
  // mov dword [cs:MAP + field], low; the same for the upper half; rsm
  const half = (offset: number, bits: bigint) => [
    ...[0x2e, 0x66, 0xc7, 0x06, (0xfc00 + offset) & 0xff, (0xfc00 + offset) >> 8],
    ...[0n, 8n, 16n, 24n].map((shift) => Number((bits >> shift) & 0xffn)),
  ];
  const core = withSmi([...half(field, value & 0xffff_ffffn), ...half(field + 4, value >> 32n), ...RSM]);
  expect(core.run(1000)).toBe(SHUTDOWN);
});

test('a base past the end of RAM is a shutdown at the next SMI', () => {
  const core = withSmi([0x2e, 0x66, 0xc7, 0x06, SMBASE_FIELD & 0xff, 0xfe, 0, 0, 0, 0xf0, ...RSM]);
  expect([core.run(1000), core.run(1000)]).toEqual([WINDOW, HLT]);
  core.x.smi(core.cpu);
  expect(core.run(1000)).toBe(SHUTDOWN);
});

test('random maps: the core comes back, and no other memory is touched', () => {
  const random = new Random();
  for (let round = 0; round < 100; round++) {
    random.seed(1, round);
    const core = withSmi([0xf4, ...RSM]);
    const { gaps } = core;
    for (const [start, end] of gaps) core.bytes.fill(0xc3, start, end);
    expect(core.run(1000)).toBe(HLT);
    const map = core.bytes.subarray(core.ram + MAP, core.ram + MAP + MAP_BYTES);
    // Most of it as it was: else nothing gets past the checks.
    for (let n = 1 + random.below(40); n > 0; n--) map[random.below(MAP_BYTES)] = random.next();
    for (let runs = 0; runs < 20; runs++) core.x.run(core.cpu, 500);
    for (const [start, end] of gaps)
      expect(
        core.bytes.subarray(start, end).every((byte) => byte === 0xc3),
        `round ${round}`,
      ).toBe(true);
  }
});

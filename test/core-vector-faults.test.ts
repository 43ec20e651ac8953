// Vector accesses that fault on the bare core: gathers in their midst, masked elements, what crosses into another page.
import { expect, test } from 'vitest';
import { Core, assemble } from '../bench/bare-core.mjs';
import { CPL, YMM } from '../main/accelerator/emulator/core/state';

const ADDRESS = 0x7c00;
const HLT = 5;
const SHUTDOWN = 8;
const [TABLE, DIRECTORY] = [0x6000, 0x5000];
const DATA = 0x10000;
/** A page that is not there, behind one that is; and one that can only be read. */
const HOLE = 0x40000;
const READ_ONLY = 0x50000;
const [PRESENT, WRITABLE, USER] = [1, 2, 4];
const OSFXSR_OSXSAVE_PAE = (1n << 9n) | (1n << 18n) | (1n << 5n);
const AC = 1n << 18n;
const WP_AM_PG_PE = 0x8005_0011n;
const ENABLE = 'xor ecx, ecx\nxor edx, edx\nmov eax, 7\nxsetbv\nvzeroall';
const FILLED = 0x1111_1111;

interface Options {
  /** Runs at CPL 3, with alignment checks. */
  user?: boolean;
  /** As vectors of 32 bits. */
  values?: Record<number, number[]>;
}

/** Code with every exception a shutdown, over data of 0, 4, 8… */
function prepare(source: string, { user = false, values = {} }: Options = {}): Core {
  const core = new Core({ ramBytes: 1 << 20, cacheBytes: 1 << 16 });
  core.flat(64, assemble(`bits 64\norg ${ADDRESS}\n${ENABLE}\nhlt\nstart: ${source}\nhlt\n`), ADDRESS);
  const entry = (at: number, value: number) => core.view.setBigUint64(core.ram + at, BigInt(value), true);
  entry(0x1000, 0x2000 | PRESENT | WRITABLE | USER);
  entry(0x2000, DIRECTORY | PRESENT | WRITABLE | USER);
  entry(DIRECTORY, TABLE | PRESENT | WRITABLE | USER);
  for (let n = 0; n < 256; n++) entry(TABLE + 8 * n, (n << 12) | PRESENT | WRITABLE | USER);
  entry(TABLE + 8 * (HOLE >> 12), 0);
  entry(TABLE + 8 * (READ_ONLY >> 12), READ_ONLY | PRESENT | USER);
  for (let at = DATA; at < 1 << 20; at += 4) core.view.setUint32(core.ram + at, at, true);
  core.setField('CR4', OSFXSR_OSXSAVE_PAE);
  core.setField('CR0', WP_AM_PG_PE);
  core.setField('IDTR_LIMIT', 0);
  core.x.stateChanged(core.cpu);
  expect(core.run(1000)).toBe(HLT);
  for (const [register, words] of Object.entries(values))
    words.forEach((word, n) => core.view.setUint32(core.cpu + YMM + 32 * Number(register) + 4 * n, word, true));
  if (user) {
    core.setField('RFLAGS', AC);
    core.view.setUint8(core.cpu + CPL, 3);
    core.x.stateChanged(core.cpu);
  }
  return core;
}

/** How it ends: whether RIP has moved by then, and the address of a page fault, or 0. */
function endOf(core: Core) {
  const rip = core.field('RIP');
  const reason = core.run(1000);
  return { reason, moved: Number(core.field('RIP') - rip), cr2: Number(core.field('CR2')) };
}
const fault = (cr2: number) => ({ reason: SHUTDOWN, moved: 0, cr2 });

const vector = (core: Core, register: number) =>
  Array.from({ length: 8 }, (_, n) => core.view.getUint32(core.cpu + YMM + 32 * register + 4 * n, true));
const mapHole = (core: Core) => {
  core.view.setBigUint64(core.ram + TABLE + 8 * (HOLE >> 12), BigInt(HOLE | PRESENT | WRITABLE | USER), true);
  core.x.stateChanged(core.cpu);
};
const ONES = 0xffff_ffff;
const MARKED = 0x8000_0001;

test('a gather keeps what it has read, with the mask of what is left, and goes on from there', () => {
  const values = {
    1: Array(8).fill(FILLED),
    // What a sign chooses: all but elements 1 and 6.
    2: [MARKED, 1, MARKED, ONES, MARKED, MARKED, 0x7fff_ffff, MARKED],
    3: [0, HOLE, 8, 12, 16, HOLE + 64 - DATA, HOLE, 28],
  };
  const core = prepare(`vpgatherdd ymm1, [${DATA} + ymm3], ymm2`, { values });
  expect(endOf(core)).toEqual(fault(HOLE + 64));
  const read = [DATA, FILLED, DATA + 8, DATA + 12, DATA + 16];
  expect(vector(core, 1)).toEqual([...read, FILLED, FILLED, FILLED]);
  expect(vector(core, 2)).toEqual([0, 0, 0, 0, 0, ONES, 0, ONES]);
  mapHole(core);
  expect(core.run(1000)).toBe(HLT);
  expect(vector(core, 1)).toEqual([...read, HOLE + 64, FILLED, DATA + 28]);
  expect(vector(core, 2)).toEqual(Array(8).fill(0));
});

test('with quadword indices: of doublewords half as many, and the rest of the mask is 0 at the fault', () => {
  const values = { 1: Array(8).fill(FILLED), 2: Array(8).fill(MARKED), 3: [4, 0, HOLE - DATA, 0] };
  const core = prepare(`vpgatherqd xmm1, [${DATA} + xmm3], xmm2`, { values });
  expect(endOf(core)).toEqual(fault(HOLE));
  expect(vector(core, 1)).toEqual([DATA + 4, ...Array(7).fill(FILLED)]);
  expect(vector(core, 2)).toEqual([0, ONES, 0, 0, 0, 0, 0, 0]);
  mapHole(core);
  expect(core.run(1000)).toBe(HLT);
  expect(vector(core, 1)).toEqual([DATA + 4, HOLE, 0, 0, 0, 0, 0, 0]);
});

test('an element that crosses into a missing page is not read in part', () => {
  const values = { 1: Array(8).fill(FILLED), 2: Array(8).fill(ONES), 3: [0, HOLE - 4 - DATA, 0, 0] };
  const core = prepare(`vpgatherdq ymm1, [${DATA} + xmm3], ymm2`, { values });
  expect(endOf(core)).toEqual(fault(HOLE));
  expect(vector(core, 1)).toEqual([DATA, DATA + 4, ...Array(6).fill(FILLED)]);
  expect(vector(core, 2)).toEqual([0, 0, ONES, ONES, ONES, ONES, ONES, ONES]);
});

test.each([
  ['vpgatherdd ymm1, [rsi + ymm3], ymm2', [0, 5, 9, 13, 17, 21, 25, 29]],
  ['vmaskmovps ymm1, ymm2, [rsi + 1]', []],
  ['vpmaskmovq ymm1, ymm2, [rsi + 3]', []],
  ['vmaskmovpd [rsi + 5], ymm2, ymm1', []],
])('%s does not check alignment', (instruction, indices) => {
  const values = { 2: Array(8).fill(ONES), 3: indices };
  const core = prepare(`mov esi, ${DATA}\n${instruction}\nud2`, { user: true, values });
  const { length } = assemble(`bits 64\nmov esi, ${DATA}\n${instruction}`);
  expect(endOf(core)).toEqual({ reason: SHUTDOWN, moved: length, cr2: 0 });
});

test('others do, at CPL 3', () => {
  const core = prepare(`mov eax, [${DATA} + 1]`, { user: true });
  expect(endOf(core)).toEqual(fault(0));
});

test.each([
  ['vmaskmovps', 4],
  ['vpmaskmovq', 8],
])('%s: what its mask leaves out is not looked at, and nothing is stored before a fault', (instruction, size) => {
  const values = { 1: Array(8).fill(FILLED), 2: [ONES, ONES, 0, 0, 0, 0, 0, 0] };
  const source = `${instruction} [${HOLE} - ${size}], ymm2, ymm1`;
  const left = prepare(source, { values: { ...values, 2: size === 8 ? values[2] : [ONES] } });
  expect(left.run(1000)).toBe(HLT);
  expect(left.view.getUint32(left.ram + HOLE - size, true)).toBe(FILLED);
  const core = prepare(source, { values: { ...values, 2: Array(8).fill(ONES) } });
  expect(endOf(core)).toEqual(fault(HOLE));
  expect(core.view.getUint32(core.ram + HOLE - size, true)).toBe(HOLE - size);
});

test.each([
  ['movups [rsi], xmm1', HOLE - 12, HOLE],
  ['vmovups [rsi], ymm1', HOLE - 1, HOLE],
  ['vmovdqu [rsi], ymm1', READ_ONLY - 16, READ_ONLY],
  ['movntdq [rsi], xmm1', READ_ONLY, READ_ONLY],
  ['vextracti128 [rsi], ymm1, 1', HOLE - 4, HOLE],
  ['movlps [rsi], xmm1', READ_ONLY - 4, READ_ONLY],
  ['maskmovdqu xmm1, xmm2', HOLE - 8, HOLE],
])('%s across the end of what can be written stores nothing', (instruction, address, faulting) => {
  const values = { 1: Array(8).fill(FILLED), 2: Array(8).fill(ONES) };
  const core = prepare(instruction, { values });
  for (const register of ['rsi', 'rdi']) core.setReg(register, address);
  const page = core.bytes.slice(core.ram + faulting - 4096, core.ram + faulting + 4096);
  expect(endOf(core)).toEqual(fault(faulting));
  expect(core.bytes.slice(core.ram + faulting - 4096, core.ram + faulting + 4096)).toEqual(page);
});

test.each([
  'movups xmm1, [rsi]',
  'vaddps ymm1, ymm1, [rsi]',
  'vpshufb ymm1, ymm1, [rsi]',
  'vbroadcasti128 ymm1, [rsi]',
  'vpmovzxbd ymm1, [rsi + 10]',
  'movhpd xmm1, [rsi + 10]',
])('%s across the end of what can be read changes no register', (instruction) => {
  const core = prepare(instruction, { values: { 1: Array(8).fill(FILLED) } });
  core.setReg('rsi', HOLE - 14);
  expect(endOf(core)).toEqual(fault(HOLE));
  expect(vector(core, 1)).toEqual(Array(8).fill(FILLED));
});

test('what has to be aligned is looked at before its page', () => {
  for (const instruction of ['movaps xmm1, [rsi]', 'vmovaps [rsi], ymm1', 'addps xmm1, [rsi]']) {
    const core = prepare(instruction);
    core.setReg('rsi', HOLE + 8);
    expect(endOf(core)).toEqual(fault(0));
  }
});

// Floating-point SIMD on the bare core: results, MXCSR and faults where the SDM says them outright (vol. 1, "SIMD Floating-Point
// Exceptions", "Operating on SNaNs and QNaNs"). Every form against the host's processor: test/differential.
import { expect, test } from 'vitest';
import { Core, assemble } from '../bench/bare-core.mjs';
import {
  CR4,
  GDTR_BASE,
  GDTR_LIMIT,
  IDTR_BASE,
  IDTR_LIMIT,
  MXCSR,
  XCR0,
  YMM,
} from '../main/accelerator/emulator/core/state';

const CODE = 0x10000;
const HANDLERS = 0x20000;
const GDT = 0x3000;
const IDT = 0x4000;
const CODE_64 = 0x0020_9a00_0000_0000n;
const CR4_PAE = 0x20n;
/** OSFXSR and OSXSAVE. */
const CR4_SIMD = 0x4_0200n;
const CR4_OSXMMEXCPT = 0x400n;
const CR0_TS = 8n;
const X87_SSE_AVX = 7n;

const DEFAULT = 0x1f80;
const [IE, DE, ZE, OE, UE, PE] = [1, 2, 4, 8, 16, 32];
const DAZ = 1 << 6;
const FTZ = 1 << 15;
const [DOWN, UP, TRUNCATE] = [1 << 13, 2 << 13, 3 << 13];
/** MXCSR with these exceptions unmasked. */
const unmasked = (flags: number) => DEFAULT & ~(flags << 7);
const UD = 6;
const NM = 7;
const XM = 19;

const double = (value: number) => new BigUint64Array(Float64Array.of(value).buffer)[0];
const single = (value: number) => BigInt(new Uint32Array(Float32Array.of(value).buffer)[0]);
const LEAST = 1n; // the least denormal
const MIN_NORMAL = 0x0010_0000_0000_0000n;
const MAX = double(Number.MAX_VALUE);
const INFINITY = double(Infinity);
const INDEFINITE = 0xfff8_0000_0000_0000n;
const SNAN = 0x7ff0_0000_0000_0123n;
const QNAN = 0x7ff8_0000_0000_0456n;
const INVALID_INTEGER = 0x8000_0000_0000_0000n;

const images = new Map<string, Uint8Array>();

function assembled(instruction: string): Uint8Array {
  const known = images.get(instruction) ?? assemble(`bits 64\n${instruction}\nhlt\n`);
  images.set(instruction, known);
  return known;
}

/** One instruction on xmm1, xmm2 and xmm3, given by their lower halves: what it leaves in xmm1, its flags, its fault. */
function run(instruction: string, mxcsr: number, operands: readonly bigint[], cr4 = CR4_OSXMMEXCPT, cr0 = 0n) {
  const core = new Core({ ramBytes: 1 << 20, cacheBytes: 1 << 16 });
  const { view, ram, cpu } = core;
  core.flat(64, assembled(instruction), CODE);
  core.bytes.fill(0xf4, ram + HANDLERS, ram + HANDLERS + 256);
  view.setBigUint64(ram + GDT + 8, CODE_64, true);
  for (const vector of [UD, NM, XM]) {
    view.setUint32(ram + IDT + 16 * vector, (8 << 16) | vector, true);
    view.setUint32(ram + IDT + 16 * vector + 4, (HANDLERS & 0xffff0000) | 0x8e00, true);
  }
  view.setBigUint64(cpu + GDTR_BASE, BigInt(GDT), true);
  view.setUint32(cpu + GDTR_LIMIT, 15, true);
  view.setBigUint64(cpu + IDTR_BASE, BigInt(IDT), true);
  view.setUint32(cpu + IDTR_LIMIT, 0xfff, true);
  view.setBigUint64(cpu + CR4, CR4_PAE | CR4_SIMD | cr4, true);
  core.setField('CR0', core.field('CR0') | cr0);
  view.setBigUint64(cpu + XCR0, X87_SSE_AVX, true);
  core.x.stateChanged(cpu);
  view.setUint32(cpu + MXCSR, mxcsr, true);
  operands.forEach((value, n) => view.setBigUint64(cpu + YMM + 32 * (n + 1), value, true));
  core.run(100);
  const at = Number(core.field('RIP')) - 1;
  return {
    xmm1: view.getBigUint64(cpu + YMM + 32, true),
    flags: view.getUint32(cpu + MXCSR, true) & 0x3f,
    fault: at >= HANDLERS ? at - HANDLERS : null,
  };
}

const ADD = 'addsd xmm1, xmm2';
const MUL = 'mulsd xmm1, xmm2';
const DIV = 'divsd xmm1, xmm2';
const FMA = 'vfmadd132sd xmm1, xmm3, xmm2'; // xmm1 * xmm2 + xmm3

test.each([
  // Rounding
  [ADD, DEFAULT, [0.1, 0.2], double(0.1 + 0.2), PE],
  [ADD, DEFAULT | DOWN, [0.1, 0.2], double(0.1 + 0.2) - 1n, PE],
  [ADD, DEFAULT, [1, 2], double(3), 0],
  [ADD, DEFAULT | DOWN, [1, -1], double(-0), 0],
  [ADD, DEFAULT | UP, [1, LEAST], double(1) + 1n, PE | DE],
  [MUL, DEFAULT, [3, 0.5], double(1.5), 0],
  [MUL, DEFAULT, [0.1, 0.1], double(0.1 * 0.1), PE],
  [DIV, DEFAULT, [1, 3], double(1 / 3), PE],
  [DIV, DEFAULT | UP, [1, 3], double(1 / 3) + 1n, PE],
  [DIV, DEFAULT | UP, [-1, 3], double(-1 / 3), PE],
  ['sqrtsd xmm1, xmm2', DEFAULT, [0, 9], double(3), 0],
  ['sqrtsd xmm1, xmm2', DEFAULT | TRUNCATE, [0, 2], double(Math.SQRT2) - 1n, PE],
  // Both ends of the range
  [ADD, DEFAULT, [MAX, MAX], INFINITY, OE | PE],
  [ADD, DEFAULT | TRUNCATE, [MAX, MAX], MAX, OE | PE],
  [MUL, DEFAULT, [MIN_NORMAL, 0.5], MIN_NORMAL >> 1n, 0],
  [MUL, DEFAULT, [MIN_NORMAL + 1n, 0.5], MIN_NORMAL >> 1n, UE | PE],
  [MUL, DEFAULT | FTZ, [MIN_NORMAL, -0.5], double(-0), UE | PE],
  [MUL, DEFAULT, [MIN_NORMAL - 1n, 1], MIN_NORMAL - 1n, DE],
  [MUL, DEFAULT | DAZ, [MIN_NORMAL - 1n, 1], 0n, 0],
  [MUL, DEFAULT, [LEAST, 0.5], 0n, DE | UE | PE],
  // Invalid operations and NaNs
  [ADD, DEFAULT, [Infinity, -Infinity], INDEFINITE, IE],
  [MUL, DEFAULT, [Infinity, 0], INDEFINITE, IE],
  [DIV, DEFAULT, [0, 0], INDEFINITE, IE],
  [DIV, DEFAULT, [-1, 0], double(-Infinity), ZE],
  ['sqrtsd xmm1, xmm2', DEFAULT, [0, -4], INDEFINITE, IE],
  [ADD, DEFAULT, [SNAN, QNAN], SNAN | (MIN_NORMAL >> 1n), IE],
  [ADD, DEFAULT, [QNAN, SNAN], QNAN, IE],
  [ADD, DEFAULT, [1, QNAN], QNAN, 0],
  [ADD, DEFAULT, [LEAST, QNAN], QNAN, 0],
  ['minsd xmm1, xmm2', DEFAULT, [QNAN, 1], double(1), IE],
  ['minsd xmm1, xmm2', DEFAULT, [1, SNAN], SNAN, IE],
  ['maxsd xmm1, xmm2', DEFAULT, [0, -0], double(-0), 0],
  ['cmpltsd xmm1, xmm2', DEFAULT, [QNAN, 1], 0n, IE],
  ['cmpeqsd xmm1, xmm2', DEFAULT, [QNAN, 1], 0n, 0],
  ['vcmpsd xmm1, xmm1, xmm2, 0x1c', DEFAULT, [1, QNAN], 0n, IE], // NEQ_OS
  // Conversions
  ['cvtsd2ss xmm1, xmm2', DEFAULT, [0, 0.1], single(0.1), PE],
  ['cvtss2sd xmm1, xmm2', DEFAULT, [0, single(0.5)], double(0.5), 0],
  ['roundsd xmm1, xmm2, 0', DEFAULT | UP, [0, 2.5], double(2), PE],
  ['roundsd xmm1, xmm2, 9', DEFAULT, [0, -2.5], double(-3), 0],
  ['vcvtph2ps xmm1, xmm2', DEFAULT | DAZ, [0, 0x0001_3c00n], (single(2 ** -24) << 32n) | single(1), 0],
  ['vcvtps2ph xmm1, xmm2, 0', DEFAULT, [0, (single(65520) << 32n) | single(2 ** -25)], 0x7c00_0000n, OE | UE | PE],
  // One rounding: the product's low bits are what is left.
  [FMA, DEFAULT, [1 + 2 ** -52, 1 + 2 ** -52, -(1 + 2 ** -51)], double(2 ** -104), 0],
  [FMA, DEFAULT | PE, [1 + 2 ** -52, 1 + 2 ** -52, -(1 + 2 ** -51)], double(2 ** -104), PE],
  [FMA, DEFAULT, [1, QNAN, SNAN], QNAN, IE],
] as const)('%s with MXCSR %i (row %#)', (instruction, mxcsr, operands, xmm1, flags) => {
  const bits = operands.map((value) => (typeof value === 'bigint' ? value : double(value)));
  expect(run(instruction, mxcsr, bits)).toEqual({ xmm1, flags, fault: null });
});

test.each([
  ['one that the operands have', ADD, IE, [SNAN, 0n], IE],
  ['one that the result has', ADD, PE, [double(0.1), double(0.2)], PE],
  ['a tiny result that is exact', MUL, UE, [MIN_NORMAL, double(0.5)], UE],
  ['division by zero', DIV, ZE, [double(1), 0n], ZE],
  // What the lanes' operands have ends the instruction before any result is there to be inexact; 0 / 0 is invalid.
  ['another lane is inexact', 'divps xmm1, xmm2', ZE, [(single(1) << 32n) | single(1), single(3)], ZE | IE],
] as const)('an unmasked exception is #XM and nothing is written: %s', (_name, instruction, flag, operands, flags) => {
  expect(run(instruction, unmasked(flag), operands)).toEqual({ xmm1: operands[0], flags, fault: XM });
  expect(run(instruction, unmasked(flag), operands, 0n)).toEqual({ xmm1: operands[0], flags, fault: UD });
});

test('a number past the integers is the integer indefinite', () => {
  const code = 'cvttsd2si rax, xmm1\nmovq xmm1, rax';
  for (const value of [2 ** 63, -(2 ** 63) - 2048, Infinity]) {
    expect(run(code, DEFAULT, [double(value)])).toEqual({ xmm1: INVALID_INTEGER, flags: IE, fault: null });
  }
  expect(run(code, DEFAULT, [double(-(2 ** 63))])).toEqual({ xmm1: INVALID_INTEGER, flags: 0, fault: null });
  expect(run(code, DEFAULT, [double(-1.5)])).toEqual({ xmm1: BigInt.asUintN(64, -1n), flags: PE, fault: null });
});

test.each([ADD, 'cvtsi2sd xmm1, eax', 'vaddsd xmm1, xmm1, xmm2', FMA])(
  'after a task switch %s is #NM',
  (instruction) => {
    const operands = [SNAN, double(2)];
    expect(run(instruction, unmasked(IE), operands, CR4_OSXMMEXCPT, CR0_TS)).toEqual({
      xmm1: SNAN,
      flags: 0,
      fault: NM,
    });
  },
);

test('RCPPS and RSQRTPS are within 1.5 * 2^-12 of the result', () => {
  const lanes = (pair: bigint) => new Float32Array(BigUint64Array.of(pair).buffer);
  for (const x of [1, 3, 0.7, 1.9999999, 1e-30, 123456.7, 3e37, 1.0000001]) {
    const operands = [0n, (single(1 / x) << 32n) | single(x)];
    const reciprocals = lanes(run('rcpps xmm1, xmm2', DEFAULT, operands).xmm1);
    const roots = lanes(run('rsqrtps xmm1, xmm2', DEFAULT, operands).xmm1);
    lanes(operands[1]).forEach((value, lane) => {
      expect(Math.abs(reciprocals[lane] * value - 1)).toBeLessThanOrEqual(1.5 * 2 ** -12);
      expect(Math.abs(roots[lane] * Math.sqrt(value) - 1)).toBeLessThanOrEqual(1.5 * 2 ** -12);
    });
  }
  expect(run('rcpps xmm1, xmm2', unmasked(ZE | DE), [0n, 0x8000_0000_0000_0001n])).toEqual({
    xmm1: (single(-Infinity) << 32n) | single(Infinity),
    flags: 0,
    fault: null,
  });
});

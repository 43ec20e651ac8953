// FXSAVE, XSAVE and what goes with them on the bare core: formats, what is left out, and that a fault changes nothing.
import { describe, expect, test } from 'vitest';
import { Core, assemble } from '../bench/bare-core.mjs';
import { MXCSR, PKRU, STATE_SIZE, X87, X87_FULL, YMM } from '../main/accelerator/emulator/core/state';

const ADDRESS = 0x7c00;
const HLT = 5;
const SHUTDOWN = 8;
const AREA = 0x4000;
const OSFXSR = 1n << 9n;
const OSXSAVE = 1n << 18n;
const PAE = 1n << 5n;

/** XCR0. */
const enable = (components: number) => `xor ecx, ecx\nxor edx, edx\nmov eax, ${components}\nxsetbv`;
const ENABLE = enable(7);
const ALL = 'mov eax, -1\nmov edx, -1';
/** Three values on the stack, so that TOP is 5, and something in vector registers. */
const FILL = `
  fninit
  fld1
  fldz
  fldpi
  mov rax, 0x1122334455667788
  vmovq xmm1, rax
  vpbroadcastq ymm9, xmm1
  vpslldq xmm2, xmm1, 4`;
const FORGET = 'fninit\nvzeroall';

/** Runs it, with every exception a shutdown, over an area that holds ones. */
function run(bits: 32 | 64, source: string, expected = HLT, prepare?: (core: Core) => void): Core {
  const core = new Core({ ramBytes: 1 << 20, cacheBytes: 1 << 16 });
  core.flat(bits, assemble(`bits ${bits}\norg ${ADDRESS}\n${source}\nhlt\n`), ADDRESS);
  core.setField('CR4', (bits === 64 ? PAE : 0n) | OSFXSR | OSXSAVE);
  core.setField('IDTR_LIMIT', 0);
  core.bytes.fill(0xff, core.ram + AREA, core.ram + AREA + 1024);
  prepare?.(core);
  core.x.stateChanged(core.cpu);
  expect(core.run(10_000), source).toBe(expected);
  return core;
}

const at8 = (core: Core, offset: number) => core.bytes[core.ram + AREA + offset];
const at32 = (core: Core, offset: number) => core.view.getUint32(core.ram + AREA + offset, true);
const at64 = (core: Core, offset: number) => core.view.getBigUint64(core.ram + AREA + offset, true);
/** The x87 registers, control word, status word and tags. */
const stack = (core: Core) => core.bytes.slice(core.cpu + X87, core.cpu + X87_FULL + 1);
/** All of the FPU's and the vectors' registers. */
const registers = (core: Core) => core.bytes.slice(core.cpu + YMM, core.cpu + STATE_SIZE);
/** Eight bytes of the low or high half of each. */
const vectors = (core: Core, half: 0 | 16) =>
  Array.from({ length: 16 }, (_, n) => core.view.getBigUint64(core.cpu + YMM + 32 * n + half, true));
const CLEAR = `mov edi, ${AREA}\nmov ecx, 128\nxor eax, eax\nrep stosq`;

/** A page table in whose place 1 GiB was one page: the last 4 KiB of 2 MiB are the page at BEHIND, and nothing is after it. */
const BEHIND = 0x8f000;
const LAST_AREA = 0x200000 - 576;
function mapLastPage(core: Core): void {
  const entry = (at: number, value: number) => core.view.setBigUint64(core.ram + at, BigInt(value), true);
  entry(0x2000, 0x5003);
  entry(0x5000, 0x6003);
  for (let n = 0; n < 256; n++) entry(0x6000 + 8 * n, (n << 12) | 3);
  entry(0x6000 + 8 * 511, BEHIND | 3);
}

describe('FXSAVE', () => {
  test('has the stack from its top, a bit for each physical register, and MXCSR with its mask', () => {
    const core = run(64, `${ENABLE}\n${FILL}\nfxsave64 [${AREA}]`);
    expect(core.view.getUint16(core.ram + AREA, true)).toBe(0x37f);
    expect(core.view.getUint16(core.ram + AREA + 2, true)).toBe(5 << 11);
    expect([at8(core, 4), at8(core, 5)]).toEqual([0xe0, 0]);
    expect([at32(core, 24), at32(core, 28)]).toEqual([0x1f80, 0xffff]);
    // π, then 0, then 1.
    expect([at64(core, 32), at64(core, 40)]).toEqual([0xc90fdaa22168c235n, 0x4000n]);
    expect([at64(core, 48), at64(core, 56)]).toEqual([0n, 0n]);
    expect([at64(core, 64), at64(core, 72)]).toEqual([1n << 63n, 0x3fffn]);
    expect(at64(core, 160 + 16)).toBe(0x1122334455667788n);
    expect(at64(core, 160 + 16 * 9 + 8)).toBe(0x1122334455667788n);
    // Bytes for software.
    expect(at64(core, 464)).toBe(2n ** 64n - 1n);
  });

  test('has a selector and 32 bits of an offset without REX.W, and half of the registers outside of 64-bit mode', () => {
    const core = run(32, `fninit\nmov eax, 5\nmovd xmm7, eax\nfld dword [0x3000]\nfxsave [${AREA}]`);
    expect(at32(core, 16)).toBe(0x3000);
    expect(at64(core, 160 + 16 * 7)).toBe(5n);
    expect(at64(core, 160 + 16 * 8)).toBe(2n ** 64n - 1n);
  });

  test('leaves xmm registers out without CR4.OSFXSR, and FXRSTOR leaves them and MXCSR', () => {
    const core = run(64, `fninit\nfxsave [${AREA}]\nmov dword [${AREA + 24}], -1\nfxrstor [${AREA}]`, HLT, (c) =>
      c.setField('CR4', PAE),
    );
    expect(at64(core, 160)).toBe(2n ** 64n - 1n);
  });

  test.each(['fxsave64', 'fxsave'])('%s and its counterpart are there and back', (save) => {
    const filled = run(64, `${ENABLE}\n${FILL}\n${save} [${AREA}]`);
    const back = run(
      64,
      `${ENABLE}\n${FILL}\n${save} [${AREA}]\n${FORGET}\n${save.replace('save', 'rstor')} [${AREA}]`,
    );
    expect(stack(back)).toEqual(stack(filled));
    expect(vectors(back, 0)).toEqual(vectors(filled, 0));
    expect(vectors(back, 16)).toEqual(Array(16).fill(0n));
  });
});

describe('XSAVE', () => {
  test.each(['xsave64', 'xsave', 'xsaveopt64', 'xsavec64'])('%s and XRSTOR are there and back', (save) => {
    const restore = save.endsWith('64') ? 'xrstor64' : 'xrstor';
    const begin = `${ENABLE}\n${CLEAR}\n${FILL}\n${ALL}\n${save} [${AREA}]`;
    const filled = run(64, begin);
    expect(vectors(filled, 16)[9]).toBe(0x1122334455667788n);
    const back = run(64, `${begin}\n${FORGET}\n${restore} [${AREA}]`);
    expect(stack(back)).toEqual(stack(filled));
    for (const half of [0, 16] as const) expect(vectors(back, half)).toEqual(vectors(filled, half));
  });

  test('writes of its header what was requested, and nothing but the components that were', () => {
    const core = run(64, `${ENABLE}\n${FILL}\nmov qword [${AREA + 512}], 0\nmov eax, 4\nxor edx, edx\nxsave [${AREA}]`);
    expect([at64(core, 512), at64(core, 520)]).toEqual([4n, 2n ** 64n - 1n]);
    // MXCSR goes with AVX state, too.
    expect([at32(core, 0), at32(core, 24), at32(core, 32), at32(core, 160)]).toEqual([
      -1 >>> 0,
      0x1f80,
      -1 >>> 0,
      -1 >>> 0,
    ]);
    expect(at64(core, 576 + 16 * 9)).toBe(0x1122334455667788n);
    expect(at64(core, 576)).toBe(0n);
  });

  test.each([
    ['xsave', 0n],
    ['xsaveopt', 2n ** 64n - 1n],
    ['xsavec', 2n ** 64n - 1n],
  ])('%s of what is in its initial configuration', (save, xmm) => {
    const core = run(
      64,
      `${ENABLE}\nfninit\n${CLEAR}\nmov eax, -1\nmov edi, ${AREA}\nmov ecx, 64\nmov rax, -1\nrep stosq
      ${ALL}\n${save} [${AREA}]`,
    );
    expect(at64(core, 512)).toBe(0n);
    expect(at64(core, 160)).toBe(xmm);
    if (save === 'xsavec') expect(at64(core, 520)).toBe((1n << 63n) | 7n);
  });

  test('XSAVEC counts MXCSR as SSE state', () => {
    const core = run(64, `${ENABLE}\nfninit\nmov dword [0x3000], 0x1fc0\nldmxcsr [0x3000]\n${ALL}\nxsavec [${AREA}]`);
    expect([at64(core, 512), at64(core, 520)]).toEqual([2n, (1n << 63n) | 7n]);
    expect([at32(core, 24), at64(core, 160)]).toEqual([0x1fc0, 0n]);
  });

  test.each([
    ['standard', 0n, 0x1fc0],
    ['compacted', (1n << 63n) | 7n, 0x1f80],
  ])('XRSTOR in the %s format initializes what the area does not have', (_, format, mxcsr) => {
    const core = run(
      64,
      `${ENABLE}\n${CLEAR}\nmov dword [${AREA + 24}], 0x1fc0\nmov rax, ${format}\nmov [${AREA + 520}], rax
      ${FILL}\n${ALL}\nxrstor [${AREA}]\nmov ecx, 1\nxgetbv`,
    );
    expect(core.reg('rax')).toBe(0n);
    expect(core.view.getUint32(core.cpu + MXCSR, true)).toBe(mxcsr);
    expect([...vectors(core, 0), ...vectors(core, 16)]).toEqual(Array(32).fill(0n));
  });

  test('XRSTOR leaves what is not requested', () => {
    const core = run(
      64,
      `${ENABLE}\n${CLEAR}\n${FILL}\nmov eax, 1\nxor edx, edx\nxrstor [${AREA}]\nmov ecx, 1\nxgetbv`,
    );
    expect(core.reg('rax')).toBe(6n);
    expect(core.view.getUint32(core.cpu + MXCSR, true)).toBe(0x1f80);
  });
});

test('what is in use: MMX instructions are of the x87 state', () => {
  const inUse = (source: string) => run(64, `${ENABLE}\nfninit\n${source}\nmov ecx, 1\nxgetbv`).reg('rax');
  expect(inUse('')).toBe(0n);
  expect(inUse('fldz')).toBe(1n);
  expect(inUse('pxor mm0, mm0')).toBe(1n);
  expect(inUse('fldz\nfstp st0')).toBe(1n);
  expect(inUse('pcmpeqb xmm15, xmm15')).toBe(2n);
  expect(inUse('vpcmpeqb xmm3, xmm3, xmm3\nvinsertf128 ymm3, ymm3, xmm3, 1\npxor xmm3, xmm3')).toBe(4n);
});

test('CPUID follows CR4.OSXSAVE and XCR0', () => {
  const leaf = (source: string, eax: number, ecx: number, cr4 = PAE | OSFXSR | OSXSAVE) =>
    run(64, `${source}\nmov eax, ${eax}\nmov ecx, ${ecx}\ncpuid`, HLT, (core) => core.setField('CR4', cr4));
  expect((leaf('', 1, 0).reg('rcx') >> 27n) & 1n).toBe(1n);
  expect((leaf('', 1, 0, PAE).reg('rcx') >> 27n) & 1n).toBe(0n);
  const sizes = (core: Core) => [core.reg('rax'), core.reg('rbx'), core.reg('rcx'), core.reg('rdx')];
  expect(sizes(leaf('', 13, 0))).toEqual([0x207n, 576n, 840n, 0n]);
  expect(sizes(leaf(ENABLE, 13, 0))).toEqual([0x207n, 832n, 840n, 0n]);
  expect(sizes(leaf(ENABLE, 13, 1))).toEqual([7n, 832n, 0n, 0n]);
  expect(sizes(leaf(ENABLE, 13, 2))).toEqual([256n, 576n, 0n, 0n]);
  expect(sizes(leaf(ENABLE, 13, 9))).toEqual([8n, 832n, 0n, 0n]);
  expect(sizes(leaf(enable(0x207), 13, 0))).toEqual([0x207n, 840n, 840n, 0n]);
  expect(sizes(leaf(enable(0x203), 13, 0))).toEqual([0x207n, 840n, 840n, 0n]);
  // Compacted, it follows what there is.
  expect(sizes(leaf(enable(0x207), 13, 1))).toEqual([7n, 840n, 0n, 0n]);
  expect(sizes(leaf(enable(0x203), 13, 1))).toEqual([7n, 584n, 0n, 0n]);
});

describe('PKRU', () => {
  const PKE = 1n << 22n;
  const SET = 'xor ecx, ecx\nxor edx, edx\nmov eax, 0x12345678\nwrpkru';
  const pkru = (source: string) => run(64, source, HLT, (core) => core.setField('CR4', PAE | OSFXSR | OSXSAVE | PKE));

  test.each([
    ['xsave', 0x207, 832],
    ['xsave', 0x203, 832],
    ['xsaveopt', 0x207, 832],
    ['xsavec', 0x207, 832],
    ['xsavec', 0x203, 576],
  ])('%s with XCR0 %i: at byte %i, and back', (save, components, at) => {
    const begin = `${enable(components)}\n${CLEAR}\n${SET}\n${ALL}\n${save} [${AREA}]`;
    const saved = pkru(begin);
    expect(at64(saved, 512) & 0x200n).toBe(0x200n);
    expect(at64(saved, at)).toBe(0x12345678n);
    const back = pkru(`${begin}\nxor ecx, ecx\nxor edx, edx\nxor eax, eax\nwrpkru\n${ALL}\nxrstor [${AREA}]`);
    expect(back.view.getUint32(back.cpu + PKRU, true)).toBe(0x12345678);
  });

  test('is as before where it is not requested, and 0 where the area does not have it', () => {
    const load = (mask: number) =>
      pkru(`${enable(0x207)}\n${CLEAR}\n${SET}\nmov eax, ${mask}\nxor edx, edx\nxrstor [${AREA}]`);
    const found = [7, 0x207].map(load).map((core) => core.view.getUint32(core.cpu + PKRU, true));
    expect(found).toEqual([0x12345678, 0]);
  });

  test('is in use while it is not 0', () => {
    const inUse = (source: string) => pkru(`${enable(0x207)}\nfninit\n${source}\nmov ecx, 1\nxgetbv`).reg('rax');
    expect(inUse('')).toBe(0n);
    expect(inUse(SET)).toBe(0x200n);
  });
});

describe('a fault leaves memory and registers as they were', () => {
  const xcr0 = (low: number, index = 0) => `mov ecx, ${index}\nxor edx, edx\nmov eax, ${low}\nxsetbv`;
  const HEADER = AREA + 512;
  test.each([
    ['a reserved bit of XCR0', xcr0(0x107)],
    ['XCR0 without x87', xcr0(6)],
    ['XCR0 with AVX without SSE', xcr0(5)],
    ['another register than XCR0', xcr0(7, 1)],
    ['FXSAVE that is not aligned', `fxsave [${AREA + 8}]`],
    ['XSAVE that is not aligned', `${ALL}\nxsave [${AREA + 16}]`],
    ['XSAVE of which the last bytes are not mapped', `${ALL}\nxsave [rbx]`],
    ['XRSTOR of which the last bytes are not mapped', `${ALL}\nmov rax, 7\nmov [rbx + 512], rax\n${ALL}\nxrstor [rbx]`],
    ['FXRSTOR with a reserved bit of MXCSR', `mov dword [${AREA + 24}], 0x10000\nfxrstor [${AREA}]`],
    ['XRSTOR with a reserved bit of MXCSR', `mov dword [${AREA + 24}], 0x10000\n${ALL}\nxrstor [${AREA}]`],
    ['XRSTOR of a component that is not enabled', `mov byte [${HEADER}], 15\n${ALL}\nxrstor [${AREA}]`],
    ['XRSTOR with a format that is none', `mov byte [${HEADER + 8}], 1\n${ALL}\nxrstor [${AREA}]`],
    ['XRSTOR with reserved bytes', `mov byte [${HEADER + 23}], 1\n${ALL}\nxrstor [${AREA}]`],
    [
      'XRSTOR, compacted, of a component that is not in its format',
      `mov byte [${HEADER}], 4\nmov byte [${HEADER + 8}], 3\nmov byte [${HEADER + 15}], 0x80\n${ALL}\nxrstor [${AREA}]`,
    ],
    [
      'XRSTOR, compacted, with reserved bytes',
      `mov byte [${HEADER + 8}], 7\nmov byte [${HEADER + 15}], 0x80\nmov byte [${HEADER + 63}], 1\n${ALL}\nxrstor [${AREA}]`,
    ],
  ])('%s', (_, source) => {
    const setUp = `${ENABLE}\n${CLEAR}\n${FILL}\nmov rbx, ${LAST_AREA}`;
    const core = run(64, `${setUp}\n${source}`, SHUTDOWN, mapLastPage);
    const untouched = run(64, setUp, HLT, mapLastPage);
    expect(registers(core)).toEqual(registers(untouched));
    expect(core.bytes.slice(core.ram + BEHIND + 0xdc0, core.ram + BEHIND + 0xfc0)).toEqual(new Uint8Array(512));
  });
});

import { beforeEach, describe, expect, test } from 'vitest';
import { cpuMode } from '../base/cpu-state';
import {
  bootSectorState,
  initState,
  longModeState,
  protectedModeState,
  resetState,
  sipiState,
  type BootState,
} from './boot-state';

let memory: Uint8Array;
let view: DataView;

beforeEach(() => {
  memory = new Uint8Array(new SharedArrayBuffer(1 << 20)).fill(0xa5);
  view = new DataView(memory.buffer);
});

const SIGNATURE = 0x000306a9;

describe('reset, INIT and SIPI', () => {
  test('after reset a processor is at the reset vector in real mode, caches off', () => {
    const state = resetState(SIGNATURE);
    expect(cpuMode(state)).toBe('real');
    expect(state.cs).toMatchObject({ selector: 0xf000, base: 0xffff0000n, limit: 0xffff, type: 11, s: 1, present: 1 });
    expect(state).toMatchObject({
      rip: 0xfff0n,
      rflags: 2n,
      rdx: 0x306a9n,
      rax: 0n,
      cr0: 0x60000010n,
      cr4: 0n,
      efer: 0n,
    });
    expect(state.ss).toMatchObject({ selector: 0, base: 0n, limit: 0xffff, type: 3 });
    expect(state.tr).toMatchObject({ type: 11, s: 0, limit: 0xffff });
    expect(state.ldt).toMatchObject({ type: 2, s: 0, limit: 0xffff });
    expect(state.gdt).toEqual({ base: 0n, limit: 0xffff });
    expect(state.idt).toEqual({ base: 0n, limit: 0xffff });
  });

  test('a signature with its top bit set is not sign-extended', () => {
    expect(resetState(0x80000000 | 0).rdx).toBe(0x80000000n);
  });

  test('INIT keeps CD and NW and nothing else of CR0', () => {
    expect(initState(SIGNATURE, 0x80000011n).cr0).toBe(0x10n);
    expect(initState(SIGNATURE, 0xe0050033n).cr0).toBe(0x60000010n);
    expect(initState(SIGNATURE, 0x40000010n)).toEqual({ ...resetState(SIGNATURE), cr0: 0x40000010n });
  });

  test.each([
    [0x00, 0x0000, 0x00000n],
    [0x08, 0x0800, 0x08000n],
    [0xff, 0xff00, 0xff000n],
  ])('SIPI with vector %i starts at its page and changes only CS and RIP', (vector, selector, base) => {
    const init = initState(SIGNATURE, 0x60000010n);
    const state = sipiState(init, vector);
    expect(state).toEqual({ ...init, rip: 0n, cs: { ...init.cs, selector, base } });
    expect(state.cs.limit).toBe(0xffff);
  });
});

test('a boot sector is entered at 0000:7C00 with its drive in DL', () => {
  const state = bootSectorState(0x80);
  expect(cpuMode(state)).toBe('real');
  expect(state).toMatchObject({ rip: 0x7c00n, rsp: 0x7c00n, rdx: 0x80n, rflags: 2n, cr0: 0x10n });
  expect(state.cs).toMatchObject({ selector: 0, base: 0n, limit: 0xffff, type: 11 });
});

/** Decodes the descriptor of a selector as a processor does that loads it. */
function loadSegment(state: BootState, selector: number) {
  expect(selector + 7).toBeLessThanOrEqual(state.gdt.limit);
  const raw = view.getBigUint64(Number(state.gdt.base) + selector, true);
  const bits = (from: number, count: number): number => Number((raw >> BigInt(from)) & ((1n << BigInt(count)) - 1n));
  const g = bits(55, 1);
  const limit = bits(0, 16) | (bits(48, 4) << 16);
  return {
    base: BigInt(bits(16, 24)) | (BigInt(bits(56, 8)) << 24n),
    limit: g === 1 ? ((limit << 12) | 0xfff) >>> 0 : limit,
    selector,
    type: bits(40, 4),
    s: bits(44, 1),
    dpl: bits(45, 2),
    present: bits(47, 1),
    avl: bits(52, 1),
    l: bits(53, 1),
    db: bits(54, 1),
    g,
    unusable: 0,
  };
}

describe('protected mode', () => {
  test('is flat and 32-bit, and the GDT in memory agrees with the segments', () => {
    const state = protectedModeState(memory, 0x100020);
    expect(cpuMode(state)).toBe('protected');
    expect(state).toMatchObject({ rip: 0x100020n, rsp: 0x9f000n, cr0: 0x11n, cr3: 0n, cr4: 0n, rflags: 2n });
    expect(state.cs).toMatchObject({ base: 0n, limit: 0xffffffff, db: 1, l: 0, type: 11 });
    for (const segment of [state.cs, state.ds, state.es, state.fs, state.gs, state.ss]) {
      expect(loadSegment(state, segment.selector)).toEqual(segment);
    }
    expect(view.getBigUint64(Number(state.gdt.base), true)).toBe(0n);
  });
});

/** Walks the page tables as a processor does (SDM vol. 3A, "4-Level Paging"); null: not present. */
function translate(state: BootState, linear: number): number | null {
  let table = Number(state.cr3);
  for (let shift = 39; shift >= 21; shift -= 9) {
    const entry = view.getBigUint64(table + (Math.floor(linear / 2 ** shift) % 512) * 8, true);
    if ((entry & 1n) === 0n) return null;
    expect(entry & 2n).toBe(2n);
    if ((entry & 0x80n) !== 0n) return Number(entry & ~0xfffn) + (linear % 2 ** shift);
    table = Number(entry & ~0xfffn);
  }
  throw new Error('a 4 KiB page');
}

describe('64-bit mode', () => {
  test('has a 64-bit code segment, PAE paging and EFER.LMA', () => {
    const state = longModeState(memory, 0x100000);
    expect(cpuMode(state)).toBe('long');
    expect(state).toMatchObject({ rip: 0x100000n, cr0: 0x80000011n, cr4: 0x20n, efer: 0x500n });
    expect(state.cs).toMatchObject({ l: 1, db: 0, type: 11 });
    expect(loadSegment(state, state.cs.selector)).toEqual(state.cs);
  });

  test('maps the first 4 GiB to themselves, and no more', () => {
    const state = longModeState(memory, 0x100000);
    for (let linear = 0; linear < 2 ** 32; linear += 2 ** 21)
      expect(translate(state, linear + 0x1234)).toBe(linear + 0x1234);
    expect(translate(state, 2 ** 32)).toBeNull();
    expect(translate(state, 2 ** 39)).toBeNull();
  });

  test('writes between 0x90000 and 0x9F000 only', () => {
    longModeState(memory, 0x100000);
    expect(memory.subarray(0, 0x90000).every((byte) => byte === 0xa5)).toBe(true);
    expect(memory.subarray(0x9f000).every((byte) => byte === 0xa5)).toBe(true);
  });
});

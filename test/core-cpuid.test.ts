// What kernels ask a processor at their start, on the bare core: leaves of CPUID, and MSRs that they read without expecting a fault.
import { describe, expect, test } from 'vitest';
import { Core } from '../bench/bare-core.mjs';

const ADDRESS = 0x7c00;
const HLT = 5;
const GHZ = 1_000_000_000;
const NOTHING = { eax: 0, ebx: 0, ecx: 0, edx: 0 };

const CPUID_HLT = Uint8Array.of(0x0f, 0xa2, 0xf4);
const RDMSR_HLT = Uint8Array.of(0x0f, 0x32, 0xf4);

function run(code: Uint8Array, rax: number, rcx: number): Core {
  const core = new Core({ ramBytes: 1 << 20, cacheBytes: 1 << 16 });
  core.flat(64, code, ADDRESS);
  core.setField('IDTR_LIMIT', 0);
  core.setReg('rax', rax);
  core.setReg('rcx', rcx);
  expect(core.run(10)).toBe(HLT);
  return core;
}

function cpuid(leaf: number, subleaf = 0) {
  const core = run(CPUID_HLT, leaf, subleaf);
  const [eax, ebx, ecx, edx] = ['rax', 'rbx', 'rcx', 'rdx'].map((name) => Number(core.reg(name)));
  return { eax, ebx, ecx, edx };
}

describe('CPUID', () => {
  test('the frequency of the time-stamp counter, as a ratio to the crystal and in MHz', () => {
    expect(cpuid(0).eax).toBeGreaterThanOrEqual(0x16);
    const { eax, ebx, ecx } = cpuid(0x15);
    expect((ecx * ebx) / eax).toBe(GHZ);
    expect(cpuid(0x16)).toEqual({ eax: 1000, ebx: 1000, ecx: 1000, edx: 0 });
    expect(cpuid(0x80000007).edx).toBe(1 << 8);
  });

  test('no performance counters', () => {
    expect(cpuid(0xa)).toEqual(NOTHING);
  });

  test('a hypervisor by its own name, and with the interface of KVM, of which it has no feature', () => {
    const signature = (leaf: number) => {
      const { eax, ebx, ecx, edx } = cpuid(leaf);
      return { last: eax, name: Buffer.from(Uint32Array.of(ebx, ecx, edx).buffer).toString('latin1') };
    };
    expect(signature(0x40000000)).toEqual({ last: 0x40000000, name: 'Reveille\0\0\0\0' });
    expect(signature(0x40000100)).toEqual({ last: 0x40000101, name: 'KVMKVMKVM\0\0\0' });
    // What belongs to no interface is empty, and so are KVM's features.
    for (const leaf of [0x40000001, 0x400000ff, 0x40000101]) expect(cpuid(leaf)).toEqual(NOTHING);
  });

  test('a leaf past the last one is the highest basic one', () => {
    expect(cpuid(0x1234)).toEqual(cpuid(cpuid(0).eax));
    expect(cpuid(0x40000102)).toEqual(cpuid(cpuid(0).eax));
    expect(cpuid(0x8fffffff)).toEqual(cpuid(cpuid(0).eax));
  });
});

/** By Linux 6.1 on a processor with these features, in arch/x86/kernel. */
test.each([
  ['IA32_TIME_STAMP_COUNTER', 0x10],
  ['IA32_PLATFORM_ID', 0x17],
  ['IA32_APIC_BASE', 0x1b],
  ['IA32_TSC_ADJUST', 0x3b],
  ['IA32_BIOS_SIGN_ID', 0x8b],
  ['IA32_ARCH_CAPABILITIES', 0x10a],
  ['IA32_SYSENTER_CS', 0x174],
  ['IA32_MISC_ENABLE', 0x1a0],
  ['IA32_DEBUGCTL', 0x1d9],
  ['IA32_PAT', 0x277],
  ['IA32_MTRRCAP', 0xfe],
  ['IA32_MTRR_PHYSBASE0', 0x200],
  ['IA32_MTRR_PHYSMASK7', 0x20f],
  ['IA32_MTRR_FIX64K_00000', 0x250],
  ['IA32_MTRR_FIX4K_F8000', 0x26f],
  ['IA32_MTRR_DEF_TYPE', 0x2ff],
  ['IA32_EFER', 0xc0000080],
  ['IA32_STAR', 0xc0000081],
  ['IA32_FS_BASE', 0xc0000100],
  ['IA32_TSC_AUX', 0xc0000103],
])('%s can be read', (_name, index) => {
  expect(run(RDMSR_HLT, 0, index).reg('rdx')).toBeLessThan(2n ** 32n);
});

describe('memory type range registers', () => {
  /** WRMSR then RDMSR; null: #GP, a shutdown here, as there is no IDT. */
  function written(index: number, value: bigint): bigint | null {
    const core = new Core({ ramBytes: 1 << 20, cacheBytes: 1 << 16 });
    core.flat(64, Uint8Array.of(0x0f, 0x30, 0x31, 0xc0, 0x31, 0xd2, 0x0f, 0x32, 0xf4), ADDRESS);
    core.setField('IDTR_LIMIT', 0);
    core.setReg('rcx', index);
    core.setReg('rax', value & 0xffffffffn);
    core.setReg('rdx', value >> 32n);
    return core.run(10) === HLT ? (core.reg('rdx') << 32n) | core.reg('rax') : null;
  }

  test('CPUID announces them: eight variable ranges, fixed ones, write-combining', () => {
    expect(cpuid(1).edx & (1 << 12)).not.toBe(0);
    expect(run(RDMSR_HLT, 0, 0xfe).reg('rax')).toBe(0x508n);
    expect(written(0xfe, 0x508n)).toBeNull();
  });

  test.each([
    ['IA32_MTRR_DEF_TYPE', 0x2ff, 0xc06n, [0x1000n, 0x807n, 0x802n, 0x200n, 1n << 32n]],
    ['IA32_MTRR_PHYSBASE7', 0x20e, 0xff_fffff001n, [0x1002n, 0x1100n, 1n << 40n]],
    ['IA32_MTRR_PHYSMASK7', 0x20f, 0xff_fffff800n, [0x801n, 0xc00n, 1n << 40n]],
    ['IA32_MTRR_FIX64K_00000', 0x250, 0x0606060504010006n, [0x0606060606060206n, 0x0700000000000000n]],
    ['IA32_MTRR_FIX16K_A0000', 0x259, 0n, [3n]],
    ['IA32_MTRR_FIX4K_F8000', 0x26f, 0x0505050505050505n, [0x0500050005000700n]],
  ] as const)('%s keeps what it may hold, and refuses the rest', (_name, index, good, bad) => {
    expect(written(index, good)).toBe(good);
    for (const value of bad) expect(written(index, value)).toBeNull();
  });

  test.each([0xff, 0x210, 0x251, 0x257, 0x25a, 0x267, 0x270])('there is none of number %#x', (index) => {
    expect(written(index, 0n)).toBeNull();
  });
});

/** Which of iced's CPUID features the emulator's CPUID announces: asked of the core itself, so that the corpus grows with it. */
import { CpuidFeature } from 'iced-x86';
import type { Core } from '../../bench/bare-core.mjs';

type Register = 'eax' | 'ebx' | 'ecx' | 'edx';
type Bit = readonly [leaf: number, register: Register, bit: number];

/** What every processor with long mode has, or what no bit tells of. */
const ALWAYS = [
  'INTEL8086 INTEL186 INTEL286 INTEL286_ONLY INTEL386 INTEL386_ONLY INTEL486 INTEL8086_ONLY X64 CPUID MULTIBYTENOP PAUSE RDPMC SMM',
].join(' ');

const BITS: Readonly<Record<string, Bit>> = {
  SSE3: [1, 'ecx', 0],
  PCLMULQDQ: [1, 'ecx', 1],
  MONITOR: [1, 'ecx', 3],
  VMX: [1, 'ecx', 5],
  SSSE3: [1, 'ecx', 9],
  FMA: [1, 'ecx', 12],
  CMPXCHG16B: [1, 'ecx', 13],
  SSE4_1: [1, 'ecx', 19],
  SSE4_2: [1, 'ecx', 20],
  MOVBE: [1, 'ecx', 22],
  POPCNT: [1, 'ecx', 23],
  AES: [1, 'ecx', 25],
  XSAVE: [1, 'ecx', 26],
  AVX: [1, 'ecx', 28],
  F16C: [1, 'ecx', 29],
  RDRAND: [1, 'ecx', 30],
  FPU: [1, 'edx', 0],
  FPU287: [1, 'edx', 0],
  FPU387: [1, 'edx', 0],
  TSC: [1, 'edx', 4],
  MSR: [1, 'edx', 5],
  CX8: [1, 'edx', 8],
  SEP: [1, 'edx', 11],
  CMOV: [1, 'edx', 15],
  CLFSH: [1, 'edx', 19],
  MMX: [1, 'edx', 23],
  FXSR: [1, 'edx', 24],
  SSE: [1, 'edx', 25],
  SSE2: [1, 'edx', 26],
  FSGSBASE: [7, 'ebx', 0],
  BMI1: [7, 'ebx', 3],
  AVX2: [7, 'ebx', 5],
  BMI2: [7, 'ebx', 8],
  INVPCID: [7, 'ebx', 10],
  RDSEED: [7, 'ebx', 18],
  ADX: [7, 'ebx', 19],
  SMAP: [7, 'ebx', 20],
  CLFLUSHOPT: [7, 'ebx', 23],
  CLWB: [7, 'ebx', 24],
  SHA: [7, 'ebx', 29],
  PKU: [7, 'ecx', 3],
  VAES: [7, 'ecx', 9],
  VPCLMULQDQ: [7, 'ecx', 10],
  RDPID: [7, 'ecx', 22],
  XSAVEOPT: [0xd, 'eax', 0],
  XSAVEC: [0xd, 'eax', 1],
  XSAVES: [0xd, 'eax', 3],
  LZCNT: [0x80000001, 'ecx', 5],
  PREFETCHW: [0x80000001, 'ecx', 8],
  SYSCALL: [0x80000001, 'edx', 11],
  RDTSCP: [0x80000001, 'edx', 27],
};
const XSAVE_LEAF = 0xd;

const ADDRESS = 0x10000;
/** CPUID, HLT. */
const CODE = Uint8Array.of(0x0f, 0xa2, 0xf4);

/** The features by their numbers. */
export function announcedFeatures(core: Core): ReadonlySet<number> {
  const names = Object.entries(BITS).flatMap(([name, [leaf, register, bit]]) => {
    core.flat(64, CODE, ADDRESS);
    core.setReg('rax', leaf);
    core.setReg('rcx', leaf === XSAVE_LEAF ? 1 : 0);
    core.run();
    return ((Number(core.reg(`r${register.slice(1)}`)) >>> bit) & 1) === 1 ? [name] : [];
  });
  const numbers = CpuidFeature as unknown as Record<string, number>;
  return new Set([...ALWAYS.split(' '), ...names].map((name) => numbers[name]));
}

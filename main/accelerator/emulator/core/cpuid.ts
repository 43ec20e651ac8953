/**
 * CPUID: what is implemented, and the same on every host (SDM vol. 2A, "CPUID").
 * The vendor is the one whose manual the emulator follows; the processor is nobody's: its model occurs in no list.
 */
import { CR4_OSXSAVE, CR4_PKE } from './bits';
import { areaEnd, AREA_END, PKRU_AT, PKRU_BYTES, XCR0_DEFINED, YMM_AT } from './simd/area';
import {
  CR4,
  RAX,
  RBX,
  RCX,
  RDX,
  APIC_ID,
  TOPOLOGY_CORES,
  TOPOLOGY_PACKAGE_SHIFT,
  TOPOLOGY_SMT_SHIFT,
  TOPOLOGY_THREADS,
  XCR0,
} from './state';

/** Family 6, model 6, stepping 0. */
export const SIGNATURE: u32 = 0x660;

const MAX_BASIC: u32 = 0x1f;
/** Hypervisors' leaves: whose the machine is; and 100H further on, where guests look next, KVM's interface without any feature. */
const HYPERVISOR: u32 = 0x40000000;
const KVM_SIGNATURE: u32 = 0x40000100;
const KVM_FEATURES: u32 = 0x40000101;
const MAX_EXTENDED: u32 = 0x80000008;

/** What control.ts asks for: without it CR4.OSFXSR or CR4.OSXSAVE is reserved. */
export const EDX_FXSR: u32 = 1 << 24;
export const ECX_XSAVE: u32 = 1 << 26;

/** Leaf 1: FPU VME DE PSE TSC MSR PAE CX8 APIC SEP MTRR PGE CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2. */
export const LEAF1_EDX: u32 =
  (1 << 0) |
  (1 << 1) |
  (1 << 2) |
  (1 << 3) |
  (1 << 4) |
  (1 << 5) |
  (1 << 6) |
  (1 << 8) |
  (1 << 9) |
  (1 << 11) |
  (1 << 12) |
  (1 << 13) |
  (1 << 15) |
  (1 << 16) |
  (1 << 17) |
  (1 << 19) |
  (1 << 23) |
  EDX_FXSR |
  (1 << 25) |
  (1 << 26);
const LEAF1_EDX_HTT: u32 = 1 << 28;
/** MONITOR CMPXCHG16B PCID x2APIC MOVBE POPCNT TSC_DEADLINE RDRAND HYPERVISOR. */
const LEAF1_ECX_GENERAL: u32 = (1 << 3) | (1 << 13) | (1 << 17) | (1 << 21) | (1 << 22) | (1 << 23) | (1 << 24) | (1 << 30) | (1 << 31);
/** SSE3 PCLMULQDQ SSSE3 FMA SSE4.1 SSE4.2 AES XSAVE AVX F16C. */
const LEAF1_ECX_VECTORS: u32 =
  (1 << 0) | (1 << 1) | (1 << 9) | (1 << 12) | (1 << 19) | (1 << 20) | (1 << 25) | ECX_XSAVE | (1 << 28) | (1 << 29);
export const LEAF1_ECX: u32 = LEAF1_ECX_GENERAL | LEAF1_ECX_VECTORS;
/** Follows CR4. */
const LEAF1_ECX_OSXSAVE: u32 = 1 << 27;
/** Of CLFLUSH, in units of 8 bytes. */
const LEAF1_EBX_LINE: u32 = 8 << 8;
/** FSGSBASE TSC_ADJUST BMI1 AVX2 SMEP BMI2 ERMS INVPCID RDSEED ADX SMAP CLFLUSHOPT SHA. */
const LEAF7_EBX: u32 =
  (1 << 5) | (1 << 23) | (1 << 29) | (1 << 0) | (1 << 1) | (1 << 3) | (1 << 7) | (1 << 8) | (1 << 9) | (1 << 10) | (1 << 18) | (1 << 19) | (1 << 20);
/** UMIP PKU VAES VPCLMULQDQ LA57 RDPID. */
const LEAF7_ECX: u32 = (1 << 9) | (1 << 10) | (1 << 2) | (1 << 3) | (1 << 16) | (1 << 22);
/** Follows CR4. */
const LEAF7_ECX_OSPKE: u32 = 1 << 4;
/** XSAVEOPT, XSAVEC, XGETBV of register 1. */
const LEAF13_EAX: u32 = (1 << 0) | (1 << 1) | (1 << 2);
/** IA32_ARCH_CAPABILITIES. */
const LEAF7_EDX: u32 = 1 << 29;
/** LAHF in 64-bit mode, LZCNT, PREFETCHW. */
const EXTENDED1_ECX: u32 = (1 << 0) | (1 << 5) | (1 << 8);
/** SYSCALL NX 1-GiB pages RDTSCP LM. */
const EXTENDED1_EDX: u32 = (1 << 11) | (1 << 20) | (1 << 26) | (1 << 27) | (1 << 29);
const INVARIANT_TSC: u32 = 1 << 8;
/** Of the crystal, in Hz: the time-stamp counter and the local APIC's timer count it as it is. */
const CRYSTAL: u32 = 1000000000;
const MHZ: u32 = 1000000;
const PHYSICAL_AND_LINEAR_BITS: u32 = 40 | (57 << 8);

const LEVEL_SMT: u32 = 1;
const LEVEL_CORE: u32 = 2;

function set(cpu: usize, eax: u32, ebx: u32, ecx: u32, edx: u32): void {
  store<u64>(cpu, eax, RAX);
  store<u64>(cpu, ebx, RBX);
  store<u64>(cpu, ecx, RCX);
  store<u64>(cpu, edx, RDX);
}

/** Four characters as a register holds them. */
// @ts-ignore: decorator
@inline
function text(a: u32, b: u32, c: u32, d: u32): u32 {
  return a | (b << 8) | (c << 16) | (d << 24);
}

export function cpuid(cpu: usize): void {
  const asked = load<u32>(cpu, RAX);
  const subleaf = load<u32>(cpu, RCX);
  let leaf = asked;
  // A leaf past the last one answers as the highest basic leaf does.
  if (leaf >= 0x80000000 ? leaf > MAX_EXTENDED : leaf >= HYPERVISOR ? leaf > KVM_FEATURES : leaf > MAX_BASIC)
    leaf = MAX_BASIC;
  switch (leaf) {
    case 0:
      return set(
        cpu,
        MAX_BASIC,
        text(0x47, 0x65, 0x6e, 0x75),
        text(0x6e, 0x74, 0x65, 0x6c),
        text(0x69, 0x6e, 0x65, 0x49),
      );
    case 1: {
      const logical = min<u32>(1 << load<u32>(cpu, TOPOLOGY_PACKAGE_SHIFT), 255);
      const several = load<u32>(cpu, TOPOLOGY_CORES) * load<u32>(cpu, TOPOLOGY_THREADS) > 1;
      const ebx = (load<u32>(cpu, APIC_ID) << 24) | (logical << 16) | LEAF1_EBX_LINE;
      const ecx = (load<u64>(cpu, CR4) & CR4_OSXSAVE) != 0 ? LEAF1_ECX | LEAF1_ECX_OSXSAVE : LEAF1_ECX;
      return set(cpu, SIGNATURE, ebx, ecx, several ? LEAF1_EDX | LEAF1_EDX_HTT : LEAF1_EDX);
    }
    case 4:
      return cache(cpu, subleaf);
    case 5:
      // Lines of 64 bytes; extensions, interrupts as break events while masked; C1 with one sub-state.
      return set(cpu, 64, 64, 3, 1 << 4);
    case 7: {
      if (subleaf != 0) return set(cpu, 0, 0, 0, 0);
      const ecx = (load<u64>(cpu, CR4) & CR4_PKE) != 0 ? LEAF7_ECX | LEAF7_ECX_OSPKE : LEAF7_ECX;
      return set(cpu, 0, LEAF7_EBX, ecx, LEAF7_EDX);
    }
    case 0xb:
    case 0x1f:
      return topology(cpu, subleaf);
    case 0xd:
      return extendedState(cpu, subleaf);
    case 0x15:
      return set(cpu, 1, 1, CRYSTAL, 0);
    case 0x16:
      return set(cpu, CRYSTAL / MHZ, CRYSTAL / MHZ, CRYSTAL / MHZ, 0);
    case HYPERVISOR:
      return set(cpu, HYPERVISOR, text(0x52, 0x65, 0x76, 0x65), text(0x69, 0x6c, 0x6c, 0x65), 0);
    // "KVMKVMKVM", with which a Linux guest knows that x2APICs work without interrupt remapping: all the rest is announced by
    // features, and leaf KVM_FEATURES has none.
    case KVM_SIGNATURE:
      return set(cpu, KVM_FEATURES, text(0x4b, 0x56, 0x4d, 0x4b), text(0x56, 0x4d, 0x4b, 0x56), 0x4d);
    case 0x80000000:
      return set(cpu, MAX_EXTENDED, 0, 0, 0);
    case 0x80000001:
      return set(cpu, 0, 0, EXTENDED1_ECX, EXTENDED1_EDX);
    // "Reveille x86-64 emulator"
    case 0x80000002:
      return set(
        cpu,
        text(0x52, 0x65, 0x76, 0x65),
        text(0x69, 0x6c, 0x6c, 0x65),
        text(0x20, 0x78, 0x38, 0x36),
        text(0x2d, 0x36, 0x34, 0x20),
      );
    case 0x80000003:
      return set(cpu, text(0x65, 0x6d, 0x75, 0x6c), text(0x61, 0x74, 0x6f, 0x72), 0, 0);
    case 0x80000007:
      return set(cpu, 0, 0, 0, INVARIANT_TSC);
    case 0x80000008:
      return set(cpu, PHYSICAL_AND_LINEAR_BITS, 0, 0, 0);
    default:
      return set(cpu, 0, 0, 0, 0);
  }
}

/** Leaves 0BH and 1FH: one subleaf a level, the last one empty. */
function topology(cpu: usize, level: u32): void {
  const id = load<u32>(cpu, APIC_ID);
  const threads = load<u32>(cpu, TOPOLOGY_THREADS);
  if (level == 0) set(cpu, load<u32>(cpu, TOPOLOGY_SMT_SHIFT), threads, LEVEL_SMT << 8, id);
  else if (level == 1) {
    const inPackage = threads * load<u32>(cpu, TOPOLOGY_CORES);
    set(cpu, load<u32>(cpu, TOPOLOGY_PACKAGE_SHIFT), inPackage, (LEVEL_CORE << 8) | 1, id);
  } else set(cpu, 0, 0, level & 0xff, id);
}

/** Leaf 0DH: the components of XCR0, and the size of their area: as it is enabled, and at most. */
function extendedState(cpu: usize, subleaf: u32): void {
  const enabled = load<u64>(cpu, XCR0);
  if (subleaf == 0) set(cpu, <u32>XCR0_DEFINED, areaEnd(enabled, false), AREA_END, 0);
  else if (subleaf == 1) set(cpu, LEAF13_EAX, areaEnd(enabled, true), 0, 0);
  else if (subleaf == 2) set(cpu, PKRU_AT - YMM_AT, YMM_AT, 0, 0);
  else if (subleaf == 9) set(cpu, PKRU_BYTES, PKRU_AT, 0, 0);
  else set(cpu, 0, 0, 0, 0);
}

/**
 * Leaf 4: 32 KiB of data and of instructions, 1 MiB for both, a core's own; 16 MiB of a package. What counts is the sharing:
 * a guest that looks here for its topology finds the same as in leaf 0BH.
 */
function cache(cpu: usize, index: u32): void {
  const DATA: u32 = 1;
  const CODE: u32 = 2;
  const UNIFIED: u32 = 3;
  if (index == 0) describeCache(cpu, DATA, 1, 8, 64);
  else if (index == 1) describeCache(cpu, CODE, 1, 8, 64);
  else if (index == 2) describeCache(cpu, UNIFIED, 2, 16, 1024);
  else if (index == 3) describeCache(cpu, UNIFIED, 3, 16, 16384);
  else set(cpu, 0, 0, 0, 0);
}

function describeCache(cpu: usize, type: u32, level: u32, ways: u32, sets: u32): void {
  const smtShift = load<u32>(cpu, TOPOLOGY_SMT_SHIFT);
  const packageShift = load<u32>(cpu, TOPOLOGY_PACKAGE_SHIFT);
  const sharing = min<u32>(1 << (level >= 3 ? packageShift : smtShift), 4096);
  const cores = min<u32>(1 << (packageShift - smtShift), 64);
  const SELF_INITIALIZING: u32 = 1 << 8;
  const LINE_BYTES: u32 = 64;
  const eax = type | (level << 5) | SELF_INITIALIZING | ((sharing - 1) << 14) | ((cores - 1) << 26);
  set(cpu, eax, (LINE_BYTES - 1) | ((ways - 1) << 22), sets - 1, 0);
}

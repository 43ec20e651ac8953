/**
 * What CPUID tells a guest: what KVM supports on this host, with the identity and topology of each vcpu
 * (SDM vol. 2A, "CPUID"; vol. 3A, "Hierarchical Mapping of Shared Resources").
 */
import type { CpuIdentity } from '../types';
import { kvm_cpuid2, kvm_cpuid_entry2 } from './abi';

export interface CpuidEntry {
  function: number;
  index: number;
  flags: number;
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

const SIGNIFICANT_INDEX = 1;

const LEAF1_ECX_X2APIC = 1 << 21;
const LEAF1_ECX_TSC_DEADLINE = 1 << 24;
const LEAF1_ECX_HYPERVISOR = 1 << 31;
const LEAF1_EDX_APIC = 1 << 9;
const LEAF1_EDX_HTT = 1 << 28;

/** Features of KVM's leaf 0x40000001 that need a LAPIC in the kernel: PV_EOI, PV_UNHALT, PV_SEND_IPI, ASYNC_PF_INT, MSI_EXT_DEST_ID. */
const PV_LAPIC_FEATURES = (1 << 6) | (1 << 7) | (1 << 11) | (1 << 14) | (1 << 15);

const LEVEL_SMT = 1;
const LEVEL_CORE = 2;

export function decodeCpuid(bytes: Uint8Array): CpuidEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const { at, size } = kvm_cpuid_entry2;
  return Array.from({ length: view.getUint32(0, true) }, (_, i) => {
    const base = kvm_cpuid2.size + i * size;
    const word = (offset: number) => view.getUint32(base + offset, true);
    return {
      function: word(at.function),
      index: word(at.index),
      flags: word(at.flags),
      eax: word(at.eax),
      ebx: word(at.ebx),
      ecx: word(at.ecx),
      edx: word(at.edx),
    };
  });
}

export function encodeCpuid(entries: readonly CpuidEntry[]): Uint8Array {
  const { at, size } = kvm_cpuid_entry2;
  const bytes = new Uint8Array(kvm_cpuid2.size + entries.length * size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, entries.length, true);
  entries.forEach((entry, i) => {
    const base = kvm_cpuid2.size + i * size;
    for (const field of ['function', 'index', 'flags', 'eax', 'ebx', 'ecx', 'edx'] as const) {
      view.setUint32(base + at[field], entry[field], true);
    }
  });
  return bytes;
}

/** The CPUID leaves of one vcpu. */
export function cpuidFor(supported: readonly CpuidEntry[], identity: CpuIdentity): CpuidEntry[] {
  const kept = supported
    .filter((entry) => entry.function !== 0xb && entry.function !== 0x1f && entry.function !== 4)
    .map((entry) => adapt({ ...entry }, identity));
  const leaf0 = kept.find((entry) => entry.function === 0);
  if (leaf0) leaf0.eax = Math.max(leaf0.eax, 0x1f);
  const caches = cacheLeaves(supported);
  return [
    ...kept,
    ...caches.map((entry) => shareCache(entry, identity)),
    ...topologyLeaves(0xb, identity),
    ...topologyLeaves(0x1f, identity),
  ];
}

function adapt(entry: CpuidEntry, identity: CpuIdentity): CpuidEntry {
  const { apicId, threadsPerPackage, threadsPerCore, packageShift, kernelLapic, tscDeadline } = identity;
  switch (entry.function) {
    case 1: {
      // EBX[23:16] counts the ids that a package may use, a power of two; it and the initial APIC id have 8 bits.
      const addressable = Math.min(2 ** packageShift, 255);
      entry.ebx = ((entry.ebx & 0xffff) | (addressable << 16) | ((apicId & 0xff) << 24)) >>> 0;
      entry.ecx = (entry.ecx & ~(LEAF1_ECX_X2APIC | LEAF1_ECX_TSC_DEADLINE)) | LEAF1_ECX_HYPERVISOR;
      if (kernelLapic) entry.ecx |= LEAF1_ECX_X2APIC;
      if (tscDeadline) entry.ecx |= LEAF1_ECX_TSC_DEADLINE;
      entry.ecx >>>= 0;
      entry.edx |= LEAF1_EDX_APIC;
      entry.edx = (threadsPerPackage > 1 ? entry.edx | LEAF1_EDX_HTT : entry.edx & ~LEAF1_EDX_HTT) >>> 0;
      break;
    }
    case 0x40000001:
      if (!kernelLapic) entry.eax = (entry.eax & ~PV_LAPIC_FEATURES) >>> 0;
      break;
    case 0x80000008:
      // AMD: ECX[7:0] threads in the package less one, ECX[15:12] width of their part of the APIC id.
      entry.ecx = Math.min(threadsPerPackage - 1, 0xff) | (Math.min(packageShift, 15) << 12);
      break;
    case 0x8000001d:
      if ((entry.eax & 0x1f) !== 0) {
        const sharing = ((entry.eax >> 5) & 7) >= 3 ? threadsPerPackage : threadsPerCore;
        entry.eax = ((entry.eax & ~(0xfff << 14)) | ((Math.min(sharing, 4096) - 1) << 14)) >>> 0;
      }
      break;
    case 0x8000001e:
      // AMD: EAX extended APIC id; EBX core id and threads a core less one.
      entry.eax = apicId;
      entry.ebx = ((apicId >>> identity.smtShift) & 0xff) | ((threadsPerCore - 1) << 8);
      entry.ecx = (apicId >>> packageShift) & 0xff;
      break;
  }
  return entry;
}

/**
 * Deterministic cache parameters. An AMD host leaves leaf 4 empty and has the same format in leaf 0x8000001D, which
 * then serves for both, so that a guest finds the topology where either vendor's manual tells it to look.
 */
function cacheLeaves(supported: readonly CpuidEntry[]): CpuidEntry[] {
  const own = supported.filter((entry) => entry.function === 4 && (entry.eax & 0x1f) !== 0);
  const source =
    own.length > 0 ? own : supported.filter((entry) => entry.function === 0x8000001d && (entry.eax & 0x1f) !== 0);
  const leaves = source.map((entry, index) => ({ ...entry, function: 4, index, flags: SIGNIFICANT_INDEX }));
  leaves.push({ function: 4, index: leaves.length, flags: SIGNIFICANT_INDEX, eax: 0, ebx: 0, ecx: 0, edx: 0 });
  return leaves;
}

/** Leaf 4 EAX[25:14]: ids sharing the cache less one; EAX[31:26]: core ids in the package less one. */
function shareCache(entry: CpuidEntry, { smtShift, packageShift }: CpuIdentity): CpuidEntry {
  if ((entry.eax & 0x1f) === 0) return entry;
  const level = (entry.eax >> 5) & 7;
  const sharing = Math.min(2 ** (level >= 3 ? packageShift : smtShift), 4096);
  const cores = Math.min(2 ** (packageShift - smtShift), 64);
  return { ...entry, eax: ((entry.eax & 0x3fff) | ((sharing - 1) << 14) | ((cores - 1) << 26)) >>> 0 };
}

/** Extended topology: one subleaf a level, the last one empty; each carries the x2APIC id in EDX. */
function topologyLeaves(leaf: number, identity: CpuIdentity): CpuidEntry[] {
  const { apicId, smtShift, packageShift, threadsPerCore, threadsPerPackage } = identity;
  const subleaf = (index: number, type: number, shift: number, count: number): CpuidEntry => ({
    function: leaf,
    index,
    flags: SIGNIFICANT_INDEX,
    eax: shift,
    ebx: count,
    ecx: index | (type << 8),
    edx: apicId,
  });
  return [
    subleaf(0, LEVEL_SMT, smtShift, threadsPerCore),
    subleaf(1, LEVEL_CORE, packageShift, threadsPerPackage),
    subleaf(2, 0, 0, 0),
  ];
}

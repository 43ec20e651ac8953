/** Control registers (SDM vol. 3A, "Control Registers"; "Initializing IA-32e Mode" for the order of PG, PAE and LME). */
import {
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_LA57,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_OSXSAVE,
  CR4_PAE,
  CR4_PCE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PKE,
  CR4_PSE,
  CR4_PVI,
  CR4_SMAP,
  CR4_SMEP,
  CR4_TSD,
  CR4_UMIP,
  CR4_VME,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  GP,
  LONG,
  PHYSICAL_MASK,
} from './bits';
import { ECX_XSAVE, EDX_FXSR, LEAF1_ECX, LEAF1_EDX } from './cpuid';
import { accessOf } from './descriptors';
import { fault, raiseUd } from './exceptions';
import { exitSetTpr } from './exits';
import { updateMode } from './modes';
import { loadPdptes } from './paging';
import { is64Bit, isIa32e } from './segments';
import { CANONICAL_SHIFT, CR0, CR2, CR3, CR4, CR8, CS, EFER } from './state';
import { RETIRED } from './status';
import { flushTlb, flushTlbExceptGlobal } from './tlb';

export const CR0_DEFINED: u64 =
  CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
/** What CPUID announces, and PCE. */
export const CR4_DEFINED: u64 =
  CR4_VME |
  CR4_PVI |
  CR4_TSD |
  CR4_DE |
  CR4_PSE |
  CR4_PAE |
  CR4_PGE |
  CR4_PCE |
  CR4_UMIP |
  CR4_LA57 |
  CR4_PCIDE |
  CR4_FSGSBASE |
  CR4_SMEP |
  CR4_SMAP |
  CR4_PKE |
  ((LEAF1_EDX & EDX_FXSR) != 0 ? CR4_OSFXSR | CR4_OSXMMEXCPT : 0) |
  ((LEAF1_ECX & ECX_XSAVE) != 0 ? CR4_OSXSAVE : 0);
export const EFER_DEFINED: u64 = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
/** Changes of these drop translations. */
const CR0_PAGING: u64 = CR0_PE | CR0_WP | CR0_PG;
const CR4_PAGING: u64 = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE;
const CR3_PCID: u64 = 0xfff;
const CR3_KEEPS: u64 = 1 << 63;
/** Changes of these load the PDPTE registers. */
const CR0_PDPTES: u64 = CR0_CD | CR0_NW | CR0_PG;
const CR4_PDPTES: u64 = CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP;

/** Of a register that there is: the decoder sees to it. */
export function readCr(cpu: usize, n: i32): u64 {
  if (n == 0) return load<u64>(cpu, CR0);
  if (n == 2) return load<u64>(cpu, CR2);
  if (n == 3) return load<u64>(cpu, CR3);
  return n == 4 ? load<u64>(cpu, CR4) : load<u64>(cpu, CR8);
}

export function writeCr(cpu: usize, n: i32, value: u64): i32 {
  if (n == 0) return writeCr0(cpu, value);
  if (n == 3) return writeCr3(cpu, value);
  if (n == 4) return writeCr4(cpu, value);
  if (n == 8) return writeCr8(cpu, value);
  if (n != 2) return raiseUd(cpu);
  store<u64>(cpu, value, CR2);
  return RETIRED;
}

/** PAE paging, which keeps the PDPTEs in registers. */
function usesPdptes(cr0: u64, cr4: u64, efer: u64): bool {
  return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && (efer & EFER_LMA) == 0;
}

export function writeCr0(cpu: usize, value: u64): i32 {
  const old = load<u64>(cpu, CR0);
  const cr4 = load<u64>(cpu, CR4);
  let efer = load<u64>(cpu, EFER);
  if (value >> 32 != 0) return fault(cpu, GP, 0);
  const next = (value & CR0_DEFINED) | CR0_ET;
  if ((next & (CR0_PG | CR0_PE)) == CR0_PG || (next & (CR0_NW | CR0_CD)) == CR0_NW) return fault(cpu, GP, 0);
  const changed = old ^ next;
  if ((changed & CR0_PG) != 0) {
    if ((next & CR0_PG) == 0) {
      if (is64Bit(cpu) || (cr4 & CR4_PCIDE) != 0) return fault(cpu, GP, 0);
      efer &= ~EFER_LMA;
    } else if ((efer & EFER_LME) != 0) {
      if ((cr4 & CR4_PAE) == 0 || (accessOf(cpu, CS) & LONG) != 0) return fault(cpu, GP, 0);
      efer |= EFER_LMA;
    }
  }
  if ((changed & CR0_PDPTES) != 0 && usesPdptes(next, cr4, efer) && !loadPdptes(cpu, load<u64>(cpu, CR3))) {
    return fault(cpu, GP, 0);
  }
  store<u64>(cpu, next, CR0);
  store<u64>(cpu, efer, EFER);
  if ((changed & (CR0_PAGING | CR0_AM)) != 0) flushTlb(cpu);
  updateMode(cpu);
  return RETIRED;
}

export function writeCr3(cpu: usize, value: u64): i32 {
  if (isIa32e(cpu)) {
    // Nothing has to be kept where it says that translations may be.
    if ((load<u64>(cpu, CR4) & CR4_PCIDE) != 0) value &= ~CR3_KEEPS;
    if ((value & ~PHYSICAL_MASK) != 0) return fault(cpu, GP, 0);
  } else if (usesPdptes(load<u64>(cpu, CR0), load<u64>(cpu, CR4), load<u64>(cpu, EFER)) && !loadPdptes(cpu, value)) {
    return fault(cpu, GP, 0);
  }
  store<u64>(cpu, value, CR3);
  flushTlbExceptGlobal(cpu);
  return RETIRED;
}

function writeCr4(cpu: usize, value: u64): i32 {
  const efer = load<u64>(cpu, EFER);
  const changed = load<u64>(cpu, CR4) ^ value;
  if ((value & ~CR4_DEFINED) != 0) return fault(cpu, GP, 0);
  if ((efer & EFER_LMA) != 0 && ((value & CR4_PAE) == 0 || (changed & CR4_LA57) != 0)) return fault(cpu, GP, 0);
  if ((changed & value & CR4_PCIDE) != 0) {
    if ((efer & EFER_LMA) == 0 || (load<u64>(cpu, CR3) & CR3_PCID) != 0) return fault(cpu, GP, 0);
  }
  if (
    (changed & CR4_PDPTES) != 0 &&
    usesPdptes(load<u64>(cpu, CR0), value, efer) &&
    !loadPdptes(cpu, load<u64>(cpu, CR3))
  ) {
    return fault(cpu, GP, 0);
  }
  store<u64>(cpu, value, CR4);
  updateCanonical(cpu);
  if ((changed & CR4_PAGING) != 0) flushTlb(cpu);
  updateMode(cpu);
  return RETIRED;
}

function updateCanonical(cpu: usize): void {
  store<u64>(cpu, (load<u64>(cpu, CR4) & CR4_LA57) == 0 ? 16 : 7, CANONICAL_SHIFT);
}

/** A lowered priority may let an interrupt through: the host has to see it (KVM_EXIT_SET_TPR). */
function writeCr8(cpu: usize, value: u64): i32 {
  if (value > 15) return fault(cpu, GP, 0);
  const lowered = value < load<u64>(cpu, CR8);
  store<u64>(cpu, value, CR8);
  if (lowered) exitSetTpr(cpu);
  return RETIRED;
}

/** WRMSR to IA32_EFER; LMA follows PG and cannot be written. False: #GP. */
export function writeEfer(cpu: usize, value: u64): bool {
  const old = load<u64>(cpu, EFER);
  const next = (value & ~EFER_LMA) | (old & EFER_LMA);
  if ((value & ~EFER_DEFINED) != 0) return false;
  if (((old ^ next) & EFER_LME) != 0 && (load<u64>(cpu, CR0) & CR0_PG) != 0) return false;
  store<u64>(cpu, next, EFER);
  if (((old ^ next) & EFER_NXE) != 0) flushTlb(cpu);
  return true;
}

/** The host has set registers: what is derived from them. False: PDPTEs in memory that MOV to CR3 would refuse. */
export function controlChanged(cpu: usize): bool {
  flushTlb(cpu);
  updateMode(cpu);
  updateCanonical(cpu);
  if (!usesPdptes(load<u64>(cpu, CR0), load<u64>(cpu, CR4), load<u64>(cpu, EFER))) return true;
  return loadPdptes(cpu, load<u64>(cpu, CR3));
}

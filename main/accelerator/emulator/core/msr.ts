/** Model-specific registers (SDM vol. 4): what CPUID's features need; any other is #GP. */
import { hasOthersBeside } from './beside';
import { CR4_PCE, GP, PHYSICAL_MASK } from './bits';
import { writeEfer } from './control';
import { baseOf, segmentAt } from './descriptors';
import { fault } from './exceptions';
import { exitMsr, msrData, msrRefused } from './exits';
import { x2apicRead, x2apicWrite } from './lapic';
import { isEverCanonical } from './memory';
import { IA32_MTRRCAP, mtrr, MTRRCAP, validMtrr } from './mtrr';
import {
  CPL,
  CR4,
  EFER,
  FS,
  GS,
  INSTRUCTIONS,
  MSR_APIC_BASE,
  MSR_CSTAR,
  MSR_FMASK,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MISC_ENABLE,
  MSR_PAT,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC_ADJUST,
  MSR_TSC_AUX,
  RAX,
  RCX,
  RDX,
  SEG_BASE,
  SYSTEM_ROOM,
  TSC_BASE,
} from './state';
import { FAULT, RETIRED } from './status';

const IA32_TSC: u32 = 0x10;
const IA32_PLATFORM_ID: u32 = 0x17;
const IA32_APIC_BASE: u32 = 0x1b;
const IA32_TSC_ADJUST: u32 = 0x3b;
const IA32_BIOS_SIGN_ID: u32 = 0x8b;
const IA32_PMC0: u32 = 0xc1;
const IA32_ARCH_CAPABILITIES: u32 = 0x10a;
const IA32_SYSENTER_CS: u32 = 0x174;
const IA32_SYSENTER_ESP: u32 = 0x175;
const IA32_SYSENTER_EIP: u32 = 0x176;
const IA32_PERFEVTSEL0: u32 = 0x186;
const IA32_MISC_ENABLE: u32 = 0x1a0;
const IA32_DEBUGCTL: u32 = 0x1d9;
const IA32_PAT: u32 = 0x277;
const IA32_FIXED_CTR0: u32 = 0x309;
/** Then the three of IA32_PERF_GLOBAL. */
const IA32_FIXED_CTR_CTRL: u32 = 0x38d;
const IA32_TSC_DEADLINE: u32 = 0x6e0;
const IA32_EFER: u32 = 0xc0000080;
const IA32_STAR: u32 = 0xc0000081;
const IA32_LSTAR: u32 = 0xc0000082;
const IA32_CSTAR: u32 = 0xc0000083;
const IA32_FMASK: u32 = 0xc0000084;
const IA32_FS_BASE: u32 = 0xc0000100;
const IA32_GS_BASE: u32 = 0xc0000101;
const IA32_KERNEL_GS_BASE: u32 = 0xc0000102;
const IA32_TSC_AUX: u32 = 0xc0000103;

/** 256 MSRs from here on are the x2APIC's registers. */
const X2APIC: u32 = 0x800;
const APIC_BASE_BSP: u64 = 1 << 8;
const APIC_BASE_EXTD: u64 = 1 << 10;
const APIC_BASE_ENABLE: u64 = 1 << 11;
const APIC_BASE_WRITABLE: u64 = APIC_BASE_EXTD | APIC_BASE_ENABLE | (PHYSICAL_MASK & ~0xfff);
/** Nothing is executed speculatively: RDCL_NO SSB_NO MDS_NO PSCHANGE_MC_NO TAA_NO and the other immunities up to RFDS_NO. */
const ARCH_CAPABILITIES: u64 =
  (1 << 0) |
  (1 << 4) |
  (1 << 5) |
  (1 << 6) |
  (1 << 8) |
  (1 << 13) |
  (1 << 14) |
  (1 << 15) |
  (1 << 17) |
  (1 << 20) |
  (1 << 24) |
  (1 << 26) |
  (1 << 27);
const COUNTERS: u32 = 8;
const FIXED_COUNTERS: u32 = 3;
/** Of RDPMC's operand. */
const FIXED_COUNTER: u32 = 1 << 30;
const MISC_ENABLE_FAST_STRINGS: u64 = 1 << 0;
/** Fast strings, MONITOR; no branch trace store, no PEBS. */
export const MISC_ENABLE_RESET: u64 = MISC_ENABLE_FAST_STRINGS | (1 << 11) | (1 << 12) | (1 << 18);
/** PAT's types WB WT UC- UC, twice. */
export const PAT_RESET: u64 = 0x0007040600070406;

/** u8: the host has answered the MSR exit of the instruction that runs. */
const ANSWERED: usize = SYSTEM_ROOM + 74;
/** u64: value that an MSR was read as. */
const VALUE: usize = SYSTEM_ROOM + 208;

/** The host has answered an MSR exit; the instruction runs again next. */
export function msrCompleted(cpu: usize): void {
  store<u8>(cpu, 1, ANSWERED);
}

export function forgetMsrAnswer(cpu: usize): void {
  store<u8>(cpu, 0, ANSWERED);
}

export function readTsc(cpu: usize): u64 {
  return load<u64>(cpu, TSC_BASE) + sinceBase(cpu);
}

/** Vol. 3B, "Time-Stamp Counter Adjustment": a write of the one moves the other by as much. */
function moveTsc(cpu: usize, distance: u64): void {
  store<u64>(cpu, load<u64>(cpu, TSC_BASE) + distance, TSC_BASE);
  store<u64>(cpu, load<u64>(cpu, MSR_TSC_ADJUST) + distance, MSR_TSC_ADJUST);
}

/** What the counter counts: in turn what the host has not yet put into its base, beside others machine time. */
function sinceBase(cpu: usize): u64 {
  return hasOthersBeside(cpu) ? <u64>machineTime() : load<u64>(cpu, INSTRUCTIONS);
}

/** Of the host: machine time in ns. */
// @ts-ignore: decorator
@external("env", "machineTime")
declare function machineTime(): f64;

/** RDPMC: of a counter by its number, or of a fixed one. */
export function rdpmc(cpu: usize): i32 {
  if ((load<u64>(cpu, CR4) & CR4_PCE) == 0 && load<u8>(cpu, CPL) != 0) return fault(cpu, GP, 0);
  const number = load<u32>(cpu, RCX);
  const isFixed = (number & FIXED_COUNTER) != 0;
  if ((number & ~FIXED_COUNTER) >= (isFixed ? FIXED_COUNTERS : COUNTERS)) return fault(cpu, GP, 0);
  const index = isFixed ? IA32_FIXED_CTR0 + (number & ~FIXED_COUNTER) : IA32_PMC0 + number;
  if (!askHost(cpu, index, 0, false)) return FAULT;
  store<u64>(cpu, <u64>(<u32>msrData(cpu)), RAX);
  store<u64>(cpu, msrData(cpu) >> 32, RDX);
  return RETIRED;
}

/** Performance counters count nothing: the host answers 0, and says so. */
function isCounter(index: u32): bool {
  return (
    index - IA32_PMC0 < COUNTERS ||
    index - IA32_PERFEVTSEL0 < COUNTERS ||
    index - IA32_FIXED_CTR0 < FIXED_COUNTERS ||
    index - IA32_FIXED_CTR_CTRL < 4
  );
}

export function rdmsr(cpu: usize): i32 {
  const index = load<u32>(cpu, RCX);
  const isX2apic = (index & ~0xff) == X2APIC;
  if (isX2apic && load<u8>(cpu, ANSWERED) == 0 && x2apicRead(cpu, index & 0xff, cpu + VALUE)) {
    // Answered here.
  } else if (index == IA32_TSC_DEADLINE || isX2apic || isCounter(index)) {
    if (!askHost(cpu, index, 0, false)) return FAULT;
    store<u64>(cpu, msrData(cpu), VALUE);
  } else if (!readMsr(cpu, index)) return fault(cpu, GP, 0);
  const value = load<u64>(cpu, VALUE);
  store<u64>(cpu, value & 0xffffffff, RAX);
  store<u64>(cpu, value >> 32, RDX);
  return RETIRED;
}

export function wrmsr(cpu: usize): i32 {
  const index = load<u32>(cpu, RCX);
  const value = ((<u64>load<u32>(cpu, RDX)) << 32) | load<u32>(cpu, RAX);
  if (index == IA32_APIC_BASE) return writeApicBase(cpu, value);
  if ((index & ~0xff) == X2APIC) {
    if (load<u8>(cpu, ANSWERED) == 0 && x2apicWrite(cpu, index & 0xff, value)) return RETIRED;
    return askHost(cpu, index, value, true) ? RETIRED : FAULT;
  }
  if (index == IA32_TSC_DEADLINE || isCounter(index)) return askHost(cpu, index, value, true) ? RETIRED : FAULT;
  return writeMsr(cpu, index, value) ? RETIRED : fault(cpu, GP, 0);
}

/** "x2APIC State Transitions": into x2APIC mode from xAPIC mode alone, out of it by switching off. */
function writeApicBase(cpu: usize, value: u64): i32 {
  const old = load<u64>(cpu, MSR_APIC_BASE);
  const mode = value & (APIC_BASE_ENABLE | APIC_BASE_EXTD);
  const oldMode = old & (APIC_BASE_ENABLE | APIC_BASE_EXTD);
  if ((value & ~(APIC_BASE_WRITABLE | APIC_BASE_BSP)) != 0 || mode == APIC_BASE_EXTD) return fault(cpu, GP, 0);
  if (oldMode == 0 && mode == (APIC_BASE_ENABLE | APIC_BASE_EXTD)) return fault(cpu, GP, 0);
  if (oldMode == (APIC_BASE_ENABLE | APIC_BASE_EXTD) && mode == APIC_BASE_ENABLE) return fault(cpu, GP, 0);
  if (!askHost(cpu, IA32_APIC_BASE, value, true)) return FAULT;
  store<u64>(cpu, (value & APIC_BASE_WRITABLE) | (old & APIC_BASE_BSP), MSR_APIC_BASE);
  return RETIRED;
}

/** True: the host has agreed. False: it has been asked, or it has refused with #GP. */
function askHost(cpu: usize, index: u32, value: u64, isWrite: bool): bool {
  if (load<u8>(cpu, ANSWERED) == 0) {
    exitMsr(cpu, index, value, isWrite);
    return false;
  }
  store<u8>(cpu, 0, ANSWERED);
  if (!msrRefused(cpu)) return true;
  fault(cpu, GP, 0);
  return false;
}

/** Where an MSR that is nothing but a value is kept; 0: it is more than that, or none. */
function plain(index: u32): usize {
  switch (index) {
    case IA32_APIC_BASE:
      return MSR_APIC_BASE;
    case IA32_SYSENTER_CS:
      return MSR_SYSENTER_CS;
    case IA32_SYSENTER_ESP:
      return MSR_SYSENTER_ESP;
    case IA32_SYSENTER_EIP:
      return MSR_SYSENTER_EIP;
    case IA32_MISC_ENABLE:
      return MSR_MISC_ENABLE;
    case IA32_PAT:
      return MSR_PAT;
    case IA32_EFER:
      return EFER;
    case IA32_STAR:
      return MSR_STAR;
    case IA32_LSTAR:
      return MSR_LSTAR;
    case IA32_CSTAR:
      return MSR_CSTAR;
    case IA32_FMASK:
      return MSR_FMASK;
    case IA32_KERNEL_GS_BASE:
      return MSR_KERNEL_GS_BASE;
    case IA32_TSC_ADJUST:
      return MSR_TSC_ADJUST;
    case IA32_TSC_AUX:
      return MSR_TSC_AUX;
    default:
      return mtrr(index);
  }
}

/** Into VALUE; false: there is no such MSR. */
function readMsr(cpu: usize, index: u32): bool {
  const place = plain(index);
  let value: u64 = 0;
  if (place != 0) value = load<u64>(cpu + place);
  else if (index == IA32_TSC) value = readTsc(cpu);
  else if (index == IA32_FS_BASE) value = baseOf(cpu, FS);
  else if (index == IA32_GS_BASE) value = baseOf(cpu, GS);
  else if (index == IA32_ARCH_CAPABILITIES) value = ARCH_CAPABILITIES;
  else if (index == IA32_MTRRCAP) value = MTRRCAP;
  else if (index != IA32_PLATFORM_ID && index != IA32_BIOS_SIGN_ID && index != IA32_DEBUGCTL) return false;
  store<u64>(cpu, value, VALUE);
  return true;
}

/** False: there is no such MSR, or not with this value. */
function writeMsr(cpu: usize, index: u32, value: u64): bool {
  switch (index) {
    case IA32_TSC:
      moveTsc(cpu, value - readTsc(cpu));
      return true;
    case IA32_TSC_ADJUST:
      moveTsc(cpu, value - load<u64>(cpu, MSR_TSC_ADJUST));
      return true;
    // A microcode update's signature: cleared by software before CPUID would set it.
    case IA32_BIOS_SIGN_ID:
      return true;
    case IA32_DEBUGCTL:
      return value == 0;
    case IA32_MISC_ENABLE:
      if (((value ^ load<u64>(cpu, MSR_MISC_ENABLE)) & ~MISC_ENABLE_FAST_STRINGS) != 0) return false;
      break;
    case IA32_PAT:
      if (!validPat(value)) return false;
      break;
    case IA32_EFER:
      return writeEfer(cpu, value);
    case IA32_FMASK:
    case IA32_TSC_AUX:
      if (value >> 32 != 0) return false;
      break;
    case IA32_SYSENTER_ESP:
    case IA32_SYSENTER_EIP:
    case IA32_LSTAR:
    case IA32_CSTAR:
    case IA32_KERNEL_GS_BASE:
      if (!isEverCanonical(value)) return false;
      break;
    case IA32_FS_BASE:
      return setBase(cpu, FS, value);
    case IA32_GS_BASE:
      return setBase(cpu, GS, value);
    default:
      if (mtrr(index) != 0 && !validMtrr(index, value)) return false;
      break;
  }
  const place = plain(index);
  if (place == 0) return false;
  store<u64>(cpu + place, value);
  return true;
}

/** False: not canonical. */
export function setBase(cpu: usize, segment: i32, base: u64): bool {
  if (!isEverCanonical(base)) return false;
  store<u64>(segmentAt(cpu, segment), base, SEG_BASE);
  return true;
}

/** Eight memory types of 0, 1, 4 to 7. */
function validPat(value: u64): bool {
  for (let i: u64 = 0; i < 64; i += 8) {
    const type = (value >> i) & 0xff;
    if (type > 7 || type == 2 || type == 3) return false;
  }
  return true;
}

/** The state after power-up (SDM vol. 3A, "Processor State After Reset"); what the host sets at 1024 and above stays. */
import { ACCESSED, CODE, CR0_CD, CR0_ET, CR0_NW, NOT_SYSTEM, PRESENT, TYPE_LDT, TYPE_TSS_BUSY, WRITABLE } from './bits';
import { controlChanged } from './control';
import { SIGNATURE } from './cpuid';
import { DR7_RESET, updateDebug } from './debug';
import { segmentAt } from './descriptors';
import { setFlags } from './flags';
import { COMPLETE_NOTHING } from './exits';
import { forgetMmioReads, MMIO_WRITES } from './mmio';
import { forgetMsrAnswer, MISC_ENABLE_RESET, PAT_RESET } from './msr';
import { SMBASE_RESET } from './smm';
import {
  CODE_EPOCH_SEEN,
  CODE_GENERATION,
  COMPLETION,
  CR0,
  CS,
  DR6,
  DR7,
  EXCEPTION,
  EXIT_PENDING,
  GDTR_LIMIT,
  HALTED,
  IDTR_LIMIT,
  IN_SMM,
  INTERRUPT_PENDING,
  MONITOR_STATE,
  LDTR,
  MSR_APIC_BASE,
  MSR_MISC_ENABLE,
  MSR_PAT,
  NMI_BLOCKED,
  NMI_PENDING,
  RAM_BASE,
  RDX,
  RIP,
  SEG_ACCESS,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SHADOW,
  SMBASE,
  SMI_PENDING,
  KVM_RUN,
  EXIT_REQUEST,
  MXCSR,
  STATE_SIZE,
  TR,
  X87_CONTROL,
  X87_FULL,
  XCR0,
  YMM,
} from './state';

const DR6_RESET: u64 = 0xffff0ff0;
const X87_CONTROL_RESET: u16 = 0x40;
const MXCSR_RESET: u32 = 0x1f80;
/** x87 alone. */
const XCR0_RESET: u64 = 1;
const APIC_BASE_RESET: u64 = 0xfee00000 | (1 << 11);
const DATA: u32 = NOT_SYSTEM | PRESENT | ACCESSED | WRITABLE;

export function reset(cpu: usize): void {
  // Where things are, and the generations of code and links, outlive the processor's state.
  const exitRequest = load<u32>(cpu, EXIT_REQUEST);
  const kvmRun = load<u32>(cpu, KVM_RUN);
  const generation = load<u32>(cpu, CODE_GENERATION);
  const epoch = load<u32>(cpu, CODE_EPOCH_SEEN);
  memory.fill(cpu, 0, RAM_BASE);
  store<u32>(cpu, exitRequest, EXIT_REQUEST);
  store<u32>(cpu, kvmRun, KVM_RUN);
  store<u32>(cpu, generation, CODE_GENERATION);
  store<u32>(cpu, epoch, CODE_EPOCH_SEEN);

  store<u64>(cpu, SIGNATURE, RDX);
  store<u64>(cpu, 0xfff0, RIP);
  store<u64>(cpu, CR0_CD | CR0_NW | CR0_ET, CR0);
  for (let segment = 0; segment <= TR; segment++) setRegister(cpu, segment, 0, 0, DATA);
  setRegister(cpu, CS, 0xf000, 0xffff0000, DATA | CODE);
  setRegister(cpu, LDTR, 0, 0, PRESENT | TYPE_LDT);
  setRegister(cpu, TR, 0, 0, PRESENT | TYPE_TSS_BUSY);
  store<u32>(cpu, 0xffff, GDTR_LIMIT);
  store<u32>(cpu, 0xffff, IDTR_LIMIT);
  store<u64>(cpu, APIC_BASE_RESET, MSR_APIC_BASE);
  store<u64>(cpu, PAT_RESET, MSR_PAT);
  store<u64>(cpu, MISC_ENABLE_RESET, MSR_MISC_ENABLE);
  resetVectors(cpu);
  store<u32>(cpu, SMBASE_RESET, SMBASE);
  setFlags(cpu, 0);
  resetEvents(cpu);
  stateChanged(cpu);
}

/** Of these registers an INIT leaves all as it is (SDM vol. 3A, table "IA-32 and Intel 64 Processor States…"). */
function resetVectors(cpu: usize): void {
  memory.fill(cpu + YMM, 0, STATE_SIZE - YMM);
  store<u16>(cpu, X87_CONTROL_RESET, X87_CONTROL);
  // All tags say zero, not empty.
  store<u8>(cpu, 0xff, X87_FULL);
  store<u32>(cpu, MXCSR_RESET, MXCSR);
  store<u64>(cpu, XCR0_RESET, XCR0);
}

/** What an INIT drops: pending events, unfinished accesses, breakpoints. */
export function resetEvents(cpu: usize): void {
  store<i32>(cpu, -1, EXCEPTION);
  store<i32>(cpu, -1, INTERRUPT_PENDING);
  store<u8>(cpu, 0, NMI_PENDING);
  store<u8>(cpu, 0, NMI_BLOCKED);
  store<u8>(cpu, 0, SHADOW);
  store<u8>(cpu, 0, SMI_PENDING);
  store<u8>(cpu, 0, IN_SMM);
  store<u8>(cpu, 0, HALTED);
  store<u8>(cpu, 0, EXIT_PENDING);
  store<u8>(cpu, COMPLETE_NOTHING, COMPLETION);
  forgetMmioReads(cpu);
  store<u8>(cpu, 0, MMIO_WRITES);
  store<u32>(cpu, 0, MONITOR_STATE);
  forgetMsrAnswer(cpu);
  store<u64>(cpu, DR6_RESET, DR6);
  store<u64>(cpu, DR7_RESET, DR7);
  updateDebug(cpu);
}

/** The host has written registers into the block: derives from them what is kept beside them. */
export function stateChanged(cpu: usize): void {
  controlChanged(cpu);
  updateDebug(cpu);
}

function setRegister(cpu: usize, segment: i32, selector: u32, base: u64, access: u32): void {
  const register = segmentAt(cpu, segment);
  store<u64>(register, base, SEG_BASE);
  store<u32>(register, 0xffff, SEG_LIMIT);
  store<u16>(register, <u16>selector, SEG_SELECTOR);
  store<u16>(register, <u16>access, SEG_ACCESS);
}

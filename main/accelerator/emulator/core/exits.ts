/** Exits to the host in the layout of `struct kvm_run` (Linux, Documentation/virt/kvm/api.rst; kvm-run.ts has the other side). */
import { CODE_CHANGED, COMPLETION, EXIT_PENDING, HALTED, KVM_RUN } from './state';

export const RUN_REQUEST_INTERRUPT_WINDOW: usize = 0; // u8
export const RUN_IMMEDIATE_EXIT: usize = 1; // u8
export const RUN_EXIT_REASON: usize = 8; // u32
export const RUN_READY_FOR_INTERRUPT: usize = 12; // u8
export const RUN_IF_FLAG: usize = 13; // u8
/** u16: KVM_RUN_X86_SMM is bit 0. */
export const RUN_FLAGS: usize = 14;
export const RUN_CR8: usize = 16; // u64
export const RUN_APIC_BASE: usize = 24; // u64
const UNION: usize = 32;
const IO_DIRECTION: usize = UNION; // u8
const IO_SIZE: usize = UNION + 1; // u8
const IO_PORT: usize = UNION + 2; // u16
const IO_COUNT: usize = UNION + 4; // u32
const IO_DATA_OFFSET: usize = UNION + 8; // u64
const MMIO_ADDRESS: usize = UNION; // u64
const MMIO_DATA: usize = UNION + 8; // 8 bytes
const MMIO_LENGTH: usize = UNION + 16; // u32
const MMIO_IS_WRITE: usize = UNION + 20; // u8
const MSR_ERROR: usize = UNION; // u8
const MSR_INDEX: usize = UNION + 12; // u32
const MSR_DATA: usize = UNION + 16; // u64
const DEBUG_EXCEPTION: usize = UNION; // u32
const DEBUG_DR6: usize = UNION + 16; // u64
const INTERNAL_SUBERROR: usize = UNION; // u32
const INTERNAL_COUNT: usize = UNION + 4; // u32
const INTERNAL_DATA: usize = UNION + 8; // u64[16]
/** Data of IN and OUT stand in the page behind kvm_run, as on KVM. */
export const IO_DATA: usize = 4096;

const EXIT_IO: u32 = 2;
const EXIT_DEBUG: u32 = 4;
const EXIT_HLT: u32 = 5;
const EXIT_MMIO: u32 = 6;
const EXIT_IRQ_WINDOW_OPEN: u32 = 7;
const EXIT_SHUTDOWN: u32 = 8;
const EXIT_SET_TPR: u32 = 11;
const EXIT_INTERNAL_ERROR: u32 = 17;
const EXIT_RDMSR: u32 = 29;
const EXIT_WRMSR: u32 = 30;

/** How an exit is completed on the next entry. */
export const COMPLETE_NOTHING: u8 = 0;
export const COMPLETE_MMIO_READ: u8 = 1;
export const COMPLETE_IN: u8 = 2;
/** The instruction runs again after `msrCompleted` (msr.ts). */
export const COMPLETE_MSR: u8 = 3;

function exit(cpu: usize, reason: u32): usize {
  const kvmRun: usize = load<u32>(cpu, KVM_RUN);
  store<u32>(kvmRun, reason, RUN_EXIT_REASON);
  store<u8>(cpu, 1, EXIT_PENDING);
  store<u8>(cpu, 1, CODE_CHANGED);
  return kvmRun;
}

/** The 8 bytes of an MMIO exit's data. */
export function mmioData(cpu: usize): usize {
  return load<u32>(cpu, KVM_RUN) + MMIO_DATA;
}

/** A read: the instruction has not retired and runs again once the host has supplied the data. A write: it retires. */
export function exitMmio(cpu: usize, physical: u64, length: u32, isWrite: bool): void {
  const kvmRun = exit(cpu, EXIT_MMIO);
  store<u64>(kvmRun, physical, MMIO_ADDRESS);
  store<u32>(kvmRun, length, MMIO_LENGTH);
  store<u8>(kvmRun, <u8>isWrite, MMIO_IS_WRITE);
  store<u8>(cpu, isWrite ? COMPLETE_NOTHING : COMPLETE_MMIO_READ, COMPLETION);
}

/** `count`: items, which lie one after the other at `ioData`. */
export function exitIo(cpu: usize, port: u32, size: i32, isOut: bool, count: i32 = 1): void {
  const kvmRun = exit(cpu, EXIT_IO);
  store<u8>(kvmRun, <u8>isOut, IO_DIRECTION);
  store<u8>(kvmRun, <u8>size, IO_SIZE);
  store<u16>(kvmRun, <u16>port, IO_PORT);
  store<u32>(kvmRun, count, IO_COUNT);
  store<u64>(kvmRun, IO_DATA, IO_DATA_OFFSET);
  store<u8>(cpu, isOut ? COMPLETE_NOTHING : COMPLETE_IN, COMPLETION);
}

/** Address of the data of IN and OUT. */
export function ioData(cpu: usize): usize {
  return load<u32>(cpu, KVM_RUN) + IO_DATA;
}

export function exitHlt(cpu: usize): void {
  store<u8>(cpu, 1, HALTED);
  exit(cpu, EXIT_HLT);
}

export function exitShutdown(cpu: usize): void {
  exit(cpu, EXIT_SHUTDOWN);
}

export function exitInterruptWindow(cpu: usize): void {
  exit(cpu, EXIT_IRQ_WINDOW_OPEN);
}

/** A debugger's point was met: #BP of a breakpoint, or #DB of the watchpoint `met`, of which there may be more than DR6 has bits for. */
export function exitDebug(cpu: usize, vector: u32, met: u64): void {
  const kvmRun = exit(cpu, EXIT_DEBUG);
  store<u32>(kvmRun, vector, DEBUG_EXCEPTION);
  store<u64>(kvmRun, met, DEBUG_DR6);
  store<u8>(cpu, COMPLETE_NOTHING, COMPLETION);
}

/** KVM_INTERNAL_ERROR_EMULATION with the address that could not be executed. */
export function exitInternalError(cpu: usize, data: u64): void {
  const kvmRun = exit(cpu, EXIT_INTERNAL_ERROR);
  store<u32>(kvmRun, 1, INTERNAL_SUBERROR);
  store<u32>(kvmRun, 1, INTERNAL_COUNT);
  store<u64>(kvmRun, data, INTERNAL_DATA);
}

/** CR8 was lowered: an interrupt may be deliverable now. */
export function exitSetTpr(cpu: usize): void {
  exit(cpu, EXIT_SET_TPR);
  store<u8>(cpu, COMPLETE_NOTHING, COMPLETION);
}

/** An MSR that the host keeps. The instruction has not retired. */
export function exitMsr(cpu: usize, index: u32, value: u64, isWrite: bool): void {
  const kvmRun = exit(cpu, isWrite ? EXIT_WRMSR : EXIT_RDMSR);
  store<u8>(kvmRun, 0, MSR_ERROR);
  store<u32>(kvmRun, index, MSR_INDEX);
  store<u64>(kvmRun, value, MSR_DATA);
  store<u8>(cpu, COMPLETE_MSR, COMPLETION);
}

/** Whether the host has refused the MSR. */
export function msrRefused(cpu: usize): bool {
  return load<u8>(load<u32>(cpu, KVM_RUN), MSR_ERROR) != 0;
}

export function msrData(cpu: usize): u64 {
  return load<u64>(load<u32>(cpu, KVM_RUN), MSR_DATA);
}

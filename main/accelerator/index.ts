/** The accelerators by name: what the machine and vcpu threads make their VM and vcpus with. */
import type { AcceleratorName } from '../../preload/contract/machine';
import { CORE_STATIC_BYTES, coreLayout } from './emulator/core-module';
import { EmulatorDebugUnit } from './emulator/debug-unit';
import { ParallelKicker, ParallelVcpu, type ParallelVcpuOptions } from './emulator/parallel-vcpu';
import { EmulatorRegisters } from './emulator/registers';
import type { EmulatorHandles } from './emulator/vm';
import { KvmDebugUnit } from './kvm/debug-unit';
import { holdTscBack } from './kvm/guest-clock';
import { FallbackCore, fallbackBytes, type FallbackOptions } from './kvm/fallback-core';
import { KvmInterrupts } from './kvm/interrupts';
import { PaperKernel } from './kvm/paper-kernel';
import { KvmRegisters } from './kvm/registers';
import { whyNoBreakpointRegisters, whyNoInt3s, whyNoSteps, whyNoWatchpoints } from './kvm/debug-probe';
import { shortenTimeSlice } from './kvm/time-slice';
import { KvmKicker, KvmVcpu, type KvmVcpuOptions } from './kvm/vcpu';
import { type KvmHandles, kvmRunSize } from './kvm/vm';
import type { DebugUnit, KernelInterrupts, MemoryNeeds, RegisterReader, Vcpu, VcpuKicker } from './types';

export { EmulatorVm } from './emulator/vm';
export type { PaperKernel } from './kvm/paper-kernel';
export { KvmVm } from './kvm/vm';

/** Plain data with which the threads of a machine's process reach its VM. */
export type VmHandles = KvmHandles | EmulatorHandles;

export interface Vm {
  readonly handles: VmHandles;
  /** CPUID.01H: EAX and EDX. */
  readonly identity: { signature: number; features: number };
  dispose(): void;
}

/** IA32_APIC_BASE after a reset: enabled (SDM vol. 3A, "Local APIC Status and Location"). */
const APIC_BASE = 0xfee00800;

/** kvm_run and the page of port I/O data behind it. */
const EMULATOR_RUN_SIZE = 8192;

export function memoryNeeds(name: AcceleratorName, cpus: number, ramSize: number, romSize: number): MemoryNeeds {
  if (name === 'kvm') {
    return {
      runSize: kvmRunSize(),
      staticBytes: CORE_STATIC_BYTES,
      engineBytes: fallbackBytes(ramSize, romSize),
    };
  }
  return {
    runSize: EMULATOR_RUN_SIZE,
    staticBytes: CORE_STATIC_BYTES,
    engineBytes: coreLayout(cpus, ramSize, romSize).size,
  };
}

/** A vcpu with a thread of its own; `threadId` is what a kick of it takes. */
export type ThreadVcpu = Vcpu & { readonly threadId: number };

export function createKvmVcpu(options: KvmVcpuOptions): ThreadVcpu {
  return new KvmVcpu(options);
}

/** For `KvmVcpuOptions.fallback`. */
export function createFallback(options: FallbackOptions): FallbackCore {
  return new FallbackCore(options);
}

export function createParallelVcpu(options: ParallelVcpuOptions): ThreadVcpu {
  return new ParallelVcpu(options);
}

/** A vcpu as KVM's, with its local APIC where it is after a reset, whose KVM_RUN brings what a script says. */
export function createPaperVcpu(buffer: SharedArrayBuffer, runOffset: number, runSize: number) {
  const kernel = new PaperKernel(buffer, runOffset, runSize, APIC_BASE);
  const vcpu = new KvmVcpu({ fd: -1, buffer, runOffset, runSize, epoch: 0, lag: new Float64Array(1), kernel });
  return { vcpu, kernel };
}

/** `buffer`: the machine's memory. */
export function createKicker(handles: VmHandles, buffer: ArrayBufferLike): VcpuKicker {
  if (handles.kind === 'kvm') return new KvmKicker();
  return handles.parallel ? new ParallelKicker(buffer) : NO_KICKER;
}

export function createInterrupts(handles: VmHandles): KernelInterrupts {
  return handles.kind === 'kvm' ? new KvmInterrupts(handles.vm) : NO_KERNEL_INTERRUPTS;
}

/**
 * The calling thread, with those that it starts from now on, is one that runs as soon as it is woken, or again like any other:
 * a BSP may keep its processor for long (kvm/time-slice.ts). The emulator's CPUs share a thread, or give way by themselves.
 */
export function runWhenWoken(name: AcceleratorName, wanted: boolean): void {
  if (name === 'kvm') shortenTimeSlice(wanted);
}

/** Reads the registers of one vcpu while it stands still. */
export function createRegisterReader(
  handles: VmHandles,
  memory: WebAssembly.Memory,
  cpu: number,
  kernelLapic: boolean,
): RegisterReader {
  if (handles.kind === 'kvm') return new KvmRegisters(handles.vcpus[cpu], kernelLapic);
  return new EmulatorRegisters(handles, memory, cpu);
}

/** How a debugger gets hold of the machine's CPUs. */
export function createDebugUnit(handles: VmHandles, memory: WebAssembly.Memory, cpus: number): DebugUnit {
  return handles.kind === 'kvm' ? new KvmDebugUnit(handles.vcpus) : new EmulatorDebugUnit(handles, memory, cpus);
}

/** Has the guest's time-stamp counters go on from where they were `ns` ago. The emulator's follow machine time. */
export function holdTimeBack(handles: VmHandles, ns: number): void {
  if (handles.kind === 'kvm') holdTscBack(handles.vcpus, ns);
}

/** Why a CPU cannot execute a single instruction, as a sentence; null: it can. */
export function whyNoStep(name: AcceleratorName): string | null {
  return name === 'kvm' ? whyNoSteps() : null;
}

/** Why a debugger's breakpoints, in memory and in registers, and its watchpoints do not work, as sentences; null: they do. */
export interface DebugAbilities {
  software: string | null;
  hardware: string | null;
  watch: string | null;
}

export function debugAbilities(name: AcceleratorName): DebugAbilities {
  if (name === 'wasm') return { software: null, hardware: null, watch: null };
  return { software: whyNoInt3s(), hardware: whyNoBreakpointRegisters(), watch: whyNoWatchpoints() };
}

/** In turns the emulator's one thread sleeps on the machine's exit-request word and looks at it, and whoever wants attention sets that. */
const NO_KICKER: VcpuKicker = { sleep() {}, wake() {}, yield() {}, kick() {} };
/** The emulator has no interrupt controllers of its own. */
const NO_KERNEL_INTERRUPTS: KernelInterrupts = { setIrqLine() {}, signalMsi() {}, routeIoapic() {} };

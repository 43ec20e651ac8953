/** The accelerators by name: what the machine and vcpu threads make their VM and vcpus with. */
import type { AcceleratorName } from '../../preload/contract/machine';
import { CORE_STATIC_BYTES, coreLayout } from './emulator/core-module';
import { EmulatorRegisters } from './emulator/registers';
import type { EmulatorHandles } from './emulator/vm';
import { holdTscBack } from './kvm/guest-clock';
import { KvmInterrupts } from './kvm/interrupts';
import { KvmRegisters } from './kvm/registers';
import { whyNoSteps } from './kvm/step-probe';
import { KvmKicker, KvmVcpu, type KvmVcpuOptions } from './kvm/vcpu';
import { type KvmHandles, kvmRunSize } from './kvm/vm';
import type { KernelInterrupts, MemoryNeeds, RegisterReader, Vcpu, VcpuKicker } from './types';

export { EmulatorVm } from './emulator/vm';
export { KvmVm } from './kvm/vm';

/** Plain data with which the threads of a machine's process reach its VM. */
export type VmHandles = KvmHandles | EmulatorHandles;

export interface Vm {
  readonly handles: VmHandles;
  /** CPUID.01H: EAX and EDX. */
  readonly identity: { signature: number; features: number };
  dispose(): void;
}

/** kvm_run and the page of port I/O data behind it. */
const EMULATOR_RUN_SIZE = 8192;

export function memoryNeeds(name: AcceleratorName, cpus: number, ramSize: number): MemoryNeeds {
  if (name === 'kvm') return { runSize: kvmRunSize(), staticBytes: 0, engineBytes: 0 };
  return {
    runSize: EMULATOR_RUN_SIZE,
    staticBytes: CORE_STATIC_BYTES,
    engineBytes: coreLayout(cpus, ramSize).size,
  };
}

export function createKvmVcpu(options: KvmVcpuOptions): Vcpu & { readonly threadId: number } {
  return new KvmVcpu(options);
}

export function createKicker(handles: Pick<VmHandles, 'kind'>): VcpuKicker {
  return handles.kind === 'kvm' ? new KvmKicker() : NO_KICKER;
}

export function createInterrupts(handles: VmHandles): KernelInterrupts {
  return handles.kind === 'kvm' ? new KvmInterrupts(handles.vm) : NO_KERNEL_INTERRUPTS;
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

/** Has the guest's time-stamp counters go on from where they were `ns` ago. The emulator's follow machine time. */
export function holdTimeBack(handles: VmHandles, ns: number): void {
  if (handles.kind === 'kvm') holdTscBack(handles.vcpus, ns);
}

/** Why a CPU cannot execute a single instruction, as a sentence; null: it can. */
export function whyNoStep(name: AcceleratorName): string | null {
  return name === 'kvm' ? whyNoSteps() : null;
}

/** The emulator's one thread sleeps on the machine's exit-request word and looks at it, and whoever wants attention sets that. */
const NO_KICKER: VcpuKicker = { sleep() {}, wake() {}, kick() {} };
/** The emulator has no interrupt controllers of its own. */
const NO_KERNEL_INTERRUPTS: KernelInterrupts = { setIrqLine() {}, signalMsi() {}, routeIoapic() {} };

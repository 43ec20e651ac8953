/** The accelerators by name: what the machine and vcpu threads make their VM and vcpus with. */
import type { AcceleratorName } from '../../preload/contract/machine';
import { ReveilleError } from '../base/errors';
import { KvmInterrupts } from './kvm/interrupts';
import { KvmKicker, KvmVcpu, type KvmVcpuOptions } from './kvm/vcpu';
import { type KvmHandles, kvmRunSize, KvmVm, type KvmVmOptions } from './kvm/vm';
import type { KernelInterrupts, Vcpu, VcpuKicker } from './types';

export type VmOptions = KvmVmOptions;
export type VmHandles = KvmHandles;
export type Vm = KvmVm;

class AcceleratorError extends ReveilleError {}

function onlyKvm(name: AcceleratorName): void {
  if (name !== 'kvm') {
    throw new AcceleratorError('host', `The accelerator "${name}" is not part of this version; use --accel kvm.`);
  }
}

/** Bytes of one vcpu's kvm_run pages. */
export function vcpuRunSize(name: AcceleratorName): number {
  onlyKvm(name);
  return kvmRunSize();
}

export function createVm(name: AcceleratorName, options: VmOptions): Vm {
  onlyKvm(name);
  return new KvmVm(options);
}

export function createVcpu(options: KvmVcpuOptions): Vcpu & { readonly threadId: number } {
  return new KvmVcpu(options);
}

export function createKicker(): VcpuKicker {
  return new KvmKicker();
}

export function createInterrupts(handles: VmHandles): KernelInterrupts {
  return new KvmInterrupts(handles.vm);
}

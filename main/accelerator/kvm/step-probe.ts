/** Whether this KVM executes single instructions in practice: one is tried, on a VM with 64 KiB of memory. */
import { ExitReason, exitName } from '../../../preload/contract/exit-reasons';
import { VcpuExit } from '../kvm-run';
import * as abi from './abi';
import { Cap, KVM } from './abi';
import * as libc from './libc';
import { readState } from './registers';
import { kvmRunSize, KvmVm } from './vm';

const RAM_BYTES = 65536;
const NOP = 0x90;
const SINGLE_STEP = 3;

/** Null, or why not as a sentence. */
export function whyNoSteps(): string | null {
  const kvm = libc.open('/dev/kvm', libc.O_RDWR | libc.O_CLOEXEC);
  if (kvm < 0) throw libc.systemError('open /dev/kvm');
  const capable = libc.ioctl(kvm, KVM.CHECK_EXTENSION, Cap.SET_GUEST_DEBUG) > 0;
  libc.close(kvm);
  if (!capable) return 'This KVM lacks KVM_CAP_SET_GUEST_DEBUG, with which single instructions are executed.';
  const runSize = kvmRunSize();
  const pages = Math.ceil((RAM_BYTES + runSize) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const buffer = memory.buffer as SharedArrayBuffer;
  new Uint8Array(buffer, 0, RAM_BYTES).fill(NOP);
  const identity = { apicId: 0, threadsPerPackage: 1, threadsPerCore: 1, smtShift: 0, packageShift: 0 };
  const vm = new KvmVm({
    buffer,
    ramOffset: 0,
    ramSize: RAM_BYTES,
    runOffset: RAM_BYTES,
    irqchip: 'exact',
    bsp: 0,
    cpus: [{ ...identity, kernelLapic: false, tscDeadline: true }],
  });
  try {
    return stepOnce(vm.handles.vcpus[0], new VcpuExit(buffer, RAM_BYTES, runSize));
  } finally {
    vm.dispose();
  }
}

/** From the reset vector's registers with CS at 0. */
function stepOnce(vcpu: number, exit: VcpuExit): string | null {
  const sregs = new DataView(new ArrayBuffer(abi.kvm_sregs.size));
  libc.checked(libc.ioctlPointer(vcpu, KVM.GET_SREGS, sregs), 'KVM_GET_SREGS');
  sregs.setBigUint64(abi.kvm_sregs.at.cs + abi.kvm_segment.at.base, 0n, true);
  sregs.setUint16(abi.kvm_sregs.at.cs + abi.kvm_segment.at.selector, 0, true);
  libc.checked(libc.ioctlPointer(vcpu, KVM.SET_SREGS, sregs), 'KVM_SET_SREGS');
  const before = readState(vcpu).rip;
  const debug = new DataView(new ArrayBuffer(abi.kvm_guest_debug.size));
  debug.setUint32(abi.kvm_guest_debug.at.control, SINGLE_STEP, true);
  if (libc.ioctlPointer(vcpu, KVM.SET_GUEST_DEBUG, debug) !== 0) {
    return `This KVM refuses single steps (KVM_SET_GUEST_DEBUG: ${libc.errnoName(libc.errno())}).`;
  }
  // Without a single step the code runs to its segment's end, where there is nothing to fetch.
  libc.checked(libc.ioctl(vcpu, KVM.RUN, 0), 'KVM_RUN');
  const steps = exit.reason === ExitReason.DEBUG && readState(vcpu).rip === before + 1n;
  if (steps) return null;
  return `This KVM does not stop after a single instruction: it came back with KVM_EXIT ${exitName(exit.reason)}.`;
}

/** Which of a debugger's means this KVM has in practice: each is tried, on a VM with 64 KiB of memory. */
import { ExitReason, exitName } from '../../../preload/contract/exit-reasons';
import { VcpuExit } from '../kvm-run';
import * as abi from './abi';
import { Cap, GuestDebug, KVM } from './abi';
import * as libc from './libc';
import { readState } from './registers';
import { kvmRunSize, KvmVm } from './vm';

const RAM_BYTES = 65536;
const NOP = 0x90;
const INT3 = 0xcc;
/** Where a vcpu begins, with CS at 0. */
const START = 0xfff0n;
/** DR7: breakpoint 0 is on, for execution, or for stores of a byte. */
const DR7_EXECUTE_0 = 0x702n;
const DR7_WRITE_0 = 0x10702n;

interface Means {
  /** For messages: `stop after a single instruction`. */
  what: string;
  control: number;
  stopsAt: bigint;
  /** What stands there among NOPs, from START on. */
  code: readonly number[];
  /** DR0 and DR7. */
  registers?: readonly [bigint, bigint];
}

const STEP: Means = {
  what: 'stop after a single instruction',
  control: GuestDebug.SINGLESTEP,
  stopsAt: START + 1n,
  code: [],
};
const SOFTWARE: Means = {
  what: 'stop at an INT3',
  control: GuestDebug.USE_SW_BP,
  stopsAt: START + 1n,
  code: [NOP, INT3],
};
const HARDWARE: Means = {
  what: 'stop at a breakpoint register',
  control: GuestDebug.USE_HW_BP,
  stopsAt: START + 1n,
  code: [],
  registers: [START + 1n, DR7_EXECUTE_0],
};
const WATCH: Means = {
  what: 'stop at a store that a watchpoint is for',
  control: GuestDebug.USE_HW_BP,
  stopsAt: START + 3n,
  code: [0xa2, 0x00, 0x01], // mov [0x100], al
  registers: [0x100n, DR7_WRITE_0],
};

/** Null, or why not as a sentence. */
export const whyNoSteps = () => whyNot(STEP);
export const whyNoInt3s = () => whyNot(SOFTWARE);
export const whyNoBreakpointRegisters = () => whyNot(HARDWARE);
export const whyNoWatchpoints = () => whyNot(WATCH);

function whyNot(means: Means): string | null {
  const kvm = libc.open('/dev/kvm', libc.O_RDWR | libc.O_CLOEXEC);
  if (kvm < 0) throw libc.systemError('open /dev/kvm');
  const capable = libc.ioctl(kvm, KVM.CHECK_EXTENSION, Cap.SET_GUEST_DEBUG) > 0;
  libc.close(kvm);
  if (!capable) return `This KVM lacks KVM_CAP_SET_GUEST_DEBUG, with which it would ${means.what}.`;
  const runSize = kvmRunSize();
  const pages = Math.ceil((RAM_BYTES + runSize) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const buffer = memory.buffer as SharedArrayBuffer;
  const ram = new Uint8Array(buffer, 0, RAM_BYTES).fill(NOP);
  ram.set(means.code, Number(START));
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
    return attempt(means, vm.handles.vcpus[0], new VcpuExit(buffer, RAM_BYTES, runSize));
  } finally {
    vm.dispose();
  }
}

/** From the reset vector's registers with CS at 0. */
function attempt({ what, control, stopsAt, registers }: Means, vcpu: number, exit: VcpuExit): string | null {
  const sregs = new DataView(new ArrayBuffer(abi.kvm_sregs.size));
  libc.checked(libc.ioctlPointer(vcpu, KVM.GET_SREGS, sregs), 'KVM_GET_SREGS');
  sregs.setBigUint64(abi.kvm_sregs.at.cs + abi.kvm_segment.at.base, 0n, true);
  sregs.setUint16(abi.kvm_sregs.at.cs + abi.kvm_segment.at.selector, 0, true);
  libc.checked(libc.ioctlPointer(vcpu, KVM.SET_SREGS, sregs), 'KVM_SET_SREGS');
  const debug = new DataView(new ArrayBuffer(abi.kvm_guest_debug.size));
  debug.setUint32(abi.kvm_guest_debug.at.control, GuestDebug.ENABLE | control, true);
  if (registers !== undefined) {
    debug.setBigUint64(abi.kvm_guest_debug.at.arch, registers[0], true);
    debug.setBigUint64(abi.kvm_guest_debug.at.arch + 8 * 7, registers[1], true);
  }
  if (libc.ioctlPointer(vcpu, KVM.SET_GUEST_DEBUG, debug) !== 0) {
    return `This KVM does not ${what} (KVM_SET_GUEST_DEBUG: ${libc.errnoName(libc.errno())}).`;
  }
  // Without that the code runs to its segment's end, where there is nothing to fetch.
  libc.checked(libc.ioctl(vcpu, KVM.RUN, 0), 'KVM_RUN');
  if (exit.reason === ExitReason.DEBUG && readState(vcpu).rip === stopsAt) return null;
  return `This KVM does not ${what}: it came back with KVM_EXIT ${exitName(exit.reason)}.`;
}

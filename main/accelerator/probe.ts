/** What this host can do, and why not. */
import { arch, platform, totalmem } from 'node:os';
import type { AcceleratorProbe, HostProbe, IrqchipMode } from '../../preload/contract/machine';
import { API_VERSION, Cap, KVM } from './kvm/abi';
import * as libc from './kvm/libc';

/** Guest RAM ends below the last GiB under 4 GiB, which belongs to devices. */
const MAX_GUEST_MEMORY = 3 * 2 ** 30;
/** xAPIC ids 0 to 254. */
const MAX_XAPIC_CPUS = 255;
/** Their state is 1 MiB each of the address space that guest RAM is in, too. */
const MAX_EMULATED_CPUS = 1024;

/** But for the network, which is no accelerator's. */
export function probeHost(): Omit<HostProbe, 'network'> {
  const kvm = probeKvm();
  const memory = totalmem();
  return {
    memory,
    maxGuestMemory: Math.min(MAX_GUEST_MEMORY, memory),
    accelerators: [kvm, emulatorProbe()],
    auto: kvm.usable
      ? { accelerator: 'kvm', reason: 'KVM works on this host' }
      : { accelerator: 'wasm', reason: `KVM does not work here. ${kvm.reason}` },
  };
}

/** The emulator needs nothing of the host but Node; its local APICs are always Reveille's own. */
function emulatorProbe(): AcceleratorProbe {
  const mode = (name: IrqchipMode) => ({
    mode: name,
    usable: name === 'exact',
    reason: name === 'exact' ? null : 'The emulator has no interrupt controllers of its own.',
    maxCpus: name === 'exact' ? MAX_EMULATED_CPUS : 0,
  });
  const modes = (['exact', 'kernel', 'split'] as const).map(mode);
  return { name: 'wasm', usable: true, reason: null, maxCpus: MAX_EMULATED_CPUS, modes, facts: {} };
}

function probeKvm(): AcceleratorProbe {
  if (platform() !== 'linux' || arch() !== 'x64') {
    return unusable('kvm', `KVM for x86 guests needs Linux on x86-64; this is ${platform()} on ${arch()}.`);
  }
  const fd = libc.open('/dev/kvm', libc.O_RDWR | libc.O_CLOEXEC);
  if (fd < 0) return unusable('kvm', openFailure(libc.errno()));
  try {
    return probeOpenKvm(fd);
  } finally {
    libc.close(fd);
  }
}

function openFailure(code: number): string {
  switch (code) {
    case libc.ENOENT:
      return (
        '/dev/kvm does not exist: the processor’s virtualization is off in the firmware, or the module is not loaded. ' +
        'Load it with "sudo modprobe kvm_intel" or "sudo modprobe kvm_amd".'
      );
    case libc.EACCES:
      return (
        '/dev/kvm may not be opened by this user. Join the group kvm with "sudo usermod -aG kvm $USER", ' +
        'then log out and in again.'
      );
    default:
      return `/dev/kvm cannot be opened: ${libc.errnoName(code)}.`;
  }
}

function probeOpenKvm(fd: number): AcceleratorProbe {
  const version = libc.ioctl(fd, KVM.GET_API_VERSION, 0);
  if (version !== API_VERSION) {
    return unusable(
      'kvm',
      `This KVM has API version ${version}; Reveille needs ${API_VERSION}, of Linux 2.6.22 and later.`,
    );
  }
  const cap = (number: number) => Math.max(0, libc.ioctl(fd, KVM.CHECK_EXTENSION, number));
  const facts: AcceleratorProbe['facts'] = { apiVersion: version };
  for (const [name, number] of Object.entries(Cap)) facts[name] = cap(number);
  if (cap(Cap.USER_MEMORY) === 0 || cap(Cap.IMMEDIATE_EXIT) === 0 || cap(Cap.SYNC_REGS) === 0) {
    return unusable(
      'kvm',
      'This KVM is too old: it lacks KVM_CAP_IMMEDIATE_EXIT or KVM_CAP_SYNC_REGS; Linux has both since 4.17.',
    );
  }
  const maxCpus = cap(Cap.MAX_VCPUS) || cap(Cap.NR_VCPUS);
  const needs = (mode: IrqchipMode, limit: number, ...caps: (keyof typeof Cap)[]) => {
    const missing = caps.filter((name) => cap(Cap[name]) === 0);
    const usable = missing.length === 0;
    const reason = usable ? null : `This KVM lacks ${missing.map((name) => `KVM_CAP_${name}`).join(' and ')}.`;
    return { mode, usable, reason, maxCpus: usable ? Math.min(maxCpus, limit) : 0 };
  };
  const modes = [
    needs('exact', MAX_XAPIC_CPUS, 'X86_USER_SPACE_MSR', 'X86_MSR_FILTER', 'SET_BOOT_CPU_ID'),
    needs('kernel', Infinity, 'IRQCHIP', 'MP_STATE', 'PIT2', 'X2APIC_API', 'SET_BOOT_CPU_ID'),
    needs('split', Infinity, 'SPLIT_IRQCHIP', 'MP_STATE', 'SIGNAL_MSI', 'X2APIC_API', 'SET_BOOT_CPU_ID'),
  ];
  return { name: 'kvm', usable: true, reason: null, maxCpus, modes, facts };
}

function unusable(name: AcceleratorProbe['name'], reason: string): AcceleratorProbe {
  return { name, usable: false, reason, maxCpus: 0, modes: [], facts: {} };
}

/**
 * One virtual machine on KVM, as the machine thread makes it: memory, interrupt controllers, vcpus.
 * The vcpu threads get the plain `KvmHandles` and make a `KvmVcpu` of it.
 */
import { alignUp } from '../../base/struct';
import type { Disposable } from '../../base/disposable';
import { ReveilleError } from '../../base/errors';
import * as abi from './abi';
import { Cap, KVM } from './abi';
import type { VmOptions } from '../types';
import { cpuidFor, decodeCpuid, encodeCpuid, type CpuidEntry } from './cpuid';
import { KvmInterrupts } from './interrupts';
import * as libc from './libc';

/** File descriptors of a VM: plain data that vcpu threads of this process can use. */
export interface KvmHandles {
  kind: 'kvm';
  vm: number;
  vcpus: number[];
  /** Binary statistics of each vcpu, or empty where this KVM has none. */
  stats: number[];
}

class KvmError extends ReveilleError {}

/** IOAPIC pins that a split irqchip routes. */
const IOAPIC_PINS = 24;
const IA32_TSC_DEADLINE = 0x6e0;
const MSR_EXIT_REASON_FILTER = 1n << 2n;
const X2APIC_32BIT_IDS_NO_BROADCAST_QUIRK = 3n;
const PIT_SPEAKER_DUMMY = 1;
const MAX_CPUID_ENTRIES = 256;

/** Memory slots. A write to the ROM's is an exit (KVM_MEM_READONLY, api.rst, 4.35). */
const Slot = { RAM: 0, ROM: 1 } as const;
const MEM_READONLY = 1 << 1;
const END_OF_ROM = 2 ** 32;

/** Above the 3 GiB where guest RAM ends: three pages for the TSS and one for the identity map, which VMX needs; below the ROM (api.rst, 4.41). */
const TSS_ADDRESS = 0xfffbd000;
const IDENTITY_MAP_ADDRESS = 0xfffbc000n;

function openKvm(): number {
  const fd = libc.open('/dev/kvm', libc.O_RDWR | libc.O_CLOEXEC);
  if (fd < 0) throw libc.systemError('open /dev/kvm');
  return fd;
}

/** Bytes of one vcpu's kvm_run mapping. */
export function kvmRunSize(): number {
  const kvm = openKvm();
  try {
    return alignUp(libc.checked(libc.ioctl(kvm, KVM.GET_VCPU_MMAP_SIZE, 0), 'KVM_GET_VCPU_MMAP_SIZE'), 4096);
  } finally {
    libc.close(kvm);
  }
}

export class KvmVm implements Disposable {
  readonly handles: KvmHandles = { kind: 'kvm', vm: -1, vcpus: [], stats: [] };
  /** CPUID.01H: EAX and EDX. */
  identity = { signature: 0, features: 0 };
  readonly #kvm: number;

  constructor(options: VmOptions) {
    this.#kvm = openKvm();
    try {
      this.handles.vm = libc.checked(libc.ioctl(this.#kvm, KVM.CREATE_VM, 0), 'KVM_CREATE_VM');
      this.#setMemory(options);
      this.#setInterruptControllers(options);
      this.#createVcpus(options);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  dispose(): void {
    const { vm, vcpus, stats } = this.handles;
    for (const fd of [...stats, ...vcpus, vm, this.#kvm]) if (fd >= 0) libc.close(fd);
    vcpus.length = stats.length = 0;
    this.handles.vm = -1;
  }

  #setMemory({ buffer, ramOffset, ramSize, romSize = 0 }: VmOptions): void {
    this.#setSlot(Slot.RAM, 0, 0, new Uint8Array(buffer, ramOffset, ramSize));
    if (romSize > 0) {
      const rom = new Uint8Array(buffer, ramOffset - romSize, romSize);
      this.#setSlot(Slot.ROM, MEM_READONLY, END_OF_ROM - romSize, rom);
    }
    libc.checked(libc.ioctl(this.handles.vm, KVM.SET_TSS_ADDR, TSS_ADDRESS), 'KVM_SET_TSS_ADDR');
    this.#vm(KVM.SET_IDENTITY_MAP_ADDR, new BigUint64Array([IDENTITY_MAP_ADDRESS]), 'KVM_SET_IDENTITY_MAP_ADDR');
  }

  /** `bytes` are the machine's, which outlive the VM. */
  #setSlot(slot: number, flags: number, address: number, bytes: Uint8Array): void {
    const { at, size } = abi.kvm_userspace_memory_region;
    const region = new DataView(new ArrayBuffer(size));
    region.setUint32(at.slot, slot, true);
    region.setUint32(at.flags, flags, true);
    region.setBigUint64(at.guest_phys_addr, BigInt(address), true);
    region.setBigUint64(at.memory_size, BigInt(bytes.length), true);
    region.setBigUint64(at.userspace_addr, libc.addressOf(bytes), true);
    this.#vm(KVM.SET_USER_MEMORY_REGION, region, 'KVM_SET_USER_MEMORY_REGION');
  }

  #setInterruptControllers({ irqchip, bsp, cpus }: VmOptions): void {
    // The BSP's id has to be known before the first vcpu (KVM_SET_BOOT_CPU_ID gives EBUSY afterwards).
    libc.checked(libc.ioctl(this.handles.vm, KVM.SET_BOOT_CPU_ID, cpus[bsp].apicId), 'KVM_SET_BOOT_CPU_ID');
    if (irqchip === 'exact') {
      this.#enable(Cap.X86_USER_SPACE_MSR, MSR_EXIT_REASON_FILTER, 'KVM_CAP_X86_USER_SPACE_MSR');
      this.#filterMsr(IA32_TSC_DEADLINE);
      return;
    }
    this.#enable(Cap.X2APIC_API, X2APIC_32BIT_IDS_NO_BROADCAST_QUIRK, 'KVM_CAP_X2APIC_API');
    if (irqchip === 'split') {
      this.#enable(Cap.SPLIT_IRQCHIP, BigInt(IOAPIC_PINS), 'KVM_CAP_SPLIT_IRQCHIP');
      return;
    }
    libc.checked(libc.ioctl(this.handles.vm, KVM.CREATE_IRQCHIP, 0), 'KVM_CREATE_IRQCHIP');
    const pit = new DataView(new ArrayBuffer(abi.kvm_pit_config.size));
    pit.setUint32(abi.kvm_pit_config.at.flags, PIT_SPEAKER_DUMMY, true);
    this.#vm(KVM.CREATE_PIT2, pit, 'KVM_CREATE_PIT2');
    new KvmInterrupts(this.handles.vm).routeIsa();
  }

  #enable(cap: number, argument: bigint, name: string): void {
    const { at, size } = abi.kvm_enable_cap;
    const enable = new DataView(new ArrayBuffer(size));
    enable.setUint32(at.cap, cap, true);
    enable.setBigUint64(at.args, argument, true);
    this.#vm(KVM.ENABLE_CAP, enable, `KVM_ENABLE_CAP (${name})`);
  }

  /** Makes reads and writes of one MSR exit to us; KVM would drop them silently without a LAPIC of its own. */
  #filterMsr(index: number): void {
    const denied = new Uint8Array(8);
    const range = abi.kvm_msr_filter_range.at;
    const first = abi.kvm_msr_filter.at.ranges;
    const filter = new DataView(new ArrayBuffer(abi.kvm_msr_filter.size));
    filter.setUint32(first + range.flags, 3, true);
    filter.setUint32(first + range.nmsrs, 1, true);
    filter.setUint32(first + range.base, index, true);
    filter.setBigUint64(first + range.bitmap, libc.addressOf(denied), true);
    this.#vm(KVM.X86_SET_MSR_FILTER, filter, 'KVM_X86_SET_MSR_FILTER');
  }

  #createVcpus({ buffer, runOffset, irqchip, cpus }: VmOptions): void {
    const { vm, vcpus, stats } = this.handles;
    const runSize = kvmRunSize();
    const supported = this.#supportedCpuid();
    const leaf1 = supported.find((entry) => entry.function === 1);
    if (leaf1) this.identity = { signature: leaf1.eax, features: leaf1.edx };
    for (const [cpu, identity] of cpus.entries()) {
      const vcpu = libc.ioctl(vm, KVM.CREATE_VCPU, identity.apicId);
      if (vcpu < 0) {
        throw new KvmError(
          'host',
          `KVM refused CPU ${cpu} with APIC id ${identity.apicId} (KVM_CREATE_VCPU: ${libc.errnoName(libc.errno())}); ` +
            `"reveille probe" says how many CPUs this host allows.`,
        );
      }
      vcpus.push(vcpu);
      libc.mapOver(libc.addressOf(new Uint8Array(buffer, runOffset + cpu * runSize)), runSize, vcpu);
      const leaves = encodeCpuid(cpuidFor(supported, identity));
      libc.checked(libc.ioctlPointer(vcpu, KVM.SET_CPUID2, leaves), 'KVM_SET_CPUID2');
      if (irqchip !== 'exact') {
        const statistics = libc.ioctl(vcpu, KVM.GET_STATS_FD, 0);
        if (statistics >= 0) stats.push(statistics);
      }
    }
    // The vcpu created last is unreachable by IPI until some LAPIC has been written: KVM builds its map of ids then.
    if (irqchip !== 'exact') for (const vcpu of vcpus) rewriteLapic(vcpu);
  }

  #supportedCpuid(): CpuidEntry[] {
    const bytes = new Uint8Array(abi.kvm_cpuid2.size + MAX_CPUID_ENTRIES * abi.kvm_cpuid_entry2.size);
    new DataView(bytes.buffer).setUint32(abi.kvm_cpuid2.at.nent, MAX_CPUID_ENTRIES, true);
    libc.checked(libc.ioctlPointer(this.#kvm, KVM.GET_SUPPORTED_CPUID, bytes), 'KVM_GET_SUPPORTED_CPUID');
    return decodeCpuid(bytes);
  }

  #vm(request: number, argument: ArrayBufferView, name: string): void {
    libc.checked(libc.ioctlPointer(this.handles.vm, request, argument), name);
  }
}

function rewriteLapic(vcpu: number): void {
  const state = new Uint8Array(abi.kvm_lapic_state.size);
  libc.checked(libc.ioctlPointer(vcpu, KVM.GET_LAPIC, state), 'KVM_GET_LAPIC');
  libc.checked(libc.ioctlPointer(vcpu, KVM.SET_LAPIC, state), 'KVM_SET_LAPIC');
}

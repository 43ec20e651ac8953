/**
 * The part of KVM's ABI that Reveille uses, as data (Linux include/uapi/linux/kvm.h and
 * arch/x86/include/uapi/asm/kvm.h). ioctl numbers follow from the sizes of the structs declared here.
 */
import { array, type FieldType, struct, u16, u32, u64, u8 } from '../../base/struct';

const KVMIO = 0xae;
const NONE: FieldType = { size: 0, align: 1 };

/** asm-generic/ioctl.h: direction in bits 30 and 31, size in bits 16 to 29, type in bits 8 to 15. */
const ioc = (direction: number, nr: number, type: FieldType) =>
  ((direction << 30) | (type.size << 16) | (KVMIO << 8) | nr) >>> 0;
const io = (nr: number) => ioc(0, nr, NONE);
const iow = (nr: number, type: FieldType) => ioc(1, nr, type);
const ior = (nr: number, type: FieldType) => ioc(2, nr, type);
const iowr = (nr: number, type: FieldType) => ioc(3, nr, type);

export const kvm_userspace_memory_region = struct('kvm_userspace_memory_region', {
  slot: u32,
  flags: u32,
  guest_phys_addr: u64,
  memory_size: u64,
  userspace_addr: u64,
});

export const kvm_regs = struct('kvm_regs', {
  rax: u64,
  rbx: u64,
  rcx: u64,
  rdx: u64,
  rsi: u64,
  rdi: u64,
  rsp: u64,
  rbp: u64,
  r8: u64,
  r9: u64,
  r10: u64,
  r11: u64,
  r12: u64,
  r13: u64,
  r14: u64,
  r15: u64,
  rip: u64,
  rflags: u64,
});

export const kvm_segment = struct('kvm_segment', {
  base: u64,
  limit: u32,
  selector: u16,
  type: u8,
  present: u8,
  dpl: u8,
  db: u8,
  s: u8,
  l: u8,
  g: u8,
  avl: u8,
  unusable: u8,
  padding: u8,
});

export const kvm_dtable = struct('kvm_dtable', { base: u64, limit: u16, padding: array(u16, 3) });

export const kvm_sregs = struct('kvm_sregs', {
  cs: kvm_segment,
  ds: kvm_segment,
  es: kvm_segment,
  fs: kvm_segment,
  gs: kvm_segment,
  ss: kvm_segment,
  tr: kvm_segment,
  ldt: kvm_segment,
  gdt: kvm_dtable,
  idt: kvm_dtable,
  cr0: u64,
  cr2: u64,
  cr3: u64,
  cr4: u64,
  cr8: u64,
  efer: u64,
  apic_base: u64,
  interrupt_bitmap: array(u64, 4),
});

export const kvm_debugregs = struct('kvm_debugregs', {
  db: array(u64, 4),
  dr6: u64,
  dr7: u64,
  flags: u64,
  reserved: array(u64, 9),
});

export const kvm_mp_state = struct('kvm_mp_state', { mp_state: u32 });
export const kvm_interrupt = struct('kvm_interrupt', { irq: u32 });
export const kvm_irq_level = struct('kvm_irq_level', { irq: u32, level: u32 });

export const kvm_msi = struct('kvm_msi', {
  address_lo: u32,
  address_hi: u32,
  data: u32,
  flags: u32,
  devid: u32,
  pad: array(u8, 12),
});

export const kvm_pit_config = struct('kvm_pit_config', { flags: u32, pad: array(u32, 15) });

/** Only the head of each is in the ioctl number; entries follow it in memory. */
export const kvm_cpuid2 = struct('kvm_cpuid2', { nent: u32, padding: u32 });
export const kvm_cpuid_entry2 = struct('kvm_cpuid_entry2', {
  function: u32,
  index: u32,
  flags: u32,
  eax: u32,
  ebx: u32,
  ecx: u32,
  edx: u32,
  padding: array(u32, 3),
});
export const kvm_msrs = struct('kvm_msrs', { nmsrs: u32, pad: u32 });
export const kvm_msr_entry = struct('kvm_msr_entry', { index: u32, reserved: u32, data: u64 });
export const kvm_signal_mask = struct('kvm_signal_mask', { len: u32 });
export const kvm_irq_routing = struct('kvm_irq_routing', { nr: u32, flags: u32 });
export const kvm_irq_routing_entry = struct('kvm_irq_routing_entry', {
  gsi: u32,
  type: u32,
  flags: u32,
  pad: u32,
  u: array(u32, 8),
});

export const kvm_enable_cap = struct('kvm_enable_cap', {
  cap: u32,
  flags: u32,
  args: array(u64, 4),
  pad: array(u8, 64),
});

export const kvm_msr_filter_range = struct('kvm_msr_filter_range', { flags: u32, nmsrs: u32, base: u32, bitmap: u64 });
export const kvm_msr_filter = struct('kvm_msr_filter', { flags: u32, ranges: array(kvm_msr_filter_range, 16) });

export const kvm_lapic_state = struct('kvm_lapic_state', { regs: array(u8, 1024) });

export const kvm_vcpu_events = struct('kvm_vcpu_events', {
  exception: array(u32, 2),
  interrupt: array(u8, 4),
  nmi: array(u8, 4),
  sipi_vector: u32,
  flags: u32,
  smi: array(u8, 4),
  triple_fault: u8,
  reserved: array(u8, 26),
  exception_has_payload: u8,
  exception_payload: u64,
});

export const kvm_sync_regs = struct('kvm_sync_regs', { regs: kvm_regs, sregs: kvm_sregs, events: kvm_vcpu_events });

/** Behind the union of kvm_run: which parts of its kvm_sync_regs KVM_RUN is to load first (KVM_CAP_SYNC_REGS), and those. */
export const SyncOffset = { kvm_dirty_regs: 296, s: 304 } as const;
export const Sync = { REGS: 1, SREGS: 2 } as const;

export const kvm_guest_debug = struct('kvm_guest_debug', { control: u32, pad: u32, arch: array(u64, 8) });
/** Bits of its control; the registers are DR0 to DR7. */
export const GuestDebug = {
  ENABLE: 1,
  SINGLESTEP: 2,
  USE_SW_BP: 0x10000,
  USE_HW_BP: 0x20000,
  INJECT_BP: 0x80000,
} as const;
export const kvm_xcr = struct('kvm_xcr', { xcr: u32, reserved: u32, value: u64 });
export const kvm_xcrs = struct('kvm_xcrs', {
  nr_xcrs: u32,
  flags: u32,
  xcrs: array(kvm_xcr, 16),
  padding: array(u64, 16),
});
export const kvm_xsave = struct('kvm_xsave', { region: array(u32, 1024) });
export const kvm_device_attr = struct('kvm_device_attr', { flags: u32, group: u32, attr: u64, addr: u64 });
export const kvm_translation = struct('kvm_translation', {
  linear_address: u64,
  physical_address: u64,
  valid: u8,
  writeable: u8,
  usermode: u8,
  pad: array(u8, 5),
});

export const kvm_stats_header = struct('kvm_stats_header', {
  flags: u32,
  name_size: u32,
  num_desc: u32,
  id_offset: u32,
  desc_offset: u32,
  data_offset: u32,
});
export const kvm_stats_desc = struct('kvm_stats_desc', {
  flags: u32,
  exponent: u16,
  size: u16,
  offset: u32,
  bucket_size: u32,
});

/** ioctls of /dev/kvm, of a VM and of a vcpu. */
export const KVM = {
  GET_API_VERSION: io(0x00),
  CREATE_VM: io(0x01),
  CHECK_EXTENSION: io(0x03),
  GET_VCPU_MMAP_SIZE: io(0x04),
  GET_SUPPORTED_CPUID: iowr(0x05, kvm_cpuid2),

  CREATE_VCPU: io(0x41),
  SET_USER_MEMORY_REGION: iow(0x46, kvm_userspace_memory_region),
  SET_TSS_ADDR: io(0x47),
  SET_IDENTITY_MAP_ADDR: iow(0x48, u64),
  CREATE_IRQCHIP: io(0x60),
  IRQ_LINE: iow(0x61, kvm_irq_level),
  SET_GSI_ROUTING: iow(0x6a, kvm_irq_routing),
  CREATE_PIT2: iow(0x77, kvm_pit_config),
  SET_BOOT_CPU_ID: io(0x78),
  SIGNAL_MSI: iow(0xa5, kvm_msi),
  ENABLE_CAP: iow(0xa3, kvm_enable_cap),
  X86_SET_MSR_FILTER: iow(0xc6, kvm_msr_filter),

  RUN: io(0x80),
  GET_REGS: ior(0x81, kvm_regs),
  SET_REGS: iow(0x82, kvm_regs),
  GET_SREGS: ior(0x83, kvm_sregs),
  SET_SREGS: iow(0x84, kvm_sregs),
  TRANSLATE: iowr(0x85, kvm_translation),
  INTERRUPT: iow(0x86, kvm_interrupt),
  GET_MSRS: iowr(0x88, kvm_msrs),
  SET_MSRS: iow(0x89, kvm_msrs),
  SET_SIGNAL_MASK: iow(0x8b, kvm_signal_mask),
  GET_LAPIC: ior(0x8e, kvm_lapic_state),
  SET_LAPIC: iow(0x8f, kvm_lapic_state),
  SET_CPUID2: iow(0x90, kvm_cpuid2),
  GET_MP_STATE: ior(0x98, kvm_mp_state),
  SET_MP_STATE: iow(0x99, kvm_mp_state),
  NMI: io(0x9a),
  SET_GUEST_DEBUG: iow(0x9b, kvm_guest_debug),
  GET_VCPU_EVENTS: ior(0x9f, kvm_vcpu_events),
  SET_VCPU_EVENTS: iow(0xa0, kvm_vcpu_events),
  GET_DEBUGREGS: ior(0xa1, kvm_debugregs),
  SET_DEBUGREGS: iow(0xa2, kvm_debugregs),
  GET_TSC_KHZ: io(0xa3),
  GET_XSAVE: ior(0xa4, kvm_xsave),
  SET_XSAVE: iow(0xa5, kvm_xsave),
  GET_XCRS: ior(0xa6, kvm_xcrs),
  GET_STATS_FD: io(0xce),
  SET_DEVICE_ATTR: iow(0xe1, kvm_device_attr),
  GET_DEVICE_ATTR: iow(0xe2, kvm_device_attr),
  HAS_DEVICE_ATTR: iow(0xe3, kvm_device_attr),
} as const;

/** Extension numbers for CHECK_EXTENSION and ENABLE_CAP. */
export const Cap = {
  IRQCHIP: 0,
  USER_MEMORY: 3,
  NR_VCPUS: 9,
  MP_STATE: 14,
  SET_GUEST_DEBUG: 23,
  SET_BOOT_CPU_ID: 34,
  PIT2: 33,
  VCPU_EVENTS: 41,
  TSC_DEADLINE_TIMER: 72,
  MAX_VCPUS: 66,
  SYNC_REGS: 74,
  SIGNAL_MSI: 77,
  SPLIT_IRQCHIP: 121,
  MAX_VCPU_ID: 128,
  X2APIC_API: 129,
  IMMEDIATE_EXIT: 136,
  X86_USER_SPACE_MSR: 188,
  X86_MSR_FILTER: 189,
  BINARY_STATS_FD: 203,
} as const;

export const API_VERSION = 12;

/** Why a vcpu came back from the guest, numbered as KVM numbers it (Linux include/uapi/linux/kvm.h, KVM_EXIT_*). */
export const ExitReason = {
  UNKNOWN: 0,
  EXCEPTION: 1,
  IO: 2,
  HYPERCALL: 3,
  DEBUG: 4,
  HLT: 5,
  MMIO: 6,
  IRQ_WINDOW_OPEN: 7,
  SHUTDOWN: 8,
  FAIL_ENTRY: 9,
  INTR: 10,
  SET_TPR: 11,
  TPR_ACCESS: 12,
  NMI: 16,
  INTERNAL_ERROR: 17,
  SYSTEM_EVENT: 24,
  IOAPIC_EOI: 26,
  X86_RDMSR: 29,
  X86_WRMSR: 30,
  X86_BUS_LOCK: 33,
  NOTIFY: 37,
  MEMORY_FAULT: 39,
} as const;

const EXIT_NAMES = new Map<number, string>(
  Object.entries(ExitReason).map(([name, reason]) => [reason, name.toLowerCase().replaceAll('_', '-')]),
);

/** Reasons are counted up to this one (exclusive); KVM defines 42 today. */
export const EXIT_REASONS = 48;

/** `io`, `mmio`, `hlt`, …; `exit-N` for a reason without a name here. */
export function exitName(reason: number): string {
  return EXIT_NAMES.get(reason) ?? `exit-${reason}`;
}

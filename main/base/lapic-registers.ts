/**
 * The local APIC's registers (SDM vol. 3A, "Local APIC Register Address Map") and how their state lies in shared memory.
 *
 * The first 64 words of the state are the register page itself, a word for each 16-byte stride: the register at
 * offset 0x0f0 is word 0x0f. What the architecture keeps but does not show follows behind.
 */
export const ID = 0x02;
/** 0xFF is an xAPIC's broadcast destination. */
export const LAST_XAPIC_ID = 0xfe;
export const VERSION = 0x03;
/** Version 0x14 (integrated APIC), last LVT entry 5 (no CMCI), EOI-broadcast suppression. */
export const VERSION_VALUE = 0x14 | (5 << 16) | (1 << 24);
export const TPR = 0x08;
export const PPR = 0x0a;
export const EOI = 0x0b;
export const LDR = 0x0d;
export const DFR = 0x0e;
export const DFR_FLAT = 0xf;
export const DFR_CLUSTER = 0x0;
export const DFR_RESERVED = 0x0fff_ffff;
export const SVR = 0x0f;
export const SVR_VECTOR = 0xff;
export const SVR_ENABLE = 1 << 8;
export const SVR_SUPPRESS_EOI_BROADCAST = 1 << 12;
export const SVR_WRITABLE = SVR_VECTOR | SVR_ENABLE | SVR_SUPPRESS_EOI_BROADCAST;
/** Eight words each, bit n of word m standing for vector 32m + n. */
export const ISR = 0x10;
export const TMR = 0x18;
export const IRR = 0x20;
export const VECTOR_WORDS = 8;
export const ESR = 0x28;
export const ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
export const ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;
export const ESR_ILLEGAL_REGISTER_ADDRESS = 1 << 7;
export const ICR_LOW = 0x30;
export const ICR_LOGICAL = 1 << 11;
export const ICR_DELIVERY_STATUS = 1 << 12;
export const ICR_ASSERT = 1 << 14;
export const ICR_LEVEL_TRIGGERED = 1 << 15;
/** A shorthand. */
export const ICR_SELF = 1 << 18;
/** All but the delivery status, which is always idle: an IPI has arrived when the write is done. */
export const ICR_LOW_WRITABLE = 0x000c_cfff;
export const ICR_HIGH = 0x31;
export const LVT_TIMER = 0x32;
export const LVT_TIMER_WRITABLE = 0x0007_00ff;
export const LVT_THERMAL = 0x33;
export const LVT_PERFORMANCE = 0x34;
export const LVT_MONITOR_WRITABLE = 0x0001_07ff;
export const LVT_LINT0 = 0x35;
export const LVT_LINT1 = 0x36;
export const LVT_LINT_WRITABLE = 0x0001_a7ff;
export const LVT_ERROR = 0x37;
export const LVT_ERROR_WRITABLE = 0x0001_00ff;
export const LVT_VECTOR = 0xff;
export const LVT_REMOTE_IRR = 1 << 14;
export const LVT_LEVEL_TRIGGERED = 1 << 15;
export const LVT_MASKED = 1 << 16;
export const INITIAL_COUNT = 0x38;
export const CURRENT_COUNT = 0x39;
export const DIVIDE = 0x3e;
export const DIVIDE_WRITABLE = 0b1011;
/** In x2APIC mode alone. */
export const SELF_IPI = 0x3f;

/** By IA32_APIC_BASE bits 11 (EN) and 10 (EXTD). */
export const MODE = 0x40;
export const MODE_OFF = 0;
export const MODE_XAPIC = 1;
export const MODE_X2APIC = 2;
/** NMI, SMI and ExtINT that have arrived and not been taken (`Latch`). */
export const LATCHED = 0x41;
/** Errors since the last write to the ESR. */
export const ERRORS = 0x42;
/** The LINT inputs: bit n for LINTn asserted, and LINT0's remote IRR. */
export const LINT = 0x43;
export const LINT0_REMOTE_IRR = 1 << 8;
/** IA32_TSC_DEADLINE, 0 once it has fired. */
export const TSC_DEADLINE_LOW = 0x44;
export const TSC_DEADLINE_HIGH = 0x45;
/** A float64: machine time in ns at which the timer reaches 0; Infinity while it stands. */
export const TIMER_EXPIRY = 0x46;
/** The 32-bit id of power-on, which x2APIC mode has for good; an xAPIC shows its lowest 8 bits. */
export const INITIAL_ID = 0x48;

/** Words of state for one LAPIC: whole cache lines, so that no two CPUs share one. */
export const LAPIC_WORDS = 0x50;

/** Whether a stride of the register page holds a register; an access to one that does not is an error. */
export function isRegister(index: number): boolean {
  if (index < TPR) return index === ID || index === VERSION;
  return index <= ESR || (index >= ICR_LOW && index <= CURRENT_COUNT) || index === DIVIDE;
}

/**
 * The local APIC's registers as MSRs (SDM vol. 3A, "Extended XAPIC (x2APIC)"): the register at offset n is MSR 800H + n/16,
 * the ICR is one of 64 bits, and what is reserved is #GP. Which register is what, lapic.ts knows.
 */
import * as reg from '../base/lapic-registers';
import type { Lapic } from './lapic';

/** 256 MSRs from here on belong to the x2APIC. */
const X2APIC_MSRS = 0x800;
const X2APIC_MSR_COUNT = 0x100;

/** Delivery status and remote IRR are read-only, not reserved. */
const LVT_STATUS = (1 << 12) | reg.LVT_REMOTE_IRR;
const NO_BITS = 0;
const ALL_BITS = -1;

/** Of the RDMSR and WRMSR under way. */
export interface MsrValue {
  msrLow: number;
  msrHigh: number;
}

export function isX2apicMsr(msr: number): boolean {
  return msr >= X2APIC_MSRS && msr < X2APIC_MSRS + X2APIC_MSR_COUNT;
}

/** False: there is no such register to read, or the LAPIC is no x2APIC. */
export function readX2apic(lapic: Lapic, msr: number, value: MsrValue): boolean {
  const index = msr - X2APIC_MSRS;
  if (!lapic.isX2apic || !isReadable(index)) return false;
  value.msrLow = lapic.read(index << 4, 4);
  value.msrHigh = index === reg.ICR_LOW ? lapic.read(reg.ICR_HIGH << 4, 4) : 0;
  return true;
}

/** False: there is no such register to write, or not with this value. */
export function writeX2apic(lapic: Lapic, msr: number, { msrLow, msrHigh }: MsrValue): boolean {
  const index = msr - X2APIC_MSRS;
  if (!lapic.isX2apic || !isWritable(index) || (msrLow & ~writableBits(index)) !== 0) return false;
  if (index === reg.ICR_LOW) lapic.write(reg.ICR_HIGH << 4, 4, msrHigh);
  else if (msrHigh !== 0) return false;
  if (index === reg.SELF_IPI) lapic.sendToSelf(msrLow);
  else lapic.write(index << 4, 4, msrLow);
  return true;
}

function isReadable(index: number): boolean {
  switch (index) {
    case reg.ID:
    case reg.VERSION:
    case reg.PPR:
    case reg.LDR:
    case reg.CURRENT_COUNT:
      return true;
    case reg.EOI:
    case reg.SELF_IPI:
      return false;
    default:
      return (index >= reg.ISR && index < reg.ESR) || isWritable(index);
  }
}

function isWritable(index: number): boolean {
  switch (index) {
    case reg.TPR:
    case reg.EOI:
    case reg.SVR:
    case reg.ESR:
    case reg.ICR_LOW:
    case reg.INITIAL_COUNT:
    case reg.DIVIDE:
    case reg.SELF_IPI:
      return true;
    default:
      return index >= reg.LVT_TIMER && index <= reg.LVT_ERROR;
  }
}

/** Of a register that is writable. */
function writableBits(index: number): number {
  switch (index) {
    case reg.TPR:
    case reg.SELF_IPI:
      return 0xff;
    case reg.SVR:
      return reg.SVR_WRITABLE;
    case reg.ICR_LOW:
      return reg.ICR_LOW_WRITABLE | reg.ICR_DELIVERY_STATUS;
    case reg.LVT_TIMER:
      return reg.LVT_TIMER_WRITABLE | LVT_STATUS;
    case reg.LVT_THERMAL:
    case reg.LVT_PERFORMANCE:
      return reg.LVT_MONITOR_WRITABLE | LVT_STATUS;
    case reg.LVT_LINT0:
    case reg.LVT_LINT1:
      return reg.LVT_LINT_WRITABLE | LVT_STATUS;
    case reg.LVT_ERROR:
      return reg.LVT_ERROR_WRITABLE | LVT_STATUS;
    case reg.DIVIDE:
      return reg.DIVIDE_WRITABLE;
    case reg.INITIAL_COUNT:
      return ALL_BITS;
    default:
      return NO_BITS;
  }
}

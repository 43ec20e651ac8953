/** Who a local APIC is: its mode, its ids, and which destinations are its own (SDM vol. 3A, "Determining IPI Destination"). */
import { BROADCAST } from './interrupt-message';
import * as reg from '../base/lapic-registers';

const APIC_BASE_EXTD = 1 << 10;
const APIC_BASE_ENABLE = 1 << 11;

/** By the low half of IA32_APIC_BASE. */
export function modeOf(base: number): number {
  if ((base & APIC_BASE_ENABLE) === 0) return reg.MODE_OFF;
  return (base & APIC_BASE_EXTD) === 0 ? reg.MODE_XAPIC : reg.MODE_X2APIC;
}

/** The id and, in x2APIC mode, what follows from it, as a LAPIC has them when it comes into its mode. */
export function takeIdentity(state: Int32Array): void {
  const id = state[reg.INITIAL_ID];
  const isX2apic = state[reg.MODE] === reg.MODE_X2APIC;
  state[reg.ID] = isX2apic ? id : id << 24;
  state[reg.LDR] = isX2apic ? logicalX2apicId(id) : 0;
  state[reg.ICR_HIGH] = 0;
}

/** Of 16 x2APICs with the same upper bits of their ids each has a bit ("Logical Destination Mode in x2APIC Mode"). */
export function logicalX2apicId(id: number): number {
  return ((id >> 4) << 16) | (1 << (id & 15));
}

/**
 * Whether a message to this destination (32 bits, signed) is for this LAPIC. An xAPIC whose id has more than 8 bits can be
 * reached by an x2APIC's messages alone, as in KVM.
 */
export function isAddressed(state: Int32Array, destination: number, logical: boolean): boolean {
  const mode = state[reg.MODE];
  if (mode === reg.MODE_OFF) return false;
  if (destination === BROADCAST) return true;
  if (mode === reg.MODE_X2APIC) {
    if (!logical) return state[reg.ID] === destination;
    const ldr = state[reg.LDR];
    return ldr >> 16 === destination >> 16 && (ldr & destination & 0xffff) !== 0;
  }
  const initial = state[reg.INITIAL_ID];
  if (!logical) return (initial > reg.LAST_XAPIC_ID ? initial : state[reg.ID] >>> 24) === destination;
  if (destination >>> 8 !== 0) return false;
  const own = state[reg.LDR] >>> 24;
  const model = state[reg.DFR] >>> 28;
  if (model === reg.DFR_FLAT) return (own & destination) !== 0;
  return model === reg.DFR_CLUSTER && own >> 4 === destination >> 4 && (own & destination & 0xf) !== 0;
}

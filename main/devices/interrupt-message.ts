/**
 * Delivery modes of an interrupt message, as the ICR, the LVT, an I/O APIC's redirection entry and an MSI all encode
 * them (SDM vol. 3A, "Interrupt Command Register (ICR)" and "Message Data Register Format"). 3 is reserved.
 */
export const DeliveryMode = {
  FIXED: 0,
  LOWEST_PRIORITY: 1,
  SMI: 2,
  NMI: 4,
  INIT: 5,
  /** In the ICR only. */
  START_UP: 6,
  /** In the LVT and in redirection entries only: the vector comes from the 8259 by an INTA cycle. */
  EXTINT: 7,
} as const;

/** Vectors below this one belong to no interrupt message (SDM vol. 3A, "Valid Interrupt Vectors"). */
export const FIRST_LEGAL_VECTOR = 16;

/** Destination, physical and logical, that means every local APIC: of 8 bits, and of 32. */
export const XAPIC_BROADCAST = 0xff;
export const BROADCAST = -1;

/** Whoever carries the messages of an I/O APIC or an MSI to the local APICs: an ApicBus, or KVM (KVM_SIGNAL_MSI). */
export interface InterruptMessageSink {
  /** `destination`, of 8 bits, is an APIC id or a logical destination, `mode` a DeliveryMode; `level`: an EOI answers it. */
  message(destination: number, logical: boolean, mode: number, vector: number, level: boolean): void;
}

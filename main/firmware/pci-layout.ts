/** How firmware places the PCI devices: their base address registers, and the I/O APIC's input of each. */
import { PCI_WINDOW } from './memory-map';

/** Devices beside the bridge, which is device 0: one for each input that the I/O APIC has beyond those of ISA. */
export const PCI_SLOTS = 8;
const FIRST_GSI = 16;
const SLOT_SIZE = 0x10000;
const BAR_STEP = 0x8000;

/** The number on the bus of the device in this slot, from 0 on. */
export const pciDevice = (slot: number): number => slot + 1;

/** The entropy device is in the first one. */
export const diskSlot = (disk: number): number => disk + 1;

export const pciInterrupt = (slot: number): number => FIRST_GSI + slot;

/** Where its BARs are, of 32 KiB each at most. */
export const pciBars = (slot: number): [number, number] => {
  const first = PCI_WINDOW + slot * SLOT_SIZE;
  return [first, first + BAR_STEP];
};

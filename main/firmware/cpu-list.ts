/** The processors as firmware tables list them. */
export interface FirmwareCpu {
  /** Index of the CPU in the machine, which is its ACPI Processor UID. */
  index: number;
  apicId: number;
  bsp: boolean;
}

/** APIC ids from here on need x2APIC: 0xFF is the broadcast destination of an xAPIC. */
export const FIRST_X2APIC_ID = 0xff;

/**
 * The customary order: the BSP first (ACPI 6.5, 5.2.12.1 asks for it, and Linux takes a first entry that is not the BSP
 * for a crash kernel's start on an AP, and then uses one CPU), then the others by index.
 */
export function customaryOrder(cpus: number, bsp: number): number[] {
  const others = Array.from({ length: cpus }, (_, cpu) => cpu).filter((cpu) => cpu !== bsp);
  return bsp < cpus && bsp >= 0 ? [bsp, ...others] : others;
}

/** The CPUs as the tables list them, in the order given. */
export function cpusInTableOrder(order: readonly number[], apicIds: readonly number[], bsp: number): FirmwareCpu[] {
  return order.map((index) => ({ index, apicId: apicIds[index], bsp: index === bsp }));
}

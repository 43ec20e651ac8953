import { cpusInTableOrder, customaryOrder, type FirmwareCpu } from '../cpu-list';

/** CPUs with these APIC ids in the customary order. */
export function listed(apicIds: readonly number[], bsp: number): FirmwareCpu[] {
  return cpusInTableOrder(customaryOrder(apicIds.length, bsp), apicIds, bsp);
}

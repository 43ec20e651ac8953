/** What a machine that begins in a firmware ROM has beside the board's other devices. */
import type { Bus } from '../devices/bus';
import { FW_CFG_WORDS, FwCfg } from '../devices/fw-cfg';
import { cpusInTableOrder } from '../firmware/cpu-list';
import { fwCfgItems } from '../firmware/fw-cfg-items';
import { optionRomSize } from '../loader/option-rom';
import { FW_CFG_PORTS, FW_CFG_SIZE } from '../firmware/port-map';
import type { MachineConfig } from '../../preload/contract/machine';
import type { MemoryWritten } from './pci-board';
import type { MachineMemory } from './shared-memory';

/** Gives what is to be done at power-on. */
export function addFirmwareDevices(
  ports: Bus,
  memory: MachineMemory,
  config: MachineConfig,
  written: MemoryWritten,
): () => void {
  if (memory.rom.length === 0) return () => {};
  const { tableOrder, apicIds, bsp, acpi, vga } = config;
  const fwCfg = new FwCfg(memory.device('fwCfg', FW_CFG_WORDS), { bytes: memory.ram, written }, () =>
    fwCfgItems({
      cpus: cpusInTableOrder(tableOrder, apicIds, bsp),
      memory: config.memory,
      acpi,
      vga: vga === 'text',
      vgaBios: memory.vgaBios.slice(0, optionRomSize(memory.vgaBios)),
      disks: config.disks.length,
    }),
  );
  ports.add(FW_CFG_PORTS, FW_CFG_SIZE, fwCfg);
  return () => fwCfg.powerOn();
}

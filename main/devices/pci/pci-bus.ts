/**
 * PCI bus 0 with its host bridge: configuration mechanism #1 (PCI Local Bus Specification 3.0, section 3.2.2.3.2), and the window
 * of memory that is handed on to the functions' base address registers. Every device has one function.
 */
import type { Device } from '../device';
import { PCI_FUNCTION_WORDS, PciFunction } from './pci-function';

/** CONFIG_ADDRESS. */
const ENABLE = 0x8000_0000;
const BUS_AND_FUNCTION = 0x00ff_0700;
const DEVICE_SHIFT = 11;
const DEVICE_MASK = 0x1f;
const REGISTER = 0xfc;
const ADDRESS_WRITABLE = 0x80ff_fffc;

export const PCI_CONFIG_SIZE = 4;

/** A device on the bus. */
export interface PciDevice {
  readonly pci: PciFunction;
  readConfig(offset: number, size: number): number;
  writeConfig(offset: number, size: number, value: number): void;
  readBar(bar: number, offset: number, size: number): number;
  writeBar(bar: number, offset: number, size: number, value: number): void;
}

/**
 * The bridge itself: Intel's 82441FX with the subsystem of a virtual machine, by which firmware knows what machine it is on.
 * Registers of its own it has none: memory below 1 MiB is always RAM.
 */
const HOST_BRIDGE = {
  vendor: 0x8086,
  device: 0x1237,
  revision: 2,
  classCode: 0x060000,
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  bars: [],
  interrupts: false,
  capabilities: [],
};

/** Words of the state: CONFIG_ADDRESS, and the bridge's configuration space. */
const ADDRESS = 0;
const BRIDGE = 1;
export const PCI_BUS_WORDS = BRIDGE + PCI_FUNCTION_WORDS;

export class PciBus {
  /** Port 0xCF8, whose second byte by itself is another device's: the reset control register. */
  readonly configAddress: Device;
  /** Port 0xCFC. */
  readonly configData: Device = {
    read: (offset, size) => this.#readData(offset, size),
    write: (offset, size, value) => this.#writeData(offset, size, value),
  };
  readonly window: Device = {
    read: (offset, size) => this.#readWindow(this.#base + offset, size),
    write: (offset, size, value) => this.#writeWindow(this.#base + offset, size, value),
  };
  readonly #state: Int32Array;
  readonly #devices: readonly PciDevice[];
  readonly #base: number;

  /** `devices` from number 1 on; `base`: where the window begins. */
  constructor(state: Int32Array, devices: readonly PciDevice[], base: number, resetControl: Device) {
    this.#state = state;
    this.#base = base;
    const bridge = new PciFunction(state.subarray(BRIDGE), HOST_BRIDGE);
    this.#devices = [new BridgeDevice(bridge), ...devices];
    this.configAddress = {
      read: (offset, size) =>
        offset === 1 && size === 1
          ? resetControl.read(0, 1)
          : offset === 0 && size === 4
            ? state[ADDRESS] >>> 0
            : allOnes(size),
      write: (offset, size, value) => {
        if (offset === 1 && size === 1) resetControl.write(0, 1, value);
        else if (offset === 0 && size === 4) state[ADDRESS] = value & ADDRESS_WRITABLE;
      },
    };
  }

  powerOn(): void {
    this.#state[ADDRESS] = 0;
    this.#devices[0].pci.powerOn([], 0);
  }

  #selected(): PciDevice | null {
    const address = this.#state[ADDRESS];
    if ((address & ENABLE) === 0 || (address & BUS_AND_FUNCTION) !== 0) return null;
    return this.#devices[(address >>> DEVICE_SHIFT) & DEVICE_MASK] ?? null;
  }

  #readData(offset: number, size: number): number {
    const device = this.#selected();
    if (device === null) return allOnes(size);
    return device.readConfig((this.#state[ADDRESS] & REGISTER) + offset, size);
  }

  #writeData(offset: number, size: number, value: number): void {
    this.#selected()?.writeConfig((this.#state[ADDRESS] & REGISTER) + offset, size, value);
  }

  /** What no base address register claims reads all ones; an access may not run past a register's end. */
  #readWindow(address: number, size: number): number {
    for (const device of this.#devices) {
      const bar = device.pci.barAt(address);
      if (bar < 0) continue;
      const offset = address - device.pci.barBase(bar);
      return offset + size > device.pci.bars[bar] ? allOnes(size) : device.readBar(bar, offset, size);
    }
    return allOnes(size);
  }

  #writeWindow(address: number, size: number, value: number): void {
    for (const device of this.#devices) {
      const bar = device.pci.barAt(address);
      if (bar < 0) continue;
      const offset = address - device.pci.barBase(bar);
      if (offset + size <= device.pci.bars[bar]) device.writeBar(bar, offset, size, value);
      return;
    }
  }
}

class BridgeDevice implements PciDevice {
  readonly pci: PciFunction;

  constructor(pci: PciFunction) {
    this.pci = pci;
  }

  readConfig(offset: number, size: number): number {
    return this.pci.read(offset, size);
  }

  writeConfig(offset: number, size: number, value: number): void {
    this.pci.write(offset, size, value);
  }

  /** It has no base address registers. */
  readBar(_bar: number, _offset: number, size: number): number {
    return allOnes(size);
  }

  writeBar(): void {}
}

function allOnes(size: number): number {
  return 0xffff_ffff >>> (32 - 8 * size);
}

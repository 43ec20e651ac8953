/** The PCI bus of the mainboard: which devices are on it, and where; firmware has placed them when a guest begins. */
import type { Clock } from '../base/clock';
import type { Disk } from '../base/disk';
import type { Bus } from '../devices/bus';
import type { Device, TimedDevice } from '../devices/device';
import { PCI_BUS_WORDS, PCI_CONFIG_SIZE, PciBus } from '../devices/pci/pci-bus';
import { type ConsoleSink, RECEIVE as CONSOLE_INPUT, VirtioConsole } from '../devices/virtio/console';
import { VirtioBlk } from '../devices/virtio/blk';
import { type EntropySource, seededEntropy, VirtioRng } from '../devices/virtio/rng';
import { RECEIVE as FRAMES, VirtioNet } from '../devices/virtio/net';
import type { VirtioDevice } from '../devices/virtio/virtio-device';
import { virtioOwn, VirtioPci } from '../devices/virtio/virtio-pci';
import { PCI_WINDOW, PCI_WINDOW_SIZE } from '../firmware/memory-map';
import { diskSlot, pciBars, pciDevice, pciInterrupt } from '../firmware/pci-layout';
import { PCI_CONFIG_ADDRESS, PCI_CONFIG_DATA } from '../firmware/port-map';
import { DeviceFault, EventKind } from '../../preload/contract/events';
import { hasVirtualTime, type MachineConfig } from '../../preload/contract/machine';
import type { EventWriter } from './event-ring';
import type { Irqchip } from './irqchip';
import { NetworkPort } from './network-port';
import type { MachineMemory } from './shared-memory';

/**
 * In ns of virtual time, what a fast disk takes: the host's own time does not show. A console takes its output at once, since
 * Linux's driver spins until it has (put_chars in drivers/char/virtio_console.c, for each 16 bytes).
 */
const LATENCY = 50_000;

/** What the devices of a machine have on the host. */
export interface Backends {
  disks: readonly Disk[];
  /** On KVM; the emulator's comes from the seed. */
  entropy: EntropySource;
  /** Wakes the thread that carries the network's frames. */
  ringNetwork: () => void;
}

export const NO_BACKENDS: Backends = { disks: [], entropy() {}, ringNetwork() {} };

export type MemoryWritten = (address: number, size: number) => void;

export interface PciBoardOptions {
  memory: MachineMemory;
  config: MachineConfig;
  clock: Clock;
  irqchip: Irqchip;
  events: EventWriter;
  /** Whose thread this is. */
  cpu: number;
  backends: Backends;
  /** Takes the output of the virtio console with this number. */
  consoleSink: (index: number) => ConsoleSink;
  written: MemoryWritten;
  resetControl: Device;
}

export class PciBoard {
  readonly timers: readonly Pick<TimedDevice, 'deadline' | 'expire'>[];
  readonly #bus: PciBus;
  readonly #devices: readonly VirtioPci[];
  readonly #consoles: readonly VirtioConsole[];
  readonly #firstConsole: number;

  constructor(options: PciBoardOptions) {
    const { memory, config, backends, resetControl } = options;
    const rng = new VirtioRng(
      config.accelerator === 'wasm' ? seededEntropy(virtioOwn(memory.virtio(0)), config.seed) : backends.entropy,
    );
    const disks = backends.disks.map((disk, n) => {
      return new VirtioBlk(disk, `disk${n}`, () => report(options, diskSlot(n), DeviceFault.DISK_FAILED));
    });
    this.#consoles = config.consoles.map((_, n) => new VirtioConsole(memory.console(n), options.consoleSink(n)));
    this.#firstConsole = 1 + config.disks.length;
    const network =
      config.network === null ? [] : [new VirtioNet(new NetworkPort(memory.network(), backends.ringNetwork))];
    this.#devices = [rng, ...disks, ...this.#consoles, ...network].map((device, slot) =>
      virtioPci(options, device, slot),
    );
    this.timers = this.#devices.map((device) => device.timer);
    this.#bus = new PciBus(memory.device('pci', PCI_BUS_WORDS), this.#devices, PCI_WINDOW, resetControl);
  }

  powerOn(): void {
    this.#bus.powerOn();
    this.#devices.forEach((device, slot) => device.powerOn(pciBars(slot), pciInterrupt(slot)));
    for (const console of this.#consoles) console.powerOn();
  }

  /** Gives bytes to a virtio console; says how many it took. */
  receive(index: number, bytes: Uint8Array): number {
    const taken = this.#consoles[index].receive(bytes);
    this.#devices[this.#firstConsole + index].offer(CONSOLE_INPUT);
    return taken;
  }

  /** A frame waits for the guest. */
  frameArrived(): void {
    this.#devices[this.#firstConsole + this.#consoles.length].offer(FRAMES);
  }

  /** `acting`: an access to this device may change when it is due. */
  addTo(ports: Bus, memory: Bus, acting: (device: Device) => Device): void {
    ports.add(PCI_CONFIG_ADDRESS, PCI_CONFIG_SIZE, this.#bus.configAddress);
    ports.add(PCI_CONFIG_DATA, PCI_CONFIG_SIZE, acting(this.#bus.configData));
    memory.add(PCI_WINDOW, PCI_WINDOW_SIZE, acting(this.#bus.window));
  }
}

function virtioPci(options: PciBoardOptions, device: VirtioDevice, slot: number): VirtioPci {
  const { memory, config, clock, irqchip, written } = options;
  return new VirtioPci({
    state: memory.virtio(slot),
    device,
    ram: { bytes: memory.ram, written },
    clock,
    latency: hasVirtualTime(config) && !(device instanceof VirtioConsole) ? LATENCY : 0,
    messages: irqchip.messages,
    irq: irqchip.gsiLine(pciInterrupt(slot)),
    report: (fault) => report(options, slot, fault),
  });
}

function report({ events, cpu }: PciBoardOptions, slot: number, fault: DeviceFault): void {
  events.write(EventKind.DEVICE_FAULT, cpu, pciDevice(slot), fault);
}

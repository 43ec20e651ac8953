/**
 * A virtio device over PCI (VIRTIO 1.2, section 4.1), without the legacy interface. What its driver asks for is done `latency` ns of
 * machine time after the notification; where machine time follows the host's, that is at once, on the notifying CPU's thread.
 */
import type { Clock } from '../../base/clock';
import type { DeviceFault } from '../../../preload/contract/events';
import type { IrqLine, TimedDevice } from '../device';
import type { InterruptMessageSink } from '../interrupt-message';
import { Msix, MSIX_BAR_SIZE, msixCapability, msixWords, NO_VECTOR } from '../pci/msix';
import type { PciDevice } from '../pci/pci-bus';
import { PCI_FUNCTION_WORDS, PciFunction } from '../pci/pci-function';
import { CommonConfig, commonConfigWords, Status } from './common-config';
import {
  COMMON,
  DEVICE,
  ISR,
  NOTIFY,
  NOTIFY_MULTIPLIER,
  STRUCTURES_SIZE,
  virtioCapabilities,
  WINDOW_BAR,
  WINDOW_DATA,
  WINDOW_LENGTH,
  WINDOW_OFFSET,
} from './capabilities';
import { MAX_QUEUES, VIRTIO_OWN_WORDS, type VirtioDevice } from './virtio-device';
import { type GuestRam, QUEUE_WORDS, QueueWord, VirtioFault, Virtqueue } from './virtqueue';

const VENDOR = 0x1af4;
/** 4.1.2.1: the PCI device id is this and the device type; a revision of 1 has no legacy interface. */
const FIRST_DEVICE = 0x1040;
const REVISION = 1;

const STRUCTURES_BAR = 0;
const MSIX_BAR = 1;

/** Bits of the ISR status (4.1.4.5). */
const ISR_QUEUE = 1;
const ISR_CONFIG = 2;

/** Words of the state: a number of 64 bits, when the queues are to be served, and the parts. */
const NOTIFIED = 2; // bit n: queue n
const ISR_STATUS = 3;
const SERVING = 4; // 1 while a thread serves the queues: a device may let go of the machine lock meanwhile
const RESETS = 5;
const FUNCTION = 6;
const MSIX = FUNCTION + PCI_FUNCTION_WORDS;
const COMMON_CONFIG = MSIX + msixWords(MAX_QUEUES + 1);
const QUEUES = COMMON_CONFIG + commonConfigWords;
const OWN = QUEUES + MAX_QUEUES * QUEUE_WORDS;
/** Even: each begins with a number of 64 bits. */
export const VIRTIO_PCI_WORDS = (OWN + VIRTIO_OWN_WORDS + 1) & ~1;

/** The words of a device type's own. */
export function virtioOwn(state: Int32Array): Int32Array {
  return state.subarray(OWN, OWN + VIRTIO_OWN_WORDS);
}

export interface VirtioPciOptions {
  state: Int32Array;
  device: VirtioDevice;
  ram: GuestRam;
  clock: Clock;
  latency: number;
  messages: InterruptMessageSink;
  /** INTA#. */
  irq: IrqLine;
  /** The driver has done what it may not, or something about the device has failed. */
  report: (fault: DeviceFault) => void;
}

export class VirtioPci implements PciDevice {
  readonly pci: PciFunction;
  readonly timer: Pick<TimedDevice, 'deadline' | 'expire'> = {
    deadline: () => this.#due[0],
    expire: () => this.#serveAll(),
  };
  readonly #state: Int32Array;
  readonly #due: Float64Array;
  readonly #device: VirtioDevice;
  readonly #queues: readonly Virtqueue[];
  readonly #common: CommonConfig;
  readonly #msix: Msix;
  readonly #window: number;
  readonly #clock: Clock;
  readonly #latency: number;
  readonly #irq: IrqLine;
  readonly #report: (fault: DeviceFault) => void;

  constructor({ state, device, ram, clock, latency, messages, irq, report }: VirtioPciOptions) {
    this.#state = state;
    this.#due = new Float64Array(state.buffer, state.byteOffset, 1);
    this.#device = device;
    this.#clock = clock;
    this.#latency = latency;
    this.#irq = irq;
    this.#report = report;
    const vectors = device.queueSizes.length + 1;
    const capabilities = virtioCapabilities(STRUCTURES_BAR, device.config.length);
    this.pci = new PciFunction(state.subarray(FUNCTION), {
      vendor: VENDOR,
      device: FIRST_DEVICE + device.type,
      revision: REVISION,
      classCode: device.classCode,
      subsystemVendor: VENDOR,
      subsystem: FIRST_DEVICE + device.type,
      bars: [STRUCTURES_SIZE, MSIX_BAR_SIZE],
      interrupts: true,
      capabilities: [...capabilities, msixCapability(vectors, MSIX_BAR)],
    });
    const at = this.pci.capabilityAt[capabilities.length];
    this.#window = this.pci.capabilityAt[capabilities.length - 1];
    this.#msix = new Msix(state.subarray(MSIX), vectors, this.pci, at, messages);
    this.#queues = device.queueSizes.map((size, n) => {
      return new Virtqueue(state.subarray(QUEUES + n * QUEUE_WORDS, QUEUES + (n + 1) * QUEUE_WORDS), size, ram);
    });
    this.#common = new CommonConfig({
      state: state.subarray(COMMON_CONFIG, QUEUES),
      features: device.features,
      queues: this.#queues,
      vectors,
      reset: () => this.#reset(),
      fault: (fault) => this.#fault(fault),
    });
  }

  /** `addresses`: of the two BARs. */
  powerOn(addresses: readonly number[], interruptLine: number): void {
    this.#state.fill(0);
    this.pci.powerOn(addresses, interruptLine);
    this.#msix.powerOn();
    this.#common.powerOn();
    this.#reset();
  }

  readConfig(offset: number, size: number): number {
    const at = this.#windowTarget(offset, size);
    return at < 0 ? this.pci.read(offset, size) : this.readBar(STRUCTURES_BAR, at, size);
  }

  writeConfig(offset: number, size: number, value: number): void {
    const at = this.#windowTarget(offset, size);
    if (at >= 0) this.writeBar(STRUCTURES_BAR, at, size, value);
    this.pci.write(offset, size, value);
    this.#msix.update();
    this.#updatePin();
  }

  readBar(bar: number, offset: number, size: number): number {
    if (bar === MSIX_BAR) return this.#msix.read(offset, size);
    if (offset < ISR) return this.#common.read(offset - COMMON, size);
    if (offset < DEVICE) return offset === ISR ? this.#readIsr() : 0;
    return offset < NOTIFY ? this.#readDeviceConfig(offset - DEVICE, size) : 0;
  }

  writeBar(bar: number, offset: number, size: number, value: number): void {
    if (bar === MSIX_BAR) this.#msix.write(offset, size, value);
    else if (offset < ISR) this.#common.write(offset - COMMON, size, value);
    else if (offset >= NOTIFY) this.#notify(Math.floor((offset - NOTIFY) / NOTIFY_MULTIPLIER));
  }

  /** 4.1.4.9: a window in configuration space to the BAR's structures: where an access to it leads; -1: it is none. */
  #windowTarget(offset: number, size: number): number {
    const window = this.#window;
    if (offset !== window + WINDOW_DATA || this.pci.read(window + WINDOW_LENGTH, 4) !== size) return -1;
    const at = this.pci.read(window + WINDOW_OFFSET, 4);
    const leads = this.pci.read(window + WINDOW_BAR, 1) === STRUCTURES_BAR && at % size === 0 && at < STRUCTURES_SIZE;
    return leads ? at : -1;
  }

  #readIsr(): number {
    const isr = this.#state[ISR_STATUS];
    this.#state[ISR_STATUS] = 0;
    this.#updatePin();
    return isr;
  }

  #readDeviceConfig(offset: number, size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= (this.#device.config[offset + i] ?? 0) << (8 * i);
    return value >>> 0;
  }

  #reset(): void {
    for (const queue of this.#queues) queue.reset();
    this.#due[0] = Infinity;
    this.#state[NOTIFIED] = 0;
    this.#state[RESETS]++;
    this.#state[ISR_STATUS] = 0;
    this.#updatePin();
  }

  #notify(index: number): void {
    if (index >= this.#queues.length) return;
    this.#state[NOTIFIED] |= 1 << index;
    if (this.#latency === 0) this.#serveAll();
    else if (this.#due[0] === Infinity) this.#due[0] = this.#clock.now() + this.#latency;
  }

  /** The device itself has something for this queue: it is served as what is due, on the thread that sees to that. */
  offer(index: number): void {
    this.#state[NOTIFIED] |= 1 << index;
    this.#due[0] = Math.min(this.#due[0], this.#clock.now());
  }

  #serveAll(): void {
    // Who serves the queues looks once more.
    if (this.#state[SERVING] !== 0) return void (this.#due[0] = Infinity);
    const notified = this.#state[NOTIFIED];
    this.#state[NOTIFIED] = 0;
    this.#due[0] = Infinity;
    if (!this.pci.mayMaster || !this.#common.ready) return;
    this.#state[SERVING] = 1;
    try {
      this.#queues.forEach((queue, index) => {
        if ((notified >>> index) & 1 && queue.enabled) this.#serve(index, queue);
      });
    } catch (error) {
      if (!(error instanceof VirtioFault)) throw error;
      this.#fault(error);
    } finally {
      this.#state[SERVING] = 0;
    }
    if (this.#state[NOTIFIED] !== 0) this.#due[0] = this.#clock.now();
  }

  #serve(index: number, queue: Virtqueue): void {
    const device = this.#device;
    const resets = this.#state[RESETS];
    let served = 0;
    for (; served < queue.maxSize && device.wants?.(index) !== false; served++) {
      const head = queue.take();
      if (head < 0) break;
      const written = device.serve(index, queue);
      if (this.#state[RESETS] !== resets) return;
      queue.give(head, written);
    }
    // A driver that makes more available all the time does not keep this thread for itself.
    if (served === queue.maxSize) {
      this.offer(index);
    }
    if (served > 0 && queue.wantsInterrupt) this.#interrupt(ISR_QUEUE, queue.state[QueueWord.VECTOR]);
  }

  /** 2.1.2: the device does nothing more before it is reset, and tells a driver that is up. */
  #fault({ fault }: VirtioFault): void {
    this.#common.needsReset();
    this.#report(fault);
    if ((this.#common.status & Status.DRIVER_OK) !== 0) this.#interrupt(ISR_CONFIG, this.#common.configVector);
  }

  #interrupt(isr: number, vector: number): void {
    if (this.#msix.enabled) {
      if (vector !== NO_VECTOR) this.#msix.interrupt(vector);
      return;
    }
    this.#state[ISR_STATUS] |= isr;
    this.#updatePin();
  }

  #updatePin(): void {
    this.pci.interruptStatus = this.#state[ISR_STATUS] !== 0;
    this.#irq.set(this.pci.interruptPin && !this.#msix.enabled);
  }
}

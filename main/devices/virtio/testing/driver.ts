/** A virtio driver as a guest has it, and a bus for it: what it writes goes through configuration space and BARs. */
import type { DeviceFault } from '../../../../preload/contract/events';
import { VIRTIO_PCI_WORDS, VirtioPci } from '../virtio-pci';
import type { VirtioDevice } from '../virtio-device';

export const RAM = 1 << 20;
const QUEUES = 0x10000;
const QUEUE_STRIDE = 0x8000;
const DRIVER = 0x4000;
const DEVICE = 0x6000;
export const BUFFERS = 0x80000;
const STRUCTURES = 0;
const NOTIFY = 0x3000;
export const Field = {
  STATUS: 0x14,
  QUEUE_SELECT: 0x16,
  QUEUE_SIZE: 0x18,
  QUEUE_VECTOR: 0x1a,
  QUEUE_ENABLE: 0x1c,
} as const;
const COMMAND = 4;
export const NEXT = 1;
export const WRITE = 2;

export interface Segment {
  address: number;
  length: number;
  writable?: boolean;
}

export class Driver {
  readonly ram = new Uint8Array(new SharedArrayBuffer(RAM));
  readonly view = new DataView(this.ram.buffer);
  readonly state = new Int32Array(new SharedArrayBuffer(4 * VIRTIO_PCI_WORDS));
  readonly messages: number[] = [];
  readonly faults: DeviceFault[] = [];
  readonly written: [number, number][] = [];
  readonly pci: VirtioPci;
  pin = false;
  now = 0;
  size = 8;

  constructor(device: VirtioDevice, latency = 0) {
    this.pci = new VirtioPci({
      state: this.state,
      device,
      ram: { bytes: this.ram, written: (address, size) => void this.written.push([address, size]) },
      clock: { now: () => this.now },
      latency,
      messages: { message: (_destination, _logical, _mode, vector) => void this.messages.push(vector) },
      irq: { set: (level) => (this.pin = level) },
      report: (fault) => void this.faults.push(fault),
    });
    this.pci.powerOn([0xe0000000, 0xe0008000], 16);
  }

  read(offset: number, size: number): number {
    return this.pci.readBar(STRUCTURES, offset, size);
  }

  write(offset: number, size: number, value: number): void {
    this.pci.writeBar(STRUCTURES, offset, size, value);
  }

  get status(): number {
    return this.read(Field.STATUS, 1);
  }

  set status(value: number) {
    this.write(Field.STATUS, 1, value);
  }

  /** Accepts these features and VERSION_1, sets up all queues and starts the device (VIRTIO 1.2, section 3.1.1). */
  start(features = 0): void {
    this.pci.writeConfig(COMMAND, 2, 6);
    this.status = 0;
    this.status = 3;
    this.write(0x08, 4, 0);
    this.write(0x0c, 4, features);
    this.write(0x08, 4, 1);
    this.write(0x0c, 4, 1);
    this.status = 11;
    for (let queue = 0; queue < this.read(0x12, 2); queue++) this.#setUp(queue);
    this.status = 15;
  }

  #setUp(queue: number): void {
    const base = QUEUES + queue * QUEUE_STRIDE;
    this.write(Field.QUEUE_SELECT, 2, queue);
    this.write(Field.QUEUE_SIZE, 2, this.size);
    for (const [field, address] of [base, base + DRIVER, base + DEVICE].entries()) {
      this.write(0x20 + 8 * field, 4, address);
      this.write(0x24 + 8 * field, 4, 0);
    }
    this.write(Field.QUEUE_ENABLE, 2, 1);
  }

  setDescriptor(queue: number, index: number, { address, length }: Segment, flags: number, next = 0): void {
    const at = QUEUES + queue * QUEUE_STRIDE + 16 * index;
    this.view.setBigUint64(at, BigInt(address), true);
    this.view.setUint32(at + 8, length, true);
    this.view.setUint16(at + 12, flags, true);
    this.view.setUint16(at + 14, next, true);
  }

  /** Makes a chain of these segments available from descriptor 0 on, and notifies. */
  offer(queue: number, segments: readonly Segment[]): void {
    segments.forEach((segment, index) => {
      const last = index === segments.length - 1;
      this.setDescriptor(queue, index, segment, (last ? 0 : NEXT) | (segment.writable === true ? WRITE : 0), index + 1);
    });
    this.makeAvailable(queue, 0);
    this.notify(queue);
  }

  makeAvailable(queue: number, head: number, count = 1): void {
    const at = QUEUES + queue * QUEUE_STRIDE + DRIVER;
    const index = this.view.getUint16(at + 2, true);
    this.view.setUint16(at + 4 + 2 * (index % this.size), head, true);
    this.view.setUint16(at + 2, index + count, true);
  }

  noInterrupts(queue: number): void {
    this.view.setUint16(QUEUES + queue * QUEUE_STRIDE + DRIVER, 1, true);
  }

  notify(queue: number): void {
    this.write(NOTIFY + 4 * queue, 2, queue);
  }

  /** The chains that came back: heads and lengths. */
  used(queue: number): [number, number][] {
    const at = QUEUES + queue * QUEUE_STRIDE + DEVICE;
    const count = this.view.getUint16(at + 2, true);
    return Array.from({ length: count }, (_, n) => {
      const element = at + 4 + 8 * (n % this.size);
      return [this.view.getUint32(element, true), this.view.getUint32(element + 4, true)];
    });
  }

  /** MSI-X on, with a message of this vector in each entry. */
  enableMsix(vectors: number, first: number): void {
    for (let entry = 0; entry < vectors; entry++) {
      this.pci.writeBar(1, 16 * entry, 4, 0xfee00000);
      this.pci.writeBar(1, 16 * entry + 4, 4, 0);
      this.pci.writeBar(1, 16 * entry + 8, 4, first + entry);
      this.pci.writeBar(1, 16 * entry + 12, 4, 0);
    }
    this.pci.writeConfig(this.capability(0x11) + 2, 2, 0x8000);
  }

  /** Where the n-th capability with this id is. */
  capability(id: number, n = 0): number {
    let at = this.pci.readConfig(0x34, 1);
    for (let found = 0; at !== 0; at = this.pci.readConfig(at + 1, 1)) {
      if (this.pci.readConfig(at, 1) === id && found++ === n) return at;
    }
    throw new Error(`no capability ${id}`);
  }
}

/**
 * A split virtqueue (Virtual I/O Device (VIRTIO) Version 1.2, section 2.7) as the device has it. Descriptors and rings are the
 * guest's to write: whatever of them cannot be is a VirtioFault, and nothing outside guest RAM is ever touched.
 */
import { DeviceFault } from '../../../preload/contract/events';
import { NO_VECTOR } from '../pci/msix';

/** Guest RAM as a device reaches it by itself. */
export interface GuestRam {
  readonly bytes: Uint8Array;
  /** Says that a device has written there: code decoded from it is no longer good. */
  written(address: number, size: number): void;
}

/** The driver has got something wrong; the device then needs a reset. */
export class VirtioFault extends Error {
  readonly fault: DeviceFault;

  constructor(fault: DeviceFault) {
    super(`virtio fault ${fault}`);
    this.fault = fault;
  }
}

/** 2.7.5 The Virtqueue Descriptor Table. */
const DESCRIPTOR_SIZE = 16;
const NEXT = 1;
const WRITE = 2;
/** 2.7.6 The Virtqueue Available Ring: flags, idx, ring. */
const NO_INTERRUPT = 1;
const INDEX = 2;
const RING = 4;
/** 2.7.8 The Virtqueue Used Ring: elements of id and length. */
const USED_ELEMENT = 8;
const INDEX_RANGE = 0x10000;

/** Words of the state. The addresses are as in the common configuration: low and high word each. */
export const QueueWord = {
  SIZE: 0,
  VECTOR: 1,
  ENABLED: 2,
  DESCRIPTORS: 3,
  DRIVER: 5,
  DEVICE: 7,
  /** The heads taken, and the elements given back so far, modulo 2^16. */
  TAKEN: 9,
  GIVEN: 10,
} as const;
export const QUEUE_WORDS = 12;

export class Virtqueue {
  readonly maxSize: number;
  readonly state: Int32Array;
  /** The chain taken last: its segments of guest RAM, readable ones first. */
  readonly addresses: Float64Array;
  readonly lengths: Float64Array;
  readable = 0;
  segments = 0;
  readonly #ram: GuestRam;
  readonly #view: DataView;
  readonly #halves: Uint16Array;

  constructor(state: Int32Array, maxSize: number, ram: GuestRam) {
    this.state = state;
    this.maxSize = maxSize;
    this.addresses = new Float64Array(maxSize);
    this.lengths = new Float64Array(maxSize);
    this.#ram = ram;
    const { buffer, byteOffset, length } = ram.bytes;
    this.#view = new DataView(buffer, byteOffset, length);
    this.#halves = new Uint16Array(buffer, byteOffset, length >> 1);
  }

  reset(): void {
    this.state.fill(0);
    this.state[QueueWord.SIZE] = this.maxSize;
    this.state[QueueWord.VECTOR] = NO_VECTOR;
  }

  get enabled(): boolean {
    return this.state[QueueWord.ENABLED] !== 0;
  }

  /** Checks what the driver has set up, once for all that follows. */
  enable(): void {
    const size = this.state[QueueWord.SIZE];
    const possible =
      size >= 1 &&
      size <= this.maxSize &&
      (size & (size - 1)) === 0 &&
      this.#fits(QueueWord.DESCRIPTORS, 16, DESCRIPTOR_SIZE * size) &&
      this.#fits(QueueWord.DRIVER, 2, RING + 2 * size) &&
      this.#fits(QueueWord.DEVICE, 4, RING + USED_ELEMENT * size);
    if (!possible) throw new VirtioFault(DeviceFault.QUEUE_SETUP);
    this.state[QueueWord.ENABLED] = 1;
  }

  /** Whether the driver wants to be told of what it gets back. */
  get wantsInterrupt(): boolean {
    return (this.#view.getUint16(this.#address(QueueWord.DRIVER), true) & NO_INTERRUPT) === 0;
  }

  /** The head of the next chain, whose segments then stand in `addresses` and `lengths`; -1: there is none. */
  take(): number {
    const { state } = this;
    const size = state[QueueWord.SIZE];
    const driver = this.#address(QueueWord.DRIVER);
    const taken = state[QueueWord.TAKEN];
    // Whoever sees the index sees the entries before it.
    const waiting = (Atomics.load(this.#halves, (driver + INDEX) >> 1) - taken) & (INDEX_RANGE - 1);
    if (waiting === 0) return -1;
    if (waiting > size) throw new VirtioFault(DeviceFault.AVAILABLE_INDEX);
    const head = this.#view.getUint16(driver + RING + 2 * (taken % size), true);
    this.#walk(head, size);
    state[QueueWord.TAKEN] = (taken + 1) % INDEX_RANGE;
    return head;
  }

  /** Gives a chain back, into whose writable part so many bytes were written. */
  give(head: number, written: number): void {
    const { state } = this;
    const device = this.#address(QueueWord.DEVICE);
    const given = state[QueueWord.GIVEN];
    const element = device + RING + USED_ELEMENT * (given % state[QueueWord.SIZE]);
    this.#view.setUint32(element, head, true);
    this.#view.setUint32(element + 4, written, true);
    this.#ram.written(element, USED_ELEMENT);
    state[QueueWord.GIVEN] = (given + 1) % INDEX_RANGE;
    Atomics.store(this.#halves, (device + INDEX) >> 1, state[QueueWord.GIVEN]);
    this.#ram.written(device + INDEX, 2);
  }

  /** Bytes that the chain has for the device to read, and to write. */
  get readableBytes(): number {
    return this.#total(0, this.readable);
  }

  get writableBytes(): number {
    return this.#total(this.readable, this.segments);
  }

  /** Copies from the readable part, from this byte of it on. */
  read(from: number, into: Uint8Array): void {
    this.#each(0, this.readable, from, into.length, (address, length, done) => {
      into.set(this.#ram.bytes.subarray(address, address + length), done);
    });
  }

  /** Copies to the writable part, from this byte of it on. */
  write(from: number, bytes: Uint8Array): void {
    this.#each(this.readable, this.segments, from, bytes.length, (address, length, done) => {
      this.#ram.bytes.set(bytes.subarray(done, done + length), address);
      this.#ram.written(address, length);
    });
  }

  #total(first: number, end: number): number {
    let total = 0;
    for (let i = first; i < end; i++) total += this.lengths[i];
    return total;
  }

  /** The pieces of guest RAM that make up these bytes of segments; a chain that is too short is the driver's fault. */
  #each(
    first: number,
    end: number,
    from: number,
    length: number,
    piece: (address: number, length: number, done: number) => void,
  ): void {
    let skip = from;
    let done = 0;
    for (let i = first; i < end && done < length; i++) {
      const size = Math.min(this.lengths[i] - skip, length - done);
      if (size > 0) {
        piece(this.addresses[i] + skip, size, done);
        done += size;
        skip = 0;
      } else skip -= this.lengths[i];
    }
    if (done < length) throw new VirtioFault(DeviceFault.REQUEST);
  }

  #walk(head: number, size: number): void {
    const table = this.#address(QueueWord.DESCRIPTORS);
    this.readable = 0;
    this.segments = 0;
    for (let index = head; ;) {
      if (index >= size) throw new VirtioFault(DeviceFault.DESCRIPTOR_INDEX);
      if (this.segments === size) throw new VirtioFault(DeviceFault.DESCRIPTOR_LOOP);
      const at = table + DESCRIPTOR_SIZE * index;
      const length = this.#view.getUint32(at + 8, true);
      const flags = this.#view.getUint16(at + 12, true);
      const next = this.#view.getUint16(at + 14, true);
      const address = this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
      if (address + length > this.#ram.bytes.length) throw new VirtioFault(DeviceFault.ADDRESS);
      const isWritable = (flags & WRITE) !== 0;
      if ((flags & ~(NEXT | WRITE)) !== 0 || (!isWritable && this.readable < this.segments)) {
        throw new VirtioFault(DeviceFault.DESCRIPTOR_FLAGS);
      }
      this.addresses[this.segments] = address;
      this.lengths[this.segments] = length;
      this.segments++;
      if (!isWritable) this.readable++;
      if ((flags & NEXT) === 0) return;
      index = next;
    }
  }

  #address(word: number): number {
    return this.state[word] >>> 0;
  }

  #fits(word: number, alignment: number, size: number): boolean {
    const low = this.#address(word);
    return this.state[word + 1] === 0 && low % alignment === 0 && low + size <= this.#ram.bytes.length;
  }
}

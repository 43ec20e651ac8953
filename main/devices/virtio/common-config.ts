/** The common configuration structure (VIRTIO 1.2, section 4.1.4.3), and the driver's initialization that it goes through (3.1). */
import { NO_VECTOR } from '../pci/msix';
import { QueueWord, VirtioFault, type Virtqueue } from './virtqueue';

/** 2.1 Device Status Field. */
export const Status = { FEATURES_OK: 8, DRIVER_OK: 4, NEEDS_RESET: 64 } as const;
/** 6 Reserved Feature Bits, of the second word: VIRTIO_F_VERSION_1, which the driver must accept. */
const VERSION_1 = 1 << 0;

const DEVICE_FEATURE_SELECT = 0x00;
const DEVICE_FEATURE = 0x04;
const DRIVER_FEATURE_SELECT = 0x08;
const DRIVER_FEATURE = 0x0c;
const CONFIG_VECTOR = 0x10;
const NUM_QUEUES = 0x12;
const DEVICE_STATUS = 0x14;
const CONFIG_GENERATION = 0x15;
const QUEUE_SELECT = 0x16;
const QUEUE_SIZE = 0x18;
const QUEUE_VECTOR = 0x1a;
const QUEUE_ENABLE = 0x1c;
const QUEUE_NOTIFY_OFFSET = 0x1e;
/** Three addresses of 64 bits. */
const QUEUE_ADDRESSES = 0x20;
const END = 0x38;

/** Words of the state. */
const STATUS = 0;
const OFFERED_SELECT = 1;
const ACCEPTED_SELECT = 2;
const ACCEPTED = 3;
const VECTOR = 5;
const SELECTED = 6;
export const commonConfigWords = 8;

export interface CommonConfigOptions {
  state: Int32Array;
  /** Bits 0 to 31. */
  features: number;
  queues: readonly Virtqueue[];
  /** Of MSI-X. */
  vectors: number;
  reset: () => void;
  fault: (fault: VirtioFault) => void;
}

export class CommonConfig {
  readonly #state: Int32Array;
  readonly #features: number;
  readonly #queues: readonly Virtqueue[];
  readonly #vectors: number;
  readonly #reset: () => void;
  readonly #fault: (fault: VirtioFault) => void;

  constructor({ state, features, queues, vectors, reset, fault }: CommonConfigOptions) {
    this.#state = state;
    this.#features = features;
    this.#queues = queues;
    this.#vectors = vectors;
    this.#reset = reset;
    this.#fault = fault;
  }

  powerOn(): void {
    this.#state.fill(0);
    this.#state[VECTOR] = NO_VECTOR;
  }

  get status(): number {
    return this.#state[STATUS];
  }

  /** Whether the device may go about its queues. */
  get ready(): boolean {
    return (this.status & (Status.DRIVER_OK | Status.NEEDS_RESET)) === Status.DRIVER_OK;
  }

  get configVector(): number {
    return this.#state[VECTOR];
  }

  needsReset(): void {
    this.#state[STATUS] |= Status.NEEDS_RESET;
  }

  /** A register of 32 bits may be reached in parts; a narrower one by its own size. */
  read(offset: number, size: number): number {
    if (offset + size > END) return 0;
    const start = offset < CONFIG_VECTOR || offset >= QUEUE_ADDRESSES ? offset & ~3 : offset;
    const value = this.#register(start) >>> (8 * (offset - start));
    return size === 4 ? value : value & ((1 << (8 * size)) - 1);
  }

  #register(offset: number): number {
    const state = this.#state;
    const queue = this.#queues[state[SELECTED]] as Virtqueue | undefined;
    switch (offset) {
      case DEVICE_FEATURE_SELECT:
        return state[OFFERED_SELECT] >>> 0;
      case DEVICE_FEATURE:
        return this.#offered(state[OFFERED_SELECT]) >>> 0;
      case DRIVER_FEATURE_SELECT:
        return state[ACCEPTED_SELECT] >>> 0;
      case DRIVER_FEATURE:
        return state[ACCEPTED_SELECT] >>> 0 < 2 ? state[ACCEPTED + state[ACCEPTED_SELECT]] >>> 0 : 0;
      case CONFIG_VECTOR:
        return state[VECTOR];
      case NUM_QUEUES:
        return this.#queues.length;
      case DEVICE_STATUS:
        return state[STATUS];
      case CONFIG_GENERATION:
        return 0; // the configuration never changes
      case QUEUE_SELECT:
        return state[SELECTED];
      case QUEUE_SIZE:
        return queue?.state[QueueWord.SIZE] ?? 0;
      case QUEUE_VECTOR:
        return queue?.state[QueueWord.VECTOR] ?? NO_VECTOR;
      case QUEUE_ENABLE:
        return queue?.enabled === true ? 1 : 0;
      case QUEUE_NOTIFY_OFFSET:
        return state[SELECTED];
      default:
        return offset < QUEUE_ADDRESSES ? 0 : (queue?.state[addressWord(offset)] ?? 0) >>> 0;
    }
  }

  write(offset: number, size: number, value: number): void {
    const state = this.#state;
    if (offset >= QUEUE_ADDRESSES) return this.#writeAddress(offset, size, value);
    switch (offset) {
      case DEVICE_FEATURE_SELECT:
        state[OFFERED_SELECT] = value;
        break;
      case DRIVER_FEATURE_SELECT:
        state[ACCEPTED_SELECT] = value;
        break;
      case DRIVER_FEATURE:
        if (state[ACCEPTED_SELECT] >>> 0 < 2) state[ACCEPTED + state[ACCEPTED_SELECT]] = value;
        break;
      case CONFIG_VECTOR:
        state[VECTOR] = this.#vector(value);
        break;
      case DEVICE_STATUS:
        this.#writeStatus(value & 0xff);
        break;
      case QUEUE_SELECT:
        state[SELECTED] = value & 0xffff;
        break;
      default:
        this.#writeQueue(offset, value & 0xffff);
    }
  }

  #offered(word: number): number {
    if (word === 0) return this.#features;
    return word === 1 ? VERSION_1 : 0;
  }

  /** A vector that is not there reads back as none. */
  #vector(value: number): number {
    return (value & 0xffff) < this.#vectors ? value & 0xffff : NO_VECTOR;
  }

  /** A write of 0 resets. FEATURES_OK stays off where the driver has accepted what was not offered, or not VERSION_1. */
  #writeStatus(value: number): void {
    const state = this.#state;
    if (value === 0) {
      this.powerOn();
      this.#reset();
      return;
    }
    const accepted = (state[ACCEPTED] & ~this.#features) === 0 && state[ACCEPTED + 1] === VERSION_1;
    const possible = accepted ? value : value & ~Status.FEATURES_OK;
    state[STATUS] = (possible & ~Status.NEEDS_RESET) | (state[STATUS] & Status.NEEDS_RESET);
  }

  /** Only while the queue is not enabled, which only a reset undoes. */
  #writeQueue(offset: number, value: number): void {
    const queue = this.#queues[this.#state[SELECTED]] as Virtqueue | undefined;
    if (queue === undefined) return;
    if (offset === QUEUE_VECTOR) queue.state[QueueWord.VECTOR] = this.#vector(value);
    else if (queue.enabled) return;
    else if (offset === QUEUE_SIZE) queue.state[QueueWord.SIZE] = value;
    else if (offset === QUEUE_ENABLE && value === 1) this.#enable(queue);
  }

  #enable(queue: Virtqueue): void {
    try {
      queue.enable();
    } catch (error) {
      if (!(error instanceof VirtioFault)) throw error;
      this.#fault(error);
    }
  }

  #writeAddress(offset: number, size: number, value: number): void {
    const queue = this.#queues[this.#state[SELECTED]] as Virtqueue | undefined;
    if (queue === undefined || queue.enabled || size !== 4 || offset >= END || (offset & 3) !== 0) return;
    queue.state[addressWord(offset)] = value;
  }
}

function addressWord(offset: number): number {
  return QueueWord.DESCRIPTORS + ((offset - QUEUE_ADDRESSES) >> 2);
}

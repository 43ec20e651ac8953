/** The network device (VIRTIO 1.2, section 5.1): a pair of queues, no offloads, so that a frame is a frame. */
import { DeviceFault } from '../../../preload/contract/events';
import type { VirtioDevice } from './virtio-device';
import { VirtioFault, type Virtqueue } from './virtqueue';

const QUEUE_SIZE = 256;
/** 5.1.2 Virtqueues. */
export const RECEIVE = 0;
/** 5.1.3 Feature bits. */
const MAC = 1 << 5;
const STATUS = 1 << 16;
/** 5.1.4 Device configuration layout: the MAC address, then the status. */
const CONFIG_STATUS = 6;
const LINK_UP = 1;
const CONFIG_SIZE = 8;
/** 5.1.6 Device Operation: struct virtio_net_hdr, whose last field says how many buffers a frame takes. */
const HEADER = 12;
const NUM_BUFFERS = 10;
/** Without checksum and segmentation offload: Ethernet's header, a VLAN tag, and 1500 bytes. */
export const MAX_FRAME = 1518;

/** Locally administered, as QEMU's first is. */
const ADDRESS = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/** What the device is connected to. */
export interface FrameLink {
  /** A frame from the guest; one that finds no room is dropped. */
  send(frame: Uint8Array): void;
  /** One from the guest is too long, and so dropped. */
  refuse(): void;
  /** Whether a frame waits for the guest. */
  readonly waiting: boolean;
  /** Takes it; gives its length. */
  take(into: Uint8Array): number;
  /** The guest had no room for one that was taken. */
  dropped(): void;
}

export class VirtioNet implements VirtioDevice {
  readonly type = 1;
  readonly classCode = 0x020000;
  readonly features = MAC | STATUS;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(CONFIG_SIZE);
  readonly #link: FrameLink;
  readonly #frame = new Uint8Array(HEADER + MAX_FRAME);

  constructor(link: FrameLink) {
    this.#link = link;
    this.config.set(ADDRESS);
    this.config[CONFIG_STATUS] = LINK_UP;
  }

  /** A buffer for a frame stays with the device until there is one. */
  wants(index: number): boolean {
    return index !== RECEIVE || this.#link.waiting;
  }

  serve(index: number, queue: Virtqueue): number {
    return index === RECEIVE ? this.#receive(queue) : this.#send(queue);
  }

  #send(queue: Virtqueue): number {
    const length = queue.readableBytes - HEADER;
    if (length < 0) throw new VirtioFault(DeviceFault.REQUEST);
    if (length > MAX_FRAME) {
      this.#link.refuse();
      return 0;
    }
    const frame = this.#frame.subarray(0, length);
    queue.read(HEADER, frame);
    this.#link.send(frame);
    return 0;
  }

  #receive(queue: Virtqueue): number {
    const frame = this.#frame;
    frame.fill(0, 0, HEADER);
    frame[NUM_BUFFERS] = 1;
    const length = HEADER + this.#link.take(frame.subarray(HEADER));
    if (queue.writableBytes < length) {
      this.#link.dropped();
      return 0;
    }
    queue.write(0, frame.subarray(0, length));
    return length;
  }
}

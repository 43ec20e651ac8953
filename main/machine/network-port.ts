/** Between a network device and the thread that carries its frames (host/network): a ring each way, and a bell for that thread. */
import { type FrameLink, MAX_FRAME } from '../devices/virtio/net';
import type { NetworkCounts } from '../../preload/contract/machine';
import { FRAME_RING_WORDS, FrameRing } from './frame-ring';

export { MAX_FRAME };

/** 1 while the thread sleeps, or is about to. */
const ASLEEP = 0;
const HEAD_WORDS = 4;
export const NETWORK_WORDS = HEAD_WORDS + 2 * FRAME_RING_WORDS;

export class NetworkPort implements FrameLink {
  /** From the guest, and to it. */
  readonly sent: FrameRing;
  readonly received: FrameRing;
  readonly #words: Int32Array;
  readonly #ring: () => void;

  /** `ring`: wakes the thread out of its sleep. */
  constructor(words: Int32Array, ring: () => void) {
    this.#words = words;
    this.#ring = ring;
    this.sent = new FrameRing(words.subarray(HEAD_WORDS, HEAD_WORDS + FRAME_RING_WORDS));
    this.received = new FrameRing(words.subarray(HEAD_WORDS + FRAME_RING_WORDS, NETWORK_WORDS));
  }

  send(frame: Uint8Array): void {
    this.sent.put(frame);
    if (Atomics.exchange(this.#words, ASLEEP, 0) === 1) this.#ring();
  }

  /** A frame from the guest that is none. */
  refuse(): void {
    this.sent.refuse();
  }

  get counts(): NetworkCounts {
    return { sent: this.sent.counts, received: this.received.counts };
  }

  get waiting(): boolean {
    return this.received.waiting;
  }

  take(into: Uint8Array): number {
    return this.received.take(into);
  }

  dropped(): void {
    this.received.drop();
  }

  /** Whether the carrying thread may sleep: from now on a frame rings, and none came before. */
  maySleep(): boolean {
    Atomics.store(this.#words, ASLEEP, 1);
    return !this.sent.waiting;
  }

  awake(): void {
    Atomics.store(this.#words, ASLEEP, 0);
  }
}

/**
 * Network frames on their way from one thread to another: one writes, one takes. A frame that finds no room is dropped and counted,
 * as on a wire: nobody waits.
 */
import type { FrameCounts } from '../../preload/contract/machine';

const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;
/** Those that were to be put, dropped ones included. */
const FRAMES = 3;
const WORDS = 4;
const RING_BYTES = 131072;
const MASK = RING_BYTES - 1;
const LENGTH = 4;
export const FRAME_RING_WORDS = WORDS + RING_BYTES / 4;

export class FrameRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(state: Int32Array) {
    this.#words = state;
    this.#bytes = new Uint8Array(state.buffer, state.byteOffset + 4 * WORDS, RING_BYTES);
  }

  get counts(): FrameCounts {
    return { frames: Atomics.load(this.#words, FRAMES) >>> 0, dropped: Atomics.load(this.#words, DROPPED) >>> 0 };
  }

  /** One that was taken is lost. */
  drop(): void {
    Atomics.add(this.#words, DROPPED, 1);
  }

  get waiting(): boolean {
    return Atomics.load(this.#words, HEAD) !== Atomics.load(this.#words, TAIL);
  }

  /** A frame came that nobody can take. */
  refuse(): void {
    Atomics.add(this.#words, FRAMES, 1);
    this.drop();
  }

  put(frame: Uint8Array): void {
    const head = this.#words[HEAD];
    const used = (head - Atomics.load(this.#words, TAIL)) | 0;
    const size = LENGTH + ((frame.length + 3) & ~3);
    if (size > RING_BYTES - used) return this.refuse();
    Atomics.add(this.#words, FRAMES, 1);
    this.#words[WORDS + ((head & MASK) >> 2)] = frame.length;
    const from = (head + LENGTH) & MASK;
    const toEnd = Math.min(frame.length, RING_BYTES - from);
    this.#bytes.set(frame.subarray(0, toEnd), from);
    this.#bytes.set(frame.subarray(toEnd), 0);
    Atomics.store(this.#words, HEAD, (head + size) | 0);
  }

  /** Takes a frame that waits; gives its length. What does not fit into `into` is cut off. */
  take(into: Uint8Array): number {
    const tail = this.#words[TAIL];
    const frame = this.#words[WORDS + ((tail & MASK) >> 2)];
    const length = Math.min(frame, into.length);
    const from = (tail + LENGTH) & MASK;
    const toEnd = Math.min(length, RING_BYTES - from);
    into.set(this.#bytes.subarray(from, from + toEnd), 0);
    into.set(this.#bytes.subarray(0, length - toEnd), toEnd);
    Atomics.store(this.#words, TAIL, (tail + LENGTH + ((frame + 3) & ~3)) | 0);
    return length;
  }
}

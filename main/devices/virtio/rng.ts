/** The entropy device (VIRTIO 1.2, section 5.4): fills what its driver gives it. */
import type { VirtioDevice } from './virtio-device';
import type { Virtqueue } from './virtqueue';

const QUEUE_SIZE = 64;
/** Bytes given for one request at most. */
const MOST = 4096;

/** Fills bytes with random ones. */
export type EntropySource = (bytes: Uint8Array) => void;

export class VirtioRng implements VirtioDevice {
  readonly type = 4;
  readonly classCode = 0x00ff00;
  readonly features = 0;
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = new Uint8Array();
  readonly #source: EntropySource;
  readonly #bytes = new Uint8Array(MOST);

  constructor(source: EntropySource) {
    this.#source = source;
  }

  serve(_index: number, queue: Virtqueue): number {
    const bytes = this.#bytes.subarray(0, Math.min(queue.writableBytes, MOST));
    this.#source(bytes);
    queue.write(0, bytes);
    return bytes.length;
  }
}

/**
 * Random bytes that a seed decides (xorshift32 after Marsaglia), so that a run can be repeated: nothing to keep secrets by. A word of
 * state, which is 0 at first.
 */
export function seededEntropy(state: Int32Array, seed: number): EntropySource {
  return (bytes) => {
    // xorshift has no way out of 0.
    let x = state[0] === 0 ? (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1 : state[0];
    for (let i = 0; i < bytes.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      bytes[i] = x >>> 24;
    }
    state[0] = x;
  };
}

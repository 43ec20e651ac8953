/** The console device (VIRTIO 1.2, section 5.3) with its one port: without the features MULTIPORT and SIZE it needs no configuration. */
import type { SerialSink } from '../uart16550';
import type { VirtioDevice } from './virtio-device';
import type { Virtqueue } from './virtqueue';

const QUEUE_SIZE = 64;
/** 5.3.2 Virtqueues. */
export const RECEIVE = 0;
const TRANSMIT = 1;
/** Output goes over in pieces of this size at most. */
const PIECE = 4096;

/** Words of a console's state: bytes put and taken (free-running counts), then the bytes that wait for the guest. */
const PUT = 0;
const TAKEN = 1;
const INPUT = 2;
const INPUT_BYTES = 4096;
export const CONSOLE_WORDS = INPUT + INPUT_BYTES / 4;

export type ConsoleSink = Omit<SerialSink, 'transmit'>;

export class VirtioConsole implements VirtioDevice {
  readonly type = 3;
  readonly classCode = 0x078000;
  readonly features = 0;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array();
  readonly #state: Int32Array;
  readonly #input: Uint8Array;
  readonly #sink: ConsoleSink;
  readonly #piece = new Uint8Array(PIECE);

  constructor(state: Int32Array, sink: ConsoleSink) {
    this.#state = state;
    this.#input = new Uint8Array(state.buffer, state.byteOffset + 4 * INPUT, INPUT_BYTES);
    this.#sink = sink;
  }

  powerOn(): void {
    this.#state.fill(0);
  }

  /** Keeps bytes for the guest; says how many there was room for. */
  receive(bytes: Uint8Array): number {
    const state = this.#state;
    const count = Math.min(bytes.length, INPUT_BYTES - this.#waiting);
    for (let i = 0; i < count; i++) this.#input[(state[PUT] + i) & (INPUT_BYTES - 1)] = bytes[i];
    state[PUT] += count;
    return count;
  }

  /** A buffer for input stays with the device until there is some. */
  wants(index: number): boolean {
    return index === TRANSMIT || this.#waiting > 0;
  }

  serve(index: number, queue: Virtqueue): number {
    if (index === RECEIVE) return this.#fill(queue);
    const length = queue.readableBytes;
    for (let done = 0; done < length; done += PIECE) {
      const piece = this.#piece.subarray(0, Math.min(PIECE, length - done));
      queue.read(done, piece);
      this.#sink.transmitRun(piece, 0, piece.length);
    }
    return 0;
  }

  get #waiting(): number {
    return (this.#state[PUT] - this.#state[TAKEN]) | 0;
  }

  #fill(queue: Virtqueue): number {
    const state = this.#state;
    const from = state[TAKEN] & (INPUT_BYTES - 1);
    const count = Math.min(queue.writableBytes, this.#waiting);
    const toEnd = Math.min(count, INPUT_BYTES - from);
    queue.write(0, this.#input.subarray(from, from + toEnd));
    queue.write(toEnd, this.#input.subarray(0, count - toEnd));
    state[TAKEN] += count;
    if (this.#waiting === 0) this.#sink.drained();
    return count;
  }
}

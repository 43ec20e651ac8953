/** What a run has said so far, as far back as fits, addressed by position from the run's beginning. */
import { EVENT_BYTES } from '../../preload/contract/events';

/** Appended chunks of a stream; the oldest go when there are more bytes than `limit`. */
class ChunkList {
  readonly #chunks: { offset: number; bytes: Uint8Array }[] = [];
  readonly #limit: number;
  #first = 0;
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Position behind the last byte. */
  get total(): number {
    return this.#total;
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push({ offset: this.#total, bytes });
    this.#total += bytes.length;
    let dropped = 0;
    while (this.#total - (this.#chunks[dropped + 1]?.offset ?? this.#total) >= this.#limit) dropped++;
    if (dropped > 0) this.#chunks.splice(0, dropped);
    this.#first = this.#chunks[0].offset;
  }

  /** A copy of at most `most` bytes from `from` on, or from the oldest kept. */
  read(from: number, most: number): { offset: number; bytes: Uint8Array } {
    const offset = Math.min(Math.max(from, this.#first), this.#total);
    const bytes = new Uint8Array(Math.min(most, this.#total - offset));
    let done = 0;
    for (let i = this.#indexOf(offset); done < bytes.length; i++) {
      const chunk = this.#chunks[i];
      const part = chunk.bytes.subarray(offset + done - chunk.offset).subarray(0, bytes.length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return { offset, bytes };
  }

  /** The chunk that holds a position. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#chunks[middle].offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Most records that are kept: 128 MiB. */
export const MOST_RECORDS = 4 * 2 ** 20;
/** Records in one answer: 4 MiB. A browser takes one message in one task, some 6 ms for each MiB. */
const ANSWER_RECORDS = 2 ** 17;

/** Event records (preload/contract/events.ts). */
export class EventHistory {
  readonly #chunks = new ChunkList(MOST_RECORDS * EVENT_BYTES);

  /** Records that the run has written, older ones that are gone included. */
  get total(): number {
    return this.#chunks.total / EVENT_BYTES;
  }

  append(batch: Uint8Array): void {
    this.#chunks.append(batch);
  }

  read(from: number, most = ANSWER_RECORDS): { first: number; total: number; bytes: Uint8Array } {
    const { offset, bytes } = this.#chunks.read(from * EVENT_BYTES, most * EVENT_BYTES);
    return { first: offset / EVENT_BYTES, total: this.total, bytes };
  }
}

/** Scrollback that is kept of each port. */
const MOST_SERIAL_BYTES = 2 * 2 ** 20;

/** What a serial port has said. */
export class SerialHistory {
  readonly #chunks = new ChunkList(MOST_SERIAL_BYTES);

  append(bytes: Uint8Array): void {
    this.#chunks.append(bytes);
  }

  read(from: number): { offset: number; total: number; bytes: Uint8Array } {
    return { ...this.#chunks.read(from, MOST_SERIAL_BYTES), total: this.#chunks.total };
  }
}

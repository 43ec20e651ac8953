/**
 * The event records of one machine as columns (preload/contract/events.ts has their layout). They are numbered from the
 * machine's start. The log grows by chunks, so that nothing is ever copied to make room, and forgets the oldest chunk
 * when it is full: `first` says where it begins now.
 */
import { EVENT_BYTES, EVENT_WORDS, EventKind } from '../../preload/contract/events';
import { PolicyRecords } from './policy-records';

const CHUNK_SHIFT = 16;
const CHUNK = 1 << CHUNK_SHIFT;
const CHUNK_MASK = CHUNK - 1;
const PAYLOAD_WORDS = 5;

/** 128 MiB. */
const MAX_RECORDS = 4 * 2 ** 20;

interface Chunk {
  times: Float64Array;
  /** kind | cpu << 16 */
  heads: Uint32Array;
  payloads: Uint32Array;
}

export class EventLog {
  readonly cpus: number;
  readonly policies = new PolicyRecords();
  readonly #limit: number;
  #chunks: Chunk[] = [];
  #first = 0;
  #length = 0;
  #endTime = 0;

  /** `limit`: how many records are kept at least; more than that go by whole chunks. */
  constructor(cpus: number, limit = MAX_RECORDS) {
    this.cpus = cpus;
    this.#limit = limit;
  }

  /** Number of the oldest record that is still here; so many have been forgotten. */
  get first(): number {
    return this.#first;
  }

  /** Number of the record that comes next. */
  get length(): number {
    return this.#length;
  }

  /** The latest time of any record, in ns; records of different CPUs may be a little out of order. */
  get endTime(): number {
    return this.#endTime;
  }

  /**
   * Takes whole records, the first of which has number `first`. One that is later than the log's end says that what lies between
   * is gone: the log begins anew there.
   */
  append(batch: ArrayBuffer, first: number): void {
    if (first < this.#length) {
      throw new RangeError(`an event batch begins at record ${first}, but the log has all before ${this.#length}`);
    }
    if (first > this.#length) {
      this.#chunks = [];
      this.#first = first;
      this.#length = first;
    }
    if (batch.byteLength % EVENT_BYTES !== 0) {
      throw new RangeError(`an event batch of ${batch.byteLength} bytes is not whole ${EVENT_BYTES}-byte records`);
    }
    const words = new Uint32Array(batch);
    for (let from = 0; from < words.length;) from = this.#fill(words, from);
    while (this.#length - this.#first - CHUNK >= this.#limit) {
      this.#chunks.shift();
      this.#first += CHUNK;
    }
  }

  time(record: number): number {
    const at = record - this.#first;
    return this.#chunks[at >>> CHUNK_SHIFT].times[at & CHUNK_MASK];
  }

  kind(record: number): number {
    return this.#head(record) & 0xffff;
  }

  /** NO_CPU: none. */
  cpu(record: number): number {
    return this.#head(record) >>> 16;
  }

  /** A word of the payload, 0 to 4, unsigned. */
  payload(record: number, word: number): number {
    const at = record - this.#first;
    return this.#chunks[at >>> CHUNK_SHIFT].payloads[(at & CHUNK_MASK) * PAYLOAD_WORDS + word];
  }

  #head(record: number): number {
    const at = record - this.#first;
    return this.#chunks[at >>> CHUNK_SHIFT].heads[at & CHUNK_MASK];
  }

  /** Copies what the last chunk has room for; returns the word to go on from. */
  #fill(words: Uint32Array, from: number): number {
    const start = (this.#length - this.#first) & CHUNK_MASK;
    if (start === 0) this.#chunks.push(emptyChunk());
    const { times, heads, payloads } = this.#chunks[this.#chunks.length - 1];
    const count = Math.min(CHUNK - start, (words.length - from) / EVENT_WORDS);
    let end = this.#endTime;
    for (let n = 0, word = from, at = start; n < count; n++, word += EVENT_WORDS, at++) {
      const time = words[word] + words[word + 1] * 2 ** 32;
      if (time > end) end = time;
      times[at] = time;
      heads[at] = words[word + 2];
      const payload = at * PAYLOAD_WORDS;
      payloads[payload] = words[word + 3];
      payloads[payload + 1] = words[word + 4];
      payloads[payload + 2] = words[word + 5];
      payloads[payload + 3] = words[word + 6];
      payloads[payload + 4] = words[word + 7];
      const kind = words[word + 2] & 0xffff;
      if (kind === EventKind.TEXT || kind === EventKind.POLICY) {
        const [a, b, c, d, e] = words.subarray(word + 3, word + 8);
        this.policies.take(kind, [a, b, c, d, e]);
      }
    }
    this.#endTime = end;
    this.#length += count;
    return from + count * EVENT_WORDS;
  }
}

function emptyChunk(): Chunk {
  return {
    times: new Float64Array(CHUNK),
    heads: new Uint32Array(CHUNK),
    payloads: new Uint32Array(CHUNK * PAYLOAD_WORDS),
  };
}

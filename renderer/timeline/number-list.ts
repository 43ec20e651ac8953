/**
 * Lists of numbers that grow at their end and are forgotten from their beginning, in typed arrays of a bounded size: no
 * push copies what is there already, which of a long list would take longer than a frame. Entries keep their numbers.
 */
type Values = Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

const CHUNK_SHIFT = 13;
const CHUNK = 1 << CHUNK_SHIFT;
const CHUNK_MASK = CHUNK - 1;
/** Most lists stay short: the first chunk begins with so many, and doubles. */
const INITIAL = 16;

export class NumberList<T extends Values> {
  readonly #make: (length: number) => T;
  #chunks: T[];
  /** Number of the first chunk's first entry. */
  #first = 0;
  #length = 0;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#chunks = [make(INITIAL)];
  }

  /** Number of the entry that comes next. */
  get length(): number {
    return this.#length;
  }

  at(index: number): number {
    const at = index - this.#first;
    return this.#chunks[at >>> CHUNK_SHIFT][at & CHUNK_MASK];
  }

  push(value: number): void {
    const at = this.#length - this.#first;
    const chunk = at >>> CHUNK_SHIFT;
    if (chunk === this.#chunks.length) this.#chunks.push(this.#make(CHUNK));
    else if ((at & CHUNK_MASK) === this.#chunks[chunk].length) this.#chunks[chunk] = this.#doubled(this.#chunks[chunk]);
    this.#chunks[chunk][at & CHUNK_MASK] = value;
    this.#length++;
  }

  /** Adds bits to an entry. */
  or(index: number, bits: number): void {
    const at = index - this.#first;
    this.#chunks[at >>> CHUNK_SHIFT][at & CHUNK_MASK] |= bits;
  }

  /** The first entry from `from` on that is not below `value`; entries ascend. It looks near `from` first. */
  lowerBound(value: number, from: number): number {
    const length = this.#length;
    if (from >= length || this.at(from) >= value) return from;
    let low = from;
    let step = 1;
    while (low + step < length && this.at(low + step) < value) {
      low += step;
      step *= 2;
    }
    let high = Math.min(low + step, length);
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.at(middle) < value) low = middle;
      else high = middle;
    }
    return high;
  }

  /** Nobody asks for entries before this one any more. */
  dropBefore(index: number): void {
    const chunks = Math.min(Math.floor((index - this.#first) / CHUNK), this.#chunks.length - 1);
    if (chunks <= 0) return;
    this.#chunks.splice(0, chunks);
    this.#first += chunks * CHUNK;
  }

  #doubled(chunk: T): T {
    const larger = this.#make(chunk.length * 2);
    larger.set(chunk);
    return larger;
  }
}

export const float64List = (): NumberList<Float64Array<ArrayBuffer>> => new NumberList((n) => new Float64Array(n));
export const uint32List = (): NumberList<Uint32Array<ArrayBuffer>> => new NumberList((n) => new Uint32Array(n));
export const uint16List = (): NumberList<Uint16Array<ArrayBuffer>> => new NumberList((n) => new Uint16Array(n));

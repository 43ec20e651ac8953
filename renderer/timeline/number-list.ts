/** Lists of numbers in typed arrays that double when they are full. */
type Values = Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

const INITIAL = 16;

export class NumberList<T extends Values> {
  #values: T;
  #length = 0;
  readonly #make: (length: number) => T;

  constructor(make: (length: number) => T) {
    this.#make = make;
    this.#values = make(INITIAL);
  }

  get length(): number {
    return this.#length;
  }

  /** The array behind it, until the next push; what is at and after `length` means nothing. */
  get values(): T {
    return this.#values;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = this.#make(this.#length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  /** Forgets the oldest, and gives room back where there is much too much of it. */
  dropFirst(count: number): void {
    const rest = this.#values.subarray(count, this.#length);
    const kept = this.#make(Math.max(INITIAL, rest.length * 2));
    kept.set(rest);
    this.#values = kept;
    this.#length = rest.length;
  }
}

export const float64List = (): NumberList<Float64Array<ArrayBuffer>> => new NumberList((n) => new Float64Array(n));
export const uint32List = (): NumberList<Uint32Array<ArrayBuffer>> => new NumberList((n) => new Uint32Array(n));
export const uint16List = (): NumberList<Uint16Array<ArrayBuffer>> => new NumberList((n) => new Uint16Array(n));

/** The first index from `from` on whose value is not below `value`; the values ascend. It looks near `from` first. */
export function lowerBound(values: Float64Array, length: number, value: number, from = 0): number {
  if (from >= length || values[from] >= value) return from;
  let low = from;
  let step = 1;
  while (low + step < length && values[low + step] < value) {
    low += step;
    step *= 2;
  }
  let high = Math.min(low + step, length);
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (values[middle] < value) low = middle;
    else high = middle;
  }
  return high;
}

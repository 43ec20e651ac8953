/** Names of addresses, in typed arrays: a kernel has a quarter of a million of them. */

/** A symbol names what follows it, but hardly so much: beyond that an address is none of its. */
const FARTHEST = 1n << 20n;
/** Of those at one address, so many are looked at for the first. */
const MOST_ALIASES = 64;
const LONGEST_NAME = 255;

/** Collects symbols in whatever order they come. */
export class SymbolCollector {
  /** The bytes that names are parts of. */
  readonly #text: Uint8Array;
  #words: Uint32Array;
  #starts: Uint32Array;
  #lengths: Uint8Array;
  #count = 0;
  #sorted = true;

  constructor(text: Uint8Array, expected: number) {
    this.#text = text;
    this.#words = new Uint32Array(expected * 2);
    this.#starts = new Uint32Array(expected);
    this.#lengths = new Uint8Array(expected);
  }

  /** An address in two halves, and where its name is in the text. */
  add(low: number, high: number, start: number, length: number): void {
    if (this.#count === this.#starts.length) this.#grow();
    const at = this.#count++;
    const words = this.#words;
    words[2 * at] = low;
    words[2 * at + 1] = high;
    this.#starts[at] = start;
    this.#lengths[at] = Math.min(length, LONGEST_NAME);
    if (at === 0) return;
    const before = words[2 * at - 1];
    if (before > words[2 * at + 1] || (before === words[2 * at + 1] && words[2 * at - 2] > words[2 * at])) {
      this.#sorted = false;
    }
  }

  finish(): SymbolTable {
    const addresses = new BigUint64Array(this.#words.buffer, 0, this.#count);
    const starts = this.#starts.subarray(0, this.#count);
    const lengths = this.#lengths.subarray(0, this.#count);
    if (this.#sorted) return new SymbolTable(this.#text, addresses, starts, lengths);
    const order = Uint32Array.from(addresses, (_, at) => at).sort(
      (a, b) => Number(addresses[a] > addresses[b]) - Number(addresses[a] < addresses[b]) || a - b,
    );
    return new SymbolTable(
      this.#text,
      BigUint64Array.from(order, (at) => addresses[at]),
      Uint32Array.from(order, (at) => starts[at]),
      Uint8Array.from(order, (at) => lengths[at]),
    );
  }

  #grow(): void {
    const size = Math.max(1024, this.#count * 2);
    const words = new Uint32Array(size * 2);
    words.set(this.#words);
    const starts = new Uint32Array(size);
    starts.set(this.#starts);
    const lengths = new Uint8Array(size);
    lengths.set(this.#lengths);
    [this.#words, this.#starts, this.#lengths] = [words, starts, lengths];
  }
}

export class SymbolTable {
  readonly #text: Uint8Array;
  /** Ascending. */
  readonly #addresses: BigUint64Array;
  readonly #starts: Uint32Array;
  readonly #lengths: Uint8Array;

  constructor(text: Uint8Array, addresses: BigUint64Array, starts: Uint32Array, lengths: Uint8Array) {
    this.#text = text;
    this.#addresses = addresses;
    this.#starts = starts;
    this.#lengths = lengths;
  }

  get size(): number {
    return this.#addresses.length;
  }

  /** `start_secondary+0x12`; null: no symbol is near before it. */
  name(address: bigint): string | null {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle] <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const start = this.#addresses[low - 1];
    const offset = address - start;
    if (offset >= FARTHEST) return null;
    let at = low - 1;
    while (at > 0 && low - at < MOST_ALIASES && this.#addresses[at - 1] === start) at--;
    return offset === 0n ? this.nameAt(at) : `${this.nameAt(at)}+0x${offset.toString(16)}`;
  }

  /** The first symbol of this name; null: there is none. All are looked at. */
  addressOf(name: string): bigint | null {
    for (let at = 0; at < this.size; at++) {
      if (this.#lengths[at] === name.length && this.nameAt(at) === name) return this.#addresses[at];
    }
    return null;
  }

  *[Symbol.iterator](): Generator<{ address: bigint; name: string }> {
    for (let at = 0; at < this.size; at++) yield { address: this.#addresses[at], name: this.nameAt(at) };
  }

  /** What is not printable in a name is a question mark: files are not trusted to name anything well. */
  nameAt(at: number): string {
    const start = this.#starts[at];
    const name = String.fromCharCode(...this.#text.subarray(start, start + this.#lengths[at]));
    return name.replaceAll(/[^\x21-\x7e]/g, '?');
  }
}

/** A small fast generator (sfc32), and values with a bias to where carries, signs and sizes change. */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;
  /** Halves of what `value` has made. */
  low = 0;
  high = 0;

  seed(seed: number, index: number): void {
    this.#a = seed | 0;
    this.#b = index | 0;
    this.#c = 0x9e3779b9;
    this.#counter = 1;
    for (let n = 0; n < 12; n++) this.next();
  }

  /** 32 bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  chance(oneIn: number): boolean {
    return this.next() % oneIn === 0;
  }

  /** An edge value of an operand of so many bits. */
  edge(bits: number): bigint {
    return EDGES[this.below(EDGES.length)](bits) & ((1n << BigInt(bits)) - 1n);
  }

  /** 64 bits in `low` and `high`. */
  value(): void {
    const kind = this.below(8);
    this.low = this.next();
    this.high = this.next();
    if (kind < 2) return;
    const bits = [8, 16, 32, 64][this.below(4)];
    let edge: bigint;
    if (kind < 4) edge = this.edge(bits);
    else if (kind < 6) edge = (1n << BigInt(this.below(64))) + BigInt(this.below(3) - 1);
    else edge = BigInt(this.below(256) - 128);
    // Half of them fill the upper bits, the rest leaves those random.
    const mask = kind % 2 === 0 ? ALL : (1n << BigInt(bits)) - 1n;
    const random = (BigInt(this.high) << 32n) | BigInt(this.low);
    const value = (edge & mask) | (random & (ALL ^ mask));
    this.low = Number(value & 0xffffffffn);
    this.high = Number(value >> 32n);
  }
}

const ALL = (1n << 64n) - 1n;

const EDGES: readonly ((bits: number) => bigint)[] = [
  () => 0n,
  () => 1n,
  (bits) => (1n << BigInt(bits)) - 2n,
  (bits) => (1n << BigInt(bits - 1)) - 1n,
  (bits) => 1n << BigInt(bits - 1),
  (bits) => (1n << BigInt(bits - 1)) + 1n,
  (bits) => (1n << BigInt(bits)) - 1n,
  () => 0x5555_5555_5555_5555n,
  () => 0xaaaa_aaaa_aaaa_aaaan,
  () => 0x0f0f_0f0f_0f0f_0f0fn,
];

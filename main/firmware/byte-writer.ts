/** Builds a little-endian binary structure field by field, in the order in which its specification lists them. */
export class ByteWriter {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  u8(...values: number[]): this {
    for (const value of values) this.#bytes.push(value & 0xff);
    return this;
  }

  u16(...values: number[]): this {
    for (const value of values) this.u8(value, value >>> 8);
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) this.u16(value, value >>> 16);
    return this;
  }

  /** Values up to 2^53. */
  u64(...values: number[]): this {
    for (const value of values) this.u32(value >>> 0, Math.floor(value / 2 ** 32));
    return this;
  }

  /** ASCII, padded with spaces to `size`. */
  ascii(text: string, size = text.length): this {
    for (let i = 0; i < size; i++) this.u8(i < text.length ? text.charCodeAt(i) : 0x20);
    return this;
  }

  bytes(values: Iterable<number>): this {
    return this.u8(...values);
  }

  zeros(count: number): this {
    for (let i = 0; i < count; i++) this.u8(0);
    return this;
  }

  align(alignment: number): this {
    return this.zeros(-this.length & (alignment - 1));
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** What makes the bytes of `table` sum to zero when its checksum field is zero. */
export function checksum(table: Uint8Array): number {
  return -table.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

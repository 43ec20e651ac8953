/**
 * Framing of GDB's Remote Serial Protocol (GDB manual, appendix E "GDB Remote Serial Protocol", "Overview"): `$data#checksum`,
 * `+` and `-` in answer, and a lone 0x03 that wants the target stopped. What comes is anybody's bytes.
 */

/** Bytes of a packet's data, as it lies on the wire; larger ones are dropped whole. */
export const PACKET_BYTES = 0x4000;

export type Incoming =
  /** Text, a character for each byte. */
  | { kind: 'packet'; data: string }
  /** A packet whose checksum is wrong, or that is too long. */
  | { kind: 'damaged' }
  | { kind: 'ack' }
  | { kind: 'nak' }
  | { kind: 'interrupt' };

const DOLLAR = 0x24;
const HASH = 0x23;
const STAR = 0x2a;
const ESCAPE = 0x7d;
const ESCAPED_BY = 0x20;
const INTERRUPT = 0x03;
const SINGLE: Record<number, Incoming['kind'] & ('ack' | 'nak' | 'interrupt')> = {
  0x2b: 'ack',
  0x2d: 'nak',
  [INTERRUPT]: 'interrupt',
};

/** Takes packets out of a stream of bytes, however that is cut. */
export class PacketReader {
  #data: number[] | null = null;
  #tooLong = false;
  #sum = 0;
  #escaped = false;
  /** Digits of the checksum that have come; null: the packet is not at its end. */
  #checksum: string | null = null;

  push(bytes: Uint8Array): Incoming[] {
    const found: Incoming[] = [];
    for (const byte of bytes) {
      const one = this.#take(byte);
      if (one !== null) found.push(one);
    }
    return found;
  }

  #take(byte: number): Incoming | null {
    if (this.#data === null) {
      if (byte === DOLLAR) this.#begin();
      const kind = SINGLE[byte];
      return kind === undefined ? null : { kind };
    }
    if (this.#checksum !== null) {
      this.#checksum += String.fromCharCode(byte);
      return this.#checksum.length < 2 ? null : this.#end(this.#checksum);
    }
    if (byte === HASH) this.#checksum = '';
    // It never stands within a packet: the rest of the one before was lost.
    else if (byte === DOLLAR) this.#begin();
    else this.#add(this.#data, byte);
    return null;
  }

  #begin(): void {
    this.#data = [];
    this.#tooLong = false;
    this.#sum = 0;
    this.#escaped = false;
    this.#checksum = null;
  }

  #add(data: number[], byte: number): void {
    this.#sum = (this.#sum + byte) & 0xff;
    if (data.length >= PACKET_BYTES) this.#tooLong = true;
    else if (this.#escaped) {
      data.push(byte ^ ESCAPED_BY);
      this.#escaped = false;
    } else if (byte === ESCAPE) this.#escaped = true;
    else data.push(byte);
  }

  #end(checksum: string): Incoming {
    const data = this.#data as number[];
    const isWhole = !this.#tooLong && !this.#escaped && /^[0-9a-f]{2}$/i.test(checksum);
    this.#data = null;
    this.#checksum = null;
    if (!isWhole || parseInt(checksum, 16) !== this.#sum) return { kind: 'damaged' };
    return { kind: 'packet', data: Buffer.from(data).toString('latin1') };
  }
}

/** A packet with these characters, each a byte. */
export function encodePacket(data: string): Buffer {
  const bytes: number[] = [];
  for (const byte of Buffer.from(data, 'latin1')) {
    if (byte === HASH || byte === DOLLAR || byte === ESCAPE || byte === STAR) bytes.push(ESCAPE, byte ^ ESCAPED_BY);
    else bytes.push(byte);
  }
  const sum = bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
  return Buffer.from([DOLLAR, ...bytes, HASH, ...Buffer.from(sum.toString(16).padStart(2, '0'))]);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Null where it is not pairs of hexadecimal digits. */
export function fromHex(text: string): Uint8Array | null {
  return /^([0-9a-f]{2})*$/i.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : null;
}

/** The last of what a serial port has said, by position: the text of a line that an event names. */
const KEPT = 256 * 1024;

export class SerialText {
  readonly #ring = new Uint8Array(KEPT);
  readonly #decoder = new TextDecoder();
  #first = 0;
  #end = 0;

  append(offset: number, bytes: Uint8Array): void {
    // What is here already came again, from the history.
    const fresh = bytes.subarray(Math.max(0, this.#end - offset));
    if (fresh.length === 0) return;
    const from = offset + bytes.length - fresh.length;
    if (from !== this.#end) this.#first = from;
    const last = fresh.subarray(-KEPT);
    this.#end = from + fresh.length;
    const at = (this.#end - last.length) % KEPT;
    const toEnd = Math.min(last.length, KEPT - at);
    this.#ring.set(last.subarray(0, toEnd), at);
    this.#ring.set(last.subarray(toEnd), 0);
    this.#first = Math.max(this.#first, this.#end - KEPT);
  }

  /** The line that ends before position `end`, without its line break; null: it is not here (any more). */
  lineBefore(end: number): string | null {
    if (end > this.#end || end <= this.#first) return null;
    let from = end - 1;
    while (from > this.#first && this.#ring[(from - 1) % KEPT] !== 0x0a) from--;
    const line = Uint8Array.from({ length: end - from }, (_, i) => this.#ring[(from + i) % KEPT]);
    return this.#decoder.decode(line).replace(/[\r\n]+$/, '');
  }
}

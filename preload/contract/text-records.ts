/** Texts in the event stream: records of kind TEXT (events.ts), and what they were made from. */
import { type EventRecord, MAX_TEXT, TEXT_PIECE } from './events';

const LAST = 1 << 31;

/** The payloads of a text's records: whole characters, MAX_TEXT bytes at most. `id` is from 1 to 2^24 - 1. */
export function textPayloads(id: number, text: string): [number, number, number, number, number][] {
  const buffer = new Uint8Array(MAX_TEXT);
  const bytes = buffer.subarray(0, new TextEncoder().encodeInto(text, buffer).written);
  const words = new Uint32Array(TEXT_PIECE / 4);
  const piece = new Uint8Array(words.buffer);
  const payloads: [number, number, number, number, number][] = [];
  for (let offset = 0; offset < bytes.length; offset += TEXT_PIECE) {
    const length = Math.min(TEXT_PIECE, bytes.length - offset);
    piece.fill(0);
    piece.set(bytes.subarray(offset, offset + length));
    const last = offset + length === bytes.length ? LAST : 0;
    payloads.push([id | (length << 24), offset | last, words[0], words[1], words[2]]);
  }
  return payloads;
}

/** Texts of a stream by their ids. One whose beginning was lost, or is not in what is read, shows its id instead. */
export class TextTable {
  readonly #texts = new Map<number, string>();
  readonly #pieces = new Map<number, Uint8Array>();

  /** The payload of a TEXT record. */
  add(p: EventRecord['payload']): void {
    const id = p[0] & 0xffffff;
    const length = Math.min(p[0] >>> 24, TEXT_PIECE);
    const offset = p[1] & ~LAST;
    const before = offset === 0 ? new Uint8Array() : this.#pieces.get(id);
    if (before?.length !== offset || offset + length > MAX_TEXT) return;
    const whole = new Uint8Array(offset + length);
    whole.set(before);
    whole.set(new Uint8Array(Uint32Array.of(p[2], p[3], p[4]).buffer, 0, length), offset);
    this.#pieces.set(id, whole);
    if ((p[1] & LAST) === 0) return;
    this.#pieces.delete(id);
    this.#texts.set(id, new TextDecoder().decode(whole));
  }

  get(id: number): string {
    return id === 0 ? '' : (this.#texts.get(id) ?? `(text ${id})`);
  }
}

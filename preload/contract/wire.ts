/**
 * Messages over a WebSocket, both ways: a u32 (little-endian) length, that much JSON, then the bytes of all Uint8Arrays
 * in it, for each of which the JSON has `{"$bytes":[offset, length]}`.
 */
import type { Notice, StreamAcknowledgement, StreamFrame } from './channels';

export type ToApp = { call: string; id: number; argument: unknown } | { acknowledge: StreamAcknowledgement };
export type ToWindow =
  | { id: number; result: unknown }
  | { id: number; error: string }
  | { notice: Notice }
  | { frame: StreamFrame };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const HEAD = 4;

export function encodeMessage(message: ToApp | ToWindow): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const text = JSON.stringify(message, function (this: Record<string, unknown>, key, value: unknown) {
    // A Buffer has a toJSON of its own, which has been called by now: `value` is what that made.
    const given = this[key];
    if (!(given instanceof Uint8Array)) return value;
    parts.push(given);
    size += given.length;
    return { $bytes: [size - given.length, given.length] };
  });
  const json = encoder.encode(text);
  const bytes = new Uint8Array(HEAD + json.length + size);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, HEAD);
  let at = HEAD + json.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Throws an Error where these bytes are no message; what the message says is for the receiver to check. */
export function decodeMessage(bytes: Uint8Array): unknown {
  if (bytes.length < HEAD) throw new RangeError(`a message of ${bytes.length} bytes has no length`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (length > bytes.length - HEAD) {
    throw new RangeError(`a message of ${bytes.length} bytes cannot hold ${length} bytes of JSON`);
  }
  const content = bytes.subarray(HEAD + length);
  let taken = 0;
  return JSON.parse(decoder.decode(bytes.subarray(HEAD, HEAD + length)), (_key, value: unknown) => {
    const place = placeOf(value);
    if (place === null) return value;
    const [at, size] = place;
    taken += size;
    // Together they are the content, so that a small message cannot ask for many copies of it.
    if (at < 0 || size < 0 || at + size > content.length || taken > content.length) {
      throw new RangeError(`${content.length} bytes do not hold ${size} bytes at ${at} beside the others`);
    }
    // A copy: the message is one buffer, which a view would keep.
    return content.slice(at, at + size);
  });
}

function placeOf(value: unknown): [number, number] | null {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '$bytes')) return null;
  const place = (value as { $bytes: unknown }).$bytes;
  if (!Array.isArray(place) || place.length !== 2) return null;
  const [offset, length] = place as unknown[];
  return Number.isSafeInteger(offset) && Number.isSafeInteger(length) ? (place as [number, number]) : null;
}

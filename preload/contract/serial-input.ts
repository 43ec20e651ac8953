/** Serial input in the event stream: records of kind SERIAL_INPUT (events.ts), and the bytes that they were made from. */
import { type EventRecord, INPUT_PIECE } from './events';

type Payload = [number, number, number, number, number];

/** The payloads of the records of one input, in their order. */
export function inputPayloads(port: number, position: number, bytes: Uint8Array): Payload[] {
  const words = new Uint32Array(INPUT_PIECE / 4);
  const piece = new Uint8Array(words.buffer);
  const payloads: Payload[] = [];
  for (let offset = 0; offset < bytes.length; offset += INPUT_PIECE) {
    const part = bytes.subarray(offset, offset + INPUT_PIECE);
    piece.fill(0);
    piece.set(part);
    payloads.push([port | (part.length << 8), position, words[0], words[1], words[2]]);
  }
  return payloads;
}

/** The bytes of one record. */
export function inputBytes(p: EventRecord['payload']): Uint8Array {
  const length = Math.min(p[0] >>> 8, INPUT_PIECE);
  return new Uint8Array(Uint32Array.of(p[2], p[3], p[4]).buffer, 0, length);
}

export function bytesToHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `hex`: two digits a byte. */
export function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, n) => Number.parseInt(hex.slice(n * 2, n * 2 + 2), 16));
}

/** As a person reads them: `"park 1\r"`. */
export function quotedInput(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) =>
    byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)).slice(1, -1) : `\\x${byte.toString(16)}`,
  );
  return `"${text.join('')}"`;
}

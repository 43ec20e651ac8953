import { expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from './wire';

/** As Node's Buffer does. */
class OwnJson extends Uint8Array {
  toJSON(): unknown {
    return { type: 'Buffer', data: [...this] };
  }
}

test('bytes come back as they were, whatever kind of Uint8Array they are', () => {
  const result = { bytes: Uint8Array.of(1, 2, 3), more: [{ bytes: OwnJson.of(4, 5) }, new Uint8Array()], name: 'x' };
  expect(decodeMessage(encodeMessage({ id: 1, result }))).toEqual({
    id: 1,
    result: { bytes: Uint8Array.of(1, 2, 3), more: [{ bytes: Uint8Array.of(4, 5) }, new Uint8Array()], name: 'x' },
  });
});

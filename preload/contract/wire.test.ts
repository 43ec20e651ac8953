import { expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from './wire';

test('bytes come back as they were, whatever kind of Uint8Array they are', () => {
  const result = { bytes: Uint8Array.of(1, 2, 3), more: [{ bytes: Buffer.from('log') }, new Uint8Array()], name: 'x' };
  expect(decodeMessage(encodeMessage({ id: 1, result }))).toEqual({
    id: 1,
    result: {
      bytes: Uint8Array.of(1, 2, 3),
      more: [{ bytes: new TextEncoder().encode('log') }, new Uint8Array()],
      name: 'x',
    },
  });
});

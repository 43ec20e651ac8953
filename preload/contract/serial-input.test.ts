import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes, inputBytes, inputPayloads, quotedInput } from './serial-input';

test('an input goes into records of twelve bytes, and comes out of them as it was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(6), fc.nat(2 ** 32 - 1), (bytes, port, position) => {
      const payloads = inputPayloads(port, position, bytes);
      expect(payloads).toHaveLength(Math.ceil(bytes.length / 12));
      for (const [what, at] of payloads) expect([what & 0xff, at]).toEqual([port, position]);
      expect(payloads.flatMap((payload) => [...inputBytes(payload)])).toEqual([...bytes]);
      expect([...hexToBytes(bytesToHex(bytes))]).toEqual([...bytes]);
    }),
  );
});

test('a count that no record can have shows no more than there is', () => {
  expect(inputBytes([0xff << 8, 0, 1, 2, 3])).toHaveLength(12);
});

test('for a person what cannot be printed is escaped', () => {
  expect(quotedInput(Uint8Array.of(0x61, 0x22, 0x0d, 0x1b, 0xff))).toBe('"a\\"\\r\\u001b\\xff"');
});

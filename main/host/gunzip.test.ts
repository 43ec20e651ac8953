import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unpackImage } from './gunzip';

const MOST = 1 << 20;
const unpack = (bytes: Uint8Array) => unpackImage('xen.gz', bytes, MOST);

test('what is packed is unpacked, and all else is left as it is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
      expect([...unpack(gzipSync(bytes))]).toEqual([...bytes]);
      if (bytes[0] !== 0x1f) expect(unpack(bytes)).toBe(bytes);
    }),
  );
});

test('what is damaged or too large is refused by name', () => {
  const packed = gzipSync(Buffer.alloc(5000, 'reveille'));
  expect(() => unpack(packed.subarray(0, -10))).toThrow(
    /^xen\.gz is packed by gzip, but cannot be unpacked: unexpected end of file$/,
  );
  const damaged = Buffer.from(packed);
  damaged[packed.length - 5] ^= 1;
  expect(() => unpack(damaged)).toThrow('xen.gz is packed by gzip, but cannot be unpacked: incorrect data check');
  expect(() => unpack(gzipSync(Buffer.alloc(MOST + 1)))).toThrow(
    'xen.gz is packed by gzip, but cannot be unpacked: it unpacks to more than 1048576 bytes, for which there is no room',
  );
});

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReveilleError } from '../base/errors';
import { inspectImage } from '../loader/inspect';
import { LoaderError } from '../loader/loader-error';
import { sampleLinux } from '../loader/sample-images';
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

test('whatever is changed in a packed kernel, it is unpacked and looked at, or refused by name', () => {
  const packed = gzipSync(sampleLinux());
  const change = fc.record({ at: fc.nat(packed.length - 1), value: fc.nat(0xff) });
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), fc.nat(20), (changes, cut) => {
      const image = new Uint8Array(packed.subarray(0, packed.length - cut));
      for (const { at, value } of changes) if (at < image.length) image[at] = value;
      try {
        outcomes.add(inspectImage(unpack(image), 'xen.gz').kind);
      } catch (error) {
        if (!(error instanceof ReveilleError)) throw error;
        expect(error.message).toMatch(/^xen\.gz /);
        outcomes.add(error instanceof LoaderError ? 'not loaded' : 'not unpacked');
      }
    }),
    { numRuns: 1000, seed: 1 },
  );
  expect([...outcomes]).toEqual(expect.arrayContaining(['linux', 'not unpacked']));
});

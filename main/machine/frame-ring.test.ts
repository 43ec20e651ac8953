import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FRAME_RING_WORDS, FrameRing } from './frame-ring';
import { NETWORK_WORDS, NetworkPort } from './network-port';

const MOST = 1518;

test('gives frames back in order, whole, and drops what finds no room', () => {
  const work = fc.oneof({ weight: 3, arbitrary: fc.nat(MOST) }, fc.constant('take' as const));
  fc.assert(
    fc.property(fc.array(work, { maxLength: 300 }), fc.boolean(), (steps, fills) => {
      const ring = new FrameRing(new Int32Array(new SharedArrayBuffer(4 * FRAME_RING_WORDS)));
      const model: Uint8Array[] = [];
      const into = new Uint8Array(MOST);
      const put = (length: number, n: number): void => {
        const frame = new Uint8Array(length).map((_, i) => (i * 31 + n) & 0xff);
        const { frames, dropped } = ring.counts;
        ring.put(frame);
        expect(ring.counts.frames).toBe(frames + 1);
        if (ring.counts.dropped === dropped) model.push(frame);
      };
      const taken = (): void => {
        const frame = model.shift() as Uint8Array;
        expect(Buffer.compare(into.subarray(0, ring.take(into)), frame)).toBe(0);
      };
      if (fills) for (let n = 0; n < 100; n++) put(MOST, n);
      steps.forEach((step, n) => {
        if (step !== 'take') return put(step, n);
        expect(ring.waiting).toBe(model.length > 0);
        if (ring.waiting) taken();
      });
      while (ring.waiting) taken();
      expect(model).toEqual([]);
    }),
    { numRuns: 50 },
  );
});

test('a frame rings once for a thread that sleeps, and a thread does not go to sleep over one', () => {
  let rings = 0;
  const words = new Int32Array(new SharedArrayBuffer(4 * NETWORK_WORDS));
  const device = new NetworkPort(words, () => rings++);
  const thread = new NetworkPort(words, () => {});
  device.send(Uint8Array.of(1));
  expect([rings, thread.maySleep()]).toEqual([0, false]);
  thread.sent.take(new Uint8Array(1));
  expect(thread.maySleep()).toBe(true);
  device.send(Uint8Array.of(2));
  device.send(Uint8Array.of(3));
  expect(rings).toBe(1);
});

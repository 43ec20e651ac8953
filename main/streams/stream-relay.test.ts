import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StreamRelay } from './stream-relay';

interface Frame {
  from: number;
  to: number;
}

function piece(from: number, to: number) {
  return { key: 'a', from, frame: { from, to }, mark: () => ({ from: to, to }) };
}

test('a reader that acknowledges gets everything', () => {
  const seen: Frame[] = [];
  const relay = new StreamRelay<Frame>((frame) => seen.push(frame), 10);
  for (let at = 0; at < 100; at += 5) {
    relay.offer(piece(at, at + 5));
    relay.acknowledge('a', at + 5);
  }
  expect(seen).toHaveLength(20);
});

test('a reader that fetches what it misses ends with the whole stream, and never has more than a window and a piece on its way', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.boolean()), { maxLength: 80 }), (steps) => {
      const queue: Frame[] = [];
      const relay = new StreamRelay<Frame>((frame) => queue.push(frame), 10);
      let total = 0;
      let position = 0;
      const read = (): void => {
        const frame = queue.shift();
        if (frame === undefined) return;
        // A gap is fetched up to where the frame is.
        position = Math.max(position, frame.to);
        relay.acknowledge('a', position);
      };
      for (const [length, reads] of steps) {
        relay.offer(piece(total, total + length));
        total += length;
        expect(queue.reduce((sum, { from, to }) => sum + to - from, 0)).toBeLessThanOrEqual(18);
        if (reads) read();
      }
      while (queue.length > 0) read();
      expect(position).toBe(total);
    }),
  );
});

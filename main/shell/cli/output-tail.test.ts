import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputTail } from './output-tail';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test.each([
  'ä',
  '€',
  '😀',
  '\x1b[38;5;12m',
  '\x1b(B',
  '\x1b]0;title\x07',
  '\x1b]0;title\x1b\\',
  '\x1b7',
  '\x1bP1$r\x1b\\',
])('inside %j it says so, after it no more', (sequence) => {
  const tail = new OutputTail();
  const all = bytes(sequence);
  all.forEach((byte, i) => {
    tail.push(Uint8Array.of(byte));
    expect(tail.insideSequence).toBe(i < all.length - 1);
  });
});

test('text between whole sequences is never inside one, however it is cut', () => {
  const piece = fc.constantFrom('text', 'ä', '😀', '\x1b[1;31m', '\x1b]2;x\x07', '\x1b8', '\n');
  fc.assert(
    fc.property(fc.array(piece), fc.nat(40), (pieces, cut) => {
      const tail = new OutputTail();
      const all = bytes(pieces.join(''));
      tail.push(all.subarray(0, cut));
      tail.push(all.subarray(cut));
      expect(tail.insideSequence).toBe(false);
      expect(tail.atLineStart).toBe(pieces.length === 0 || pieces.at(-1) === '\n');
    }),
  );
});

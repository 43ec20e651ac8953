import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SerialText } from './serial-text';

const encoder = new TextEncoder();

test('a line is found by where it ends, however it came', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[ -~]{0,20}$/), { minLength: 1 }),
      fc.integer({ min: 1, max: 9 }),
      (lines, size) => {
        const bytes = encoder.encode(lines.map((line) => `${line}\r\n`).join(''));
        const text = new SerialText();
        for (let at = 0; at < bytes.length; at += size) text.append(at, bytes.subarray(at, at + size));
        // The history tells it again.
        text.append(0, bytes);
        let end = 0;
        for (const line of lines) {
          end += line.length + 2;
          expect(text.lineBefore(end)).toBe(line);
        }
        expect(text.lineBefore(end + 1)).toBeNull();
      },
    ),
  );
});

test('what is too long ago, or was missed, is not there', () => {
  const text = new SerialText();
  text.append(0, encoder.encode('first\n'));
  text.append(1000, encoder.encode('later\n'));
  expect(text.lineBefore(6)).toBeNull();
  expect(text.lineBefore(1006)).toBe('later');
  const flood = new Uint8Array(300_000).fill(0x61);
  flood[flood.length - 1] = 0x0a;
  text.append(1006, flood);
  expect(text.lineBefore(1006)).toBeNull();
  expect(text.lineBefore(1006 + flood.length)?.startsWith('aaa')).toBe(true);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventHistory, SerialHistory } from './history';

const MIB = 2 ** 20;

test('what was appended in any pieces is read back from any position', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), fc.nat(2000), (pieces, from) => {
      const history = new SerialHistory();
      for (const piece of pieces) history.append(piece);
      const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
      const { offset, total, bytes } = history.read(from);
      expect(total).toBe(whole.length);
      expect(offset).toBe(Math.min(from, whole.length));
      expect([...bytes]).toEqual([...whole.subarray(offset)]);
    }),
  );
});

test('the oldest bytes go, the newest two MiB stay', () => {
  const history = new SerialHistory();
  for (let i = 0; i < 50; i++) history.append(new Uint8Array(MIB / 8).fill(i));
  const { offset, total, bytes } = history.read(0);
  expect(total).toBe((50 * MIB) / 8);
  expect(offset + bytes.length).toBe(total);
  expect(bytes.length).toBe(2 * MIB);
  expect(bytes[0]).toBe(offset / (MIB / 8));
});

test('records come in answers of bounded size', () => {
  const history = new EventHistory();
  for (let i = 0; i < 5; i++) history.append(new Uint8Array(32 * 100_000).fill(i));
  const { first, total, bytes } = history.read(150_000);
  expect([first, total, bytes.length / 32]).toEqual([150_000, 500_000, 2 ** 17]);
  expect(bytes[0]).toBe(1);
  const rest = history.read(400_000);
  expect(rest.first + rest.bytes.length / 32).toBe(500_000);
});

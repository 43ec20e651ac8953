import { expect, test } from 'vitest';
import { seededEntropy, VirtioRng } from './rng';
import { BUFFERS, Driver } from './testing/driver';

function take(seed: number, ...lengths: number[]): number[] {
  const driver = new Driver(new VirtioRng(seededEntropy(new Int32Array(1), seed)));
  driver.start();
  return lengths.flatMap((length) => {
    driver.offer(0, [{ address: BUFFERS, length, writable: true }]);
    return [...driver.ram.subarray(BUFFERS, BUFFERS + length)];
  });
}

test('the same seed gives the same bytes, another one others', () => {
  expect(take(1, 32)).toEqual(take(1, 16, 16));
  expect(take(1, 32)).not.toEqual(take(2, 32));
  expect(new Set(take(0, 256)).size).toBeGreaterThan(100);
});

test('fills 4 KiB of a request at most, over its segments', () => {
  const driver = new Driver(new VirtioRng((bytes) => void bytes.fill(9)));
  driver.start();
  driver.offer(0, [
    { address: BUFFERS, length: 4000, writable: true },
    { address: BUFFERS + 8192, length: 4000, writable: true },
  ]);
  expect(driver.used(0)).toEqual([[0, 4096]]);
  expect([driver.ram[BUFFERS + 3999], driver.ram[BUFFERS + 8192 + 95], driver.ram[BUFFERS + 8192 + 96]]).toEqual([
    9, 9, 0,
  ]);
});

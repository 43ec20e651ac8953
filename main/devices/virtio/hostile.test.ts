/** A guest that fills descriptor tables and rings with anything, of each device: nothing outside guest RAM is touched. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtioBlk } from './blk';
import { CONSOLE_WORDS, VirtioConsole } from './console';
import { VirtioNet } from './net';
import { VirtioRng } from './rng';
import { Driver, RAM } from './testing/driver';
import type { VirtioDevice } from './virtio-device';

const SECTORS = 64;

/** Each with input that waits for the guest. */
const DEVICES: Record<string, () => VirtioDevice> = {
  rng: () => new VirtioRng((bytes) => void bytes.fill(0xa5)),
  blk: () => {
    const bytes = new Uint8Array(512 * SECTORS);
    const within = (offset: number, length: number) => {
      expect(offset >= 0 && offset + length <= bytes.length).toBe(true);
      return bytes.subarray(offset, offset + length);
    };
    const disk = {
      sectors: SECTORS,
      readonly: false,
      read: (offset: number, into: Uint8Array) => into.set(within(offset, into.length)),
      write: (offset: number, from: Uint8Array) => within(offset, from.length).set(from),
      flush() {},
    };
    return new VirtioBlk(disk, 'disk', () => {});
  },
  console: () => {
    const device = new VirtioConsole(new Int32Array(CONSOLE_WORDS), { transmitRun() {}, drained() {} });
    device.receive(new Uint8Array(4096).fill(0x41));
    return device;
  },
  net: () =>
    new VirtioNet({ send() {}, refuse() {}, waiting: true, take: (into) => into.fill(0x42).length, dropped() {} }),
};

const address = fc.oneof(
  fc.nat(RAM),
  fc.integer({ min: RAM - 64, max: RAM + 64 }),
  fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53),
);
const length = fc.oneof(fc.nat(64), fc.nat(4096), fc.constantFrom(0, 11, 12, 13, 512, RAM, 2 ** 32 - 1));
const step = fc.record({
  queue: fc.nat(1),
  table: fc.array(
    fc.record({
      address,
      length,
      flags: fc.oneof({ weight: 8, arbitrary: fc.nat(3) }, fc.nat(0xffff)),
      next: fc.nat(8),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  head: fc.oneof({ weight: 8, arbitrary: fc.nat(7) }, fc.nat(0xffff)),
  count: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, fc.nat(0xffff)),
  resets: fc.boolean(),
});

test.each(Object.keys(DEVICES))('%s: whatever stands in its rings, it stays within guest RAM', (name) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const driver = new Driver(DEVICES[name]());
      const queues = driver.read(0x12, 2);
      driver.start();
      for (const { queue, table, head, count, resets } of steps) {
        if (resets) driver.start();
        const to = queue % queues;
        table.forEach(({ flags, next, ...segment }, n) => driver.setDescriptor(to, n, segment, flags, next));
        driver.makeAvailable(to, head, count);
        driver.notify(to);
        driver.pci.offer(to);
        driver.pci.timer.expire(driver.now);
      }
      for (const [at, size] of driver.written) expect(at >= 0 && at + size <= RAM).toBe(true);
    }),
    { numRuns: 300 },
  );
});

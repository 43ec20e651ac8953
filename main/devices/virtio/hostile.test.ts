/** A guest that fills descriptor tables and rings with anything, of each device: nothing outside guest RAM is touched. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtioBlk } from './blk';
import { CONSOLE_WORDS, VirtioConsole } from './console';
import { VirtioNet } from './net';
import { VirtioRng } from './rng';
import { Driver, Field, RAM } from './testing/driver';
import type { VirtioDevice } from './virtio-device';

const SECTORS = 64;
/** As many as any of them has. */
const MOST_QUEUES = 2;

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

/** Addresses of rings at edges, sizes that are none, features that were not offered, in any order and in any state. */
const register = fc.oneof(
  fc.constantFrom(...Object.values(Field), 0x00, 0x04, 0x08, 0x0c, 0x10, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34),
  fc.nat(0x38),
  fc.nat(0x4000),
);
const value = fc.oneof(
  fc.nat(16),
  fc.constantFrom(0, 1, 3, 4, 7, 8, 11, 15, 128, 0x8000, 0xffff, RAM - 1, RAM, 0xffff_fff0, 0xffff_ffff),
  fc.nat(0xffff_ffff),
);
const access = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ to: fc.constant('registers'), at: register, size: fc.constantFrom(1, 2, 4), value }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ to: fc.constant('MSI-X'), at: fc.nat(0x1000), size: fc.constantFrom(1, 2, 4), value }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ to: fc.constant('configuration'), at: fc.nat(255), size: fc.constantFrom(1, 2, 4), value }),
  },
);

test.each(Object.keys(DEVICES))('%s: whatever is written to its registers, it stays within guest RAM', (name) => {
  fc.assert(
    fc.property(fc.array(access, { minLength: 1, maxLength: 40 }), fc.boolean(), (accesses, starts) => {
      const driver = new Driver(DEVICES[name]());
      if (starts) driver.start();
      for (const { to, at, size, value: written } of accesses) {
        if (to === 'configuration') driver.pci.writeConfig(at, size, written);
        else driver.pci.writeBar(to === 'MSI-X' ? 1 : 0, at, size, written);
        const read = to === 'configuration' ? driver.pci.readConfig(at, size) : driver.read(at, size);
        expect(read >= 0 && read <= 0xffff_ffff).toBe(true);
        for (let queue = 0; queue < MOST_QUEUES; queue++) driver.notify(queue);
        driver.pci.timer.expire(driver.now);
      }
      for (const [from, bytes] of driver.written) expect(from >= 0 && from + bytes <= RAM).toBe(true);
    }),
    { numRuns: 300 },
  );
});

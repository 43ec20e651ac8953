import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeviceFault } from '../../../preload/contract/events';
import { BUFFERS, Driver, Field, NEXT, RAM, WRITE } from './testing/driver';
import { VirtioRng } from './rng';

const NEEDS_RESET = 64;
const rng = () => new VirtioRng((bytes) => void bytes.fill(0xa5));

function running(latency = 0): Driver {
  const driver = new Driver(rng(), latency);
  driver.start();
  return driver;
}

test('the function says what it is, and where its structures are', () => {
  const { pci, capability } = new Driver(rng());
  expect([pci.readConfig(0, 2), pci.readConfig(2, 2), pci.readConfig(8, 1)]).toEqual([0x1af4, 0x1044, 1]);
  const driver = new Driver(rng());
  const types = [0, 1, 2, 3].map((n) => driver.pci.readConfig(driver.capability(0x09, n) + 3, 1));
  expect(types).toEqual([1, 2, 3, 5]);
  expect(capability.call(driver, 0x11)).toBeGreaterThan(0x40);
});

test('a BAR tells its size, and is found where it is placed', () => {
  const { pci } = new Driver(rng());
  pci.writeConfig(0x10, 4, 0xffffffff);
  expect(pci.readConfig(0x10, 4)).toBe(0xffffc000);
  pci.writeConfig(0x10, 4, 0xe0040000);
  expect([pci.pci.barAt(0xe0040123), pci.pci.barAt(0xe003ffff), pci.pci.barAt(0xe0008000)]).toEqual([0, -1, 1]);
  pci.writeConfig(4, 2, 0);
  expect(pci.pci.barAt(0xe0040123)).toBe(-1);
});

test('features: VERSION_1 is offered, and must be accepted alone', () => {
  const driver = new Driver(rng());
  driver.write(0, 4, 1);
  expect(driver.read(4, 4)).toBe(1);
  driver.status = 3;
  driver.status = 11;
  expect(driver.status).toBe(3);
  driver.start(1 << 9);
  expect(driver.status & 8).toBe(0);
  driver.start();
  expect(driver.status).toBe(15);
});

test('a request is served and comes back, with an interrupt by the pin until the status is read', () => {
  const driver = running();
  driver.offer(0, [{ address: BUFFERS, length: 16, writable: true }]);
  expect(driver.used(0)).toEqual([[0, 16]]);
  expect([...driver.ram.subarray(BUFFERS, BUFFERS + 17)]).toEqual([...Array(16).fill(0xa5), 0]);
  expect(driver.pin).toBe(true);
  expect(driver.pci.readConfig(6, 2) & 8).toBe(8);
  expect([driver.read(0x1000, 1), driver.pin, driver.read(0x1000, 1)]).toEqual([1, false, 0]);
  // What a device writes, the emulator's decoder hears of.
  expect(driver.written).toContainEqual([BUFFERS, 16]);
});

test('by MSI-X: each queue has its message, masked ones wait', () => {
  const driver = running();
  driver.enableMsix(2, 0x40);
  driver.write(Field.QUEUE_SELECT, 2, 0);
  driver.write(Field.QUEUE_VECTOR, 2, 1);
  driver.offer(0, [{ address: BUFFERS, length: 4, writable: true }]);
  expect([driver.messages, driver.pin]).toEqual([[0x41], false]);
  driver.pci.writeBar(1, 16 + 12, 4, 1);
  driver.offer(0, [{ address: BUFFERS, length: 4, writable: true }]);
  expect([driver.messages, driver.pci.readBar(1, 0x800, 4)]).toEqual([[0x41], 2]);
  driver.pci.writeBar(1, 16 + 12, 4, 0);
  expect([driver.messages, driver.pci.readBar(1, 0x800, 4)]).toEqual([[0x41, 0x41], 0]);
  // A vector that is not there is refused.
  driver.write(Field.QUEUE_VECTOR, 2, 2);
  expect(driver.read(Field.QUEUE_VECTOR, 2)).toBe(0xffff);
});

test('no interrupt where the driver wants none', () => {
  const driver = running();
  driver.noInterrupts(0);
  driver.offer(0, [{ address: BUFFERS, length: 4, writable: true }]);
  expect([driver.used(0).length, driver.pin]).toEqual([1, false]);
});

test('with a latency it is served when that has passed, not before', () => {
  const driver = running(50_000);
  driver.now = 1000;
  driver.offer(0, [{ address: BUFFERS, length: 4, writable: true }]);
  expect([driver.used(0), driver.pci.timer.deadline()]).toEqual([[], 51_000]);
  driver.now = 51_000;
  driver.pci.timer.expire(driver.now);
  expect([driver.used(0), driver.pci.timer.deadline()]).toEqual([[[0, 4]], Infinity]);
});

test('a device that is no bus master, not started, or reset touches nothing', () => {
  const driver = running();
  driver.pci.writeConfig(4, 2, 2);
  driver.offer(0, [{ address: BUFFERS, length: 4, writable: true }]);
  driver.pci.writeConfig(4, 2, 6);
  driver.status = 0;
  driver.notify(0);
  expect([driver.written, driver.read(Field.QUEUE_ENABLE, 2)]).toEqual([[], 0]);
});

test('the window in configuration space leads to the same structures', () => {
  const driver = new Driver(rng());
  const at = driver.capability(0x09, 3);
  driver.pci.writeConfig(at + 8, 4, 0x12);
  driver.pci.writeConfig(at + 12, 4, 2);
  expect(driver.pci.readConfig(at + 16, 2)).toBe(1);
  driver.pci.writeConfig(at + 8, 4, Field.STATUS);
  driver.pci.writeConfig(at + 12, 4, 1);
  driver.pci.writeConfig(at + 16, 1, 3);
  expect(driver.status).toBe(3);
  driver.pci.writeConfig(at + 8, 4, 0x7fffffff);
  expect(driver.pci.readConfig(at + 16, 1)).toBe(3);
});

test.each<[string, DeviceFault, (driver: Driver) => void]>([
  [
    'memory past the end of RAM',
    DeviceFault.ADDRESS,
    (driver) => driver.setDescriptor(0, 0, { address: RAM - 2, length: 4 }, WRITE),
  ],
  [
    'memory above 4 GiB',
    DeviceFault.ADDRESS,
    (driver) => driver.setDescriptor(0, 0, { address: 2 ** 32, length: 4 }, WRITE),
  ],
  [
    'a loop',
    DeviceFault.DESCRIPTOR_LOOP,
    (driver) => driver.setDescriptor(0, 0, { address: 0, length: 1 }, WRITE | NEXT, 0),
  ],
  [
    'a descriptor that is not there',
    DeviceFault.DESCRIPTOR_INDEX,
    (driver) => driver.setDescriptor(0, 0, { address: 0, length: 1 }, WRITE | NEXT, 8),
  ],
  [
    'an indirect descriptor',
    DeviceFault.DESCRIPTOR_FLAGS,
    (driver) => driver.setDescriptor(0, 0, { address: 0, length: 16 }, 4),
  ],
  [
    'memory to read after memory to write',
    DeviceFault.DESCRIPTOR_FLAGS,
    (driver) => {
      driver.setDescriptor(0, 0, { address: 0, length: 1 }, WRITE | NEXT, 1);
      driver.setDescriptor(0, 1, { address: 0, length: 1 }, 0);
    },
  ],
  ['more heads than entries', DeviceFault.AVAILABLE_INDEX, (driver) => driver.makeAvailable(0, 0, 100)],
])('%s: the device needs a reset, says so, and works after it', (_what, fault, prepare) => {
  const driver = running();
  prepare(driver);
  driver.makeAvailable(0, 0);
  driver.notify(0);
  expect([driver.faults, driver.status & NEEDS_RESET, driver.read(0x1000, 1)]).toEqual([[fault], NEEDS_RESET, 2]);
  driver.written.length = 0;
  driver.notify(0);
  expect([driver.faults.length, driver.written]).toEqual([1, []]);
  driver.ram.fill(0);
  driver.start();
  driver.offer(0, [{ address: BUFFERS, length: 4, writable: true }]);
  expect(driver.used(0)).toEqual([[0, 4]]);
});

test.each([
  ['a size that is no power of two', 0x18, 2, 3],
  ['a size beyond the largest', 0x18, 2, 128],
  ['a table that is not aligned', 0x20, 4, 0x10008],
  ['a table past the end of RAM', 0x20, 4, RAM - 16],
  ['a ring above 4 GiB', 0x34, 4, 1],
])('%s cannot be enabled', (_what, field, size, value) => {
  const driver = new Driver(rng());
  driver.status = 3;
  driver.write(Field.QUEUE_SIZE, 2, 8);
  for (const at of [0x20, 0x28, 0x30]) driver.write(at, 4, 0x10000);
  driver.write(field, size, value);
  driver.write(Field.QUEUE_ENABLE, 2, 1);
  expect([driver.faults, driver.read(Field.QUEUE_ENABLE, 2)]).toEqual([[DeviceFault.QUEUE_SETUP], 0]);
});

/** A guest that writes anything anywhere: rings, descriptors, registers, configuration space. */
test('whatever a guest writes, the device stays within guest RAM and its state', () => {
  const access = fc.oneof(
    fc.record({
      to: fc.constant('bar'),
      bar: fc.nat(1),
      offset: fc.nat(0x4fff),
      size: fc.constantFrom(1, 2, 4),
      value: fc.nat(0xffffffff),
    }),
    fc.record({
      to: fc.constant('config'),
      bar: fc.constant(0),
      offset: fc.nat(252),
      size: fc.constantFrom(1, 2, 4),
      value: fc.nat(0xffffffff),
    }),
    fc.record({
      to: fc.constant('ring'),
      bar: fc.constant(0),
      offset: fc.nat(0x6100),
      size: fc.constant(4),
      value: fc.oneof(fc.nat(16), fc.nat(0xffffffff)),
    }),
    fc.record({
      to: fc.constant('notify'),
      bar: fc.constant(0),
      offset: fc.nat(3),
      size: fc.constant(2),
      value: fc.nat(3),
    }),
  );
  fc.assert(
    fc.property(fc.array(access, { maxLength: 60 }), fc.boolean(), (accesses, started) => {
      const driver = new Driver(rng());
      if (started) driver.start();
      for (const { to, bar, offset, size, value } of accesses) {
        const within = Math.min(offset, (bar === 1 ? 0x1000 : 0x4000) - size);
        if (to === 'bar') driver.pci.writeBar(bar, within, size, value);
        else if (to === 'config') driver.pci.writeConfig(offset, size, value);
        else if (to === 'ring') driver.view.setUint32(0x10000 + offset, value, true);
        else driver.notify(offset);
        driver.pci.readBar(bar, within, size);
        driver.pci.readConfig(Math.min(offset, 252), size);
      }
      for (const [address, size] of driver.written) expect(address + size).toBeLessThanOrEqual(RAM);
      driver.ram.fill(0);
      driver.start();
      driver.offer(0, [{ address: BUFFERS, length: 4, writable: true }]);
      expect(driver.used(0)).toEqual([[0, 4]]);
    }),
    { numRuns: 500 },
  );
});

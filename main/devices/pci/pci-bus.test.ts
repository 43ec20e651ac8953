import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { PCI_BUS_WORDS, PciBus } from './pci-bus';
import { Driver } from '../virtio/testing/driver';
import { VirtioRng } from '../virtio/rng';

const WINDOW = 0xe0000000;
const ENABLE = 0x80000000;

let bus: PciBus;
let resetControl: number;

beforeEach(() => {
  const { pci } = new Driver(new VirtioRng((bytes) => void bytes.fill(1)));
  resetControl = 0;
  const reset = {
    read: () => 0x5a,
    write: (_offset: number, _size: number, value: number) => void (resetControl = value),
  };
  bus = new PciBus(new Int32Array(new SharedArrayBuffer(4 * PCI_BUS_WORDS)), [pci], WINDOW, reset);
  bus.powerOn();
});

function select(device: number, register: number, otherwise = 0): void {
  bus.configAddress.write(0, 4, (ENABLE | (device << 11) | register | otherwise) >>> 0);
}

test('the bridge and its device are found, and nobody else', () => {
  const ids = [0, 1, 2, 31].map((device) => {
    select(device, 0);
    return bus.configData.read(0, 4);
  });
  expect(ids).toEqual([0x12378086, 0x10441af4, 0xffffffff, 0xffffffff]);
  select(0, 8);
  expect(bus.configData.read(3, 1)).toBe(0x06);
  // Another bus, another function, and no configuration cycle at all.
  for (const address of [1 << 16, 1 << 8]) {
    select(1, 0, address);
    expect(bus.configData.read(0, 4)).toBe(0xffffffff);
  }
  bus.configAddress.write(0, 4, 0x0800);
  expect(bus.configData.read(0, 2)).toBe(0xffff);
});

test('the address register is one of 32 bits; its second byte by itself is the reset control', () => {
  bus.configAddress.write(0, 4, 0xffffffff);
  expect(bus.configAddress.read(0, 4)).toBe(0x80fffffc);
  bus.configAddress.write(0, 2, 0x1234);
  bus.configAddress.write(1, 1, 6);
  expect([bus.configAddress.read(0, 4), resetControl, bus.configAddress.read(1, 1)]).toEqual([0x80fffffc, 6, 0x5a]);
});

test('the window leads to where a BAR was placed, and reads all ones elsewhere', () => {
  expect(bus.window.read(0x12, 2)).toBe(1);
  expect(bus.window.read(0x5000, 4)).toBe(0xffffffff);
  expect(bus.window.read(0x3fff, 2)).toBe(0xffff);
  select(1, 0x10);
  bus.configData.write(0, 4, WINDOW + 0x100000);
  expect([bus.window.read(0x100012, 2), bus.window.read(0x12, 2)]).toEqual([1, 0xffff]);
  select(1, 4);
  bus.configData.write(0, 2, 0);
  expect(bus.window.read(0x100012, 2)).toBe(0xffff);
});

test('identities cannot be written, whatever a guest writes', () => {
  const write = fc.record({ device: fc.nat(31), register: fc.nat(63), offset: fc.nat(3), value: fc.nat(0xffffffff) });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 100 }), (writes) => {
      for (const { device, register, offset, value } of writes) {
        select(device, register * 4);
        bus.configData.write(offset, offset === 0 ? 4 : 1, value);
        bus.window.write((value >>> 4) & 0xfffffc, 4, value);
      }
      select(0, 0);
      expect(bus.configData.read(0, 4)).toBe(0x12378086);
      select(1, 0);
      expect(bus.configData.read(0, 4)).toBe(0x10441af4);
    }),
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bus, ByteDevice, DeviceError } from './bus';
import type { AddressSpace } from './bus';
import type { Device } from './device';

type Access = [name: string, offset: number, size: number, value?: number];

/** A device that writes down what reaches it; a read gives its name's code in every byte. */
function recorder(name: string, log: Access[]): Device {
  return {
    read: (offset, size) => {
      log.push([name, offset, size]);
      return (name.charCodeAt(0) * 0x01010101) & (2 ** (8 * size) - 1);
    },
    write: (offset, size, value) => log.push([name, offset, size, value]),
  };
}

function makeBus(space: AddressSpace) {
  const log: Access[] = [];
  const bus = new Bus(space, (address, isWrite) => log.push(['none', address, Number(isWrite)]));
  return { bus, log };
}

describe('Bus', () => {
  it('gives a device offsets from its own start', () => {
    const { bus, log } = makeBus('port');
    bus.add(0x3f8, 8, recorder('u', log));
    expect(bus.read(0x3fd, 1)).toBe('u'.charCodeAt(0));
    bus.write(0x3f8, 2, 0xabcd);
    expect(log).toEqual([
      ['u', 5, 1],
      ['u', 0, 2, 0xabcd],
    ]);
  });

  it('reads all ones and reports where nobody answers', () => {
    const { bus, log } = makeBus('memory');
    expect([bus.read(0xfed00000, 1), bus.read(0xfed00000, 2), bus.read(0xfed00000, 4)]).toEqual([
      0xff, 0xffff, 0xffffffff,
    ]);
    bus.write(2 ** 52 - 1, 1, 0);
    expect(log.slice(2)).toEqual([
      ['none', 0xfed00000, 0],
      ['none', 2 ** 52 - 1, 1],
    ]);
  });

  it('keeps a 32-bit access to 0xCF8 away from a register at 0xCF9', () => {
    const { bus, log } = makeBus('port');
    bus.add(0xcf9, 1, recorder('r', log));
    bus.write(0xcf8, 4, 0x80002400);
    expect(log).toEqual([['none', 0xcf8, 1]]);
  });

  it('survives an access that runs past the last port', () => {
    const { bus, log } = makeBus('port');
    bus.add(0xffff, 1, recorder('z', log));
    expect(bus.read(0xffff, 4)).toBe(0xffffff7a);
  });

  it('decodes addresses beyond 4 GiB', () => {
    const { bus, log } = makeBus('memory');
    bus.add(2 ** 40, 0x1000, recorder('h', log));
    bus.add(2 ** 32, 0x1000, recorder('g', log));
    bus.read(2 ** 40 + 4, 4);
    bus.read(2 ** 32 + 8, 4);
    bus.read(2 ** 32 + 0x1000, 4);
    expect(log).toEqual([
      ['h', 4, 4],
      ['g', 8, 4],
      ['none', 2 ** 32 + 0x1000, 0],
    ]);
  });

  it('refuses ranges that overlap or leave the address space, with the addresses', () => {
    const { bus, log } = makeBus('port');
    bus.add(0x60, 1, recorder('k', log));
    expect(() => bus.add(0x5f, 2, recorder('x', log))).toThrow(/0x5f-0x60 overlaps 0x60-0x60/);
    expect(() => bus.add(0x60, 1, recorder('x', log))).toThrow(DeviceError);
    expect(() => bus.add(0xffff, 2, recorder('x', log))).toThrow(/ends at 0x10000/);
    expect(() => bus.add(0x70, 0, recorder('x', log))).toThrow(DeviceError);
    bus.add(0x61, 1, recorder('p', log));
    bus.read(0x60, 2);
    expect(log).toEqual([
      ['k', 0, 1],
      ['p', 0, 1],
    ]);
  });

  it.each(['port', 'memory'] as const)('does what a table of single %s addresses does', (space) => {
    const origin = space === 'port' ? 0 : 2 ** 36 - 20;
    const range = fc.record({ base: fc.nat(60), length: fc.integer({ min: 1, max: 9 }) });
    const access = fc.record({
      at: fc.nat(72),
      size: fc.constantFrom(1, 2, 4),
      write: fc.boolean(),
      value: fc.nat({ max: 0xffffffff }),
    });
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.array(access, { maxLength: 30 }), (ranges, accesses) => {
        const { bus, log } = makeBus(space);
        const owners = new Map<number, { name: string; base: number }>();
        for (const [i, { base, length }] of ranges.entries()) {
          const name = String.fromCharCode(97 + i);
          const addresses = Array.from({ length }, (_, n) => base + n);
          if (addresses.some((address) => owners.has(address))) {
            expect(() => bus.add(origin + base, length, recorder(name, log))).toThrow(DeviceError);
            continue;
          }
          bus.add(origin + base, length, recorder(name, log));
          for (const address of addresses) owners.set(address, { name, base });
        }
        const expected: Access[] = [];
        const model = (at: number, size: number, write: boolean, value: number): bigint => {
          const bytes = Array.from({ length: size }, (_, n) => owners.get(at + n));
          const owner = bytes[0];
          if (owner === undefined) {
            expected.push(['none', origin + at, Number(write)]);
            return 2n ** BigInt(8 * size) - 1n;
          }
          if (bytes.every((byte) => byte === owner || byte?.name === owner.name)) {
            expected.push(write ? [owner.name, at - owner.base, size, value] : [owner.name, at - owner.base, size]);
            return bytes.reduce((sum, _, n) => sum + (BigInt(owner.name.charCodeAt(0)) << BigInt(8 * n)), 0n);
          }
          return bytes.reduce(
            (sum, _, n) => sum + (model(at + n, 1, write, Math.floor(value / 256 ** n) % 256) << BigInt(8 * n)),
            0n,
          );
        };
        for (const { at, size, write, value } of accesses) {
          const written = value % 256 ** size;
          const wanted = model(at, size, write, written);
          if (write) bus.write(origin + at, size, written);
          else expect(BigInt(bus.read(origin + at, size))).toBe(wanted);
        }
        expect(log).toEqual(expected);
      }),
    );
  });
});

describe('ByteDevice', () => {
  class Bytes extends ByteDevice {
    readonly bytes = new Uint8Array(4);
    protected readByte(offset: number): number {
      return this.bytes[offset];
    }
    protected writeByte(offset: number, value: number): void {
      this.bytes[offset] = value;
    }
  }

  it('makes byte cycles of a wider access, low byte first', () => {
    const device = new Bytes();
    device.write(0, 4, 0x89abcdef);
    expect([...device.bytes]).toEqual([0xef, 0xcd, 0xab, 0x89]);
    device.write(1, 2, 0x1234);
    expect([device.read(0, 4), device.read(1, 2), device.read(3, 1)]).toEqual([0x891234ef, 0x1234, 0x89]);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fwCfgItems } from '../firmware/fw-cfg-items';
import { listed } from '../firmware/testing/listed';
import { FW_CFG_WORDS, FwCfg } from './fw-cfg';

const SELECTOR = 0;
const DATA = 1;

function device(state = new Int32Array(new SharedArrayBuffer(4 * FW_CFG_WORDS))): FwCfg {
  return new FwCfg(state, () =>
    fwCfgItems({ cpus: listed([0, 1, 2], 0), memory: 64 << 20, vga: false, vgaBios: new Uint8Array() }),
  );
}

function read(fwCfg: FwCfg, key: number, bytes: number): Buffer {
  fwCfg.write(SELECTOR, 2, key);
  return Buffer.from(Array.from({ length: bytes }, () => fwCfg.read(DATA)));
}

test('it says that it is there, and how many CPUs', () => {
  const fwCfg = device();
  fwCfg.powerOn();
  expect(read(fwCfg, 0x00, 4).toString()).toBe('QEMU');
  expect(read(fwCfg, 0x01, 4).readUInt32LE()).toBe(1);
  expect([read(fwCfg, 0x05, 2).readUInt16LE(), read(fwCfg, 0x0f, 2).readUInt16LE()]).toEqual([3, 3]);
});

test('files are found by the directory', () => {
  const fwCfg = device();
  const count = read(fwCfg, 0x19, 4).readUInt32BE();
  const directory = read(fwCfg, 0x19, 4 + 64 * count).subarray(4);
  const files = new Map<string, Buffer>();
  for (let at = 0; at < directory.length; at += 64) {
    const name = directory.toString('latin1', at + 8, at + 64).replace(/\0+$/, '');
    files.set(name, read(fwCfg, directory.readUInt16BE(at + 4), directory.readUInt32BE(at)));
  }
  const e820 = files.get('etc/e820') as Buffer;
  expect([e820.length, e820.readBigUInt64LE(0), e820.readBigUInt64LE(8), e820.readUInt32LE(16)]).toEqual([
    20,
    0n,
    64n << 20n,
    1,
  ]);
  expect(files.get('etc/sercon-port')?.readUInt16LE()).toBe(0x3f8);
});

test('another thread goes on where one has stopped', () => {
  const state = new Int32Array(new SharedArrayBuffer(4 * FW_CFG_WORDS));
  read(device(state), 0x00, 2);
  expect([device(state).read(DATA), device(state).read(DATA), device(state).read(DATA)]).toEqual([0x4d, 0x55, 0]);
});

test('whatever a guest does with it, it gives bytes, and items stay as they are', () => {
  const access = fc.record({
    isWrite: fc.boolean(),
    offset: fc.integer({ min: 0, max: 1 }),
    size: fc.constantFrom(1, 2, 4),
    value: fc.oneof(fc.constantFrom(0, 1, 5, 0x19, 0x20, 0x21, 0xffff), fc.integer({ min: 0, max: 0xffffffff })),
  });
  const fwCfg = device();
  fc.assert(
    fc.property(fc.array(access), (accesses) => {
      for (const { isWrite, offset, size, value } of accesses) {
        if (isWrite) fwCfg.write(offset, size, value);
        else expect(fwCfg.read(offset)).toSatisfy((byte: number) => byte >= 0 && byte <= 0xff);
      }
      expect(read(fwCfg, 0x00, 5).toString('latin1')).toBe('QEMU\0');
    }),
    { numRuns: 200, seed: 1 },
  );
});

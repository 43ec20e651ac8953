import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { fwCfgItems } from '../firmware/fw-cfg-items';
import { listed } from '../firmware/testing/listed';
import { FW_CFG_WORDS, FwCfg } from './fw-cfg';

const SELECTOR = 0;
const DATA = 1;
const ADDRESS_HIGH = 4;
const ADDRESS_LOW = 8;
const [ERROR, READ, SKIP, SELECT, WRITE] = [1, 2, 4, 8, 16];
const MIB = 1 << 20;
const VGA_BIOS = Uint8Array.of(0x55, 0xaa, 1);

/** Guest RAM, with what must stay as it is on both sides. */
let memory: Buffer;
let ram: Buffer;
let written: [number, number][];
beforeEach(() => {
  memory = Buffer.alloc(3 * MIB, 0xcc);
  ram = memory.subarray(MIB, 2 * MIB);
  written = [];
});

function device(state = new Int32Array(new SharedArrayBuffer(4 * FW_CFG_WORDS))): FwCfg {
  return new FwCfg(state, { bytes: ram, written: (address, size) => written.push([address, size]) }, () =>
    fwCfgItems({ cpus: listed([0, 1, 2], 0), memory: 64 << 20, acpi: true, vga: true, vgaBios: VGA_BIOS, disks: 2 }),
  );
}

function read(fwCfg: FwCfg, key: number, bytes: number): Buffer {
  fwCfg.write(SELECTOR, 2, key);
  return Buffer.from(Array.from({ length: bytes }, () => fwCfg.read(DATA, 1)));
}

test('it says that it is there, and how many CPUs', () => {
  const fwCfg = device();
  fwCfg.powerOn();
  expect(read(fwCfg, 0x00, 4).toString()).toBe('QEMU');
  expect(read(fwCfg, 0x01, 4).readUInt32LE()).toBe(3);
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
  expect(files.get('bootorder')?.toString('latin1')).toBe('/pci@i0cf8/scsi@2/disk@0,0\n/pci@i0cf8/scsi@3/disk@0,0\0');
  expect(files.get('vgaroms/vgabios.bin')).toEqual(Buffer.from(VGA_BIOS));
});

test('a machine without ACPI tables has none of their files, and what loads them has nothing to do', () => {
  const machine = { cpus: listed([0], 0), memory: 64 << 20, vga: false, vgaBios: new Uint8Array(), disks: 0 };
  const named = (acpi: boolean) => Buffer.concat([...fwCfgItems({ ...machine, acpi }).values()]).toString('latin1');
  for (const file of ['etc/acpi/rsdp', 'etc/acpi/tables', 'etc/table-loader']) {
    expect([file, named(true).includes(file), named(false).includes(file)]).toEqual([file, true, false]);
  }
});

test('another thread goes on where one has stopped', () => {
  const state = new Int32Array(new SharedArrayBuffer(4 * FW_CFG_WORDS));
  read(device(state), 0x00, 2);
  expect([1, 2, 3].map(() => device(state).read(DATA, 1))).toEqual([0x4d, 0x55, 0]);
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
        else expect(fwCfg.read(offset, size)).toSatisfy((got: number) => got >= 0 && got <= 0xffff_ffff);
      }
      expect(read(fwCfg, 0x00, 5).toString('latin1')).toBe('QEMU\0');
    }),
    { numRuns: 200, seed: 1 },
  );
});

const swapped = (value: number) => Buffer.from(new Uint32Array([value]).buffer).readUInt32BE();

/** Puts a request there and has it done; gives its control word afterwards. */
function request(fwCfg: FwCfg, at: number, control: number, length: number, target: bigint): number {
  ram.writeUInt32BE(control >>> 0, at);
  ram.writeUInt32BE(length, at + 4);
  ram.writeBigUInt64BE(target, at + 8);
  fwCfg.write(ADDRESS_HIGH, 4, 0);
  fwCfg.write(ADDRESS_LOW, 4, swapped(at));
  return ram.readUInt32BE(at);
}

test('a request in memory: selects, copies, skips, goes on, and fills what lies past the end', () => {
  const fwCfg = device();
  expect([fwCfg.read(ADDRESS_HIGH, 4), fwCfg.read(ADDRESS_LOW, 4)]).toEqual([
    Buffer.from('QEMU').readUInt32LE(),
    Buffer.from(' CFG').readUInt32LE(),
  ]);
  expect(request(fwCfg, 0x1000, READ | SELECT, 2, 0x2000n)).toBe(0);
  expect([ram.toString('latin1', 0x2000, 0x2002), ram[0x2002]]).toEqual(['QE', 0xcc]);
  expect(written).toEqual([
    [0x2000, 2],
    [0x1000, 16],
  ]);
  expect(request(fwCfg, 0x1000, SKIP, 1, 0n)).toBe(0);
  expect(request(fwCfg, 0x1000, READ, 4, 0x2000n)).toBe(0);
  expect([...ram.subarray(0x2000, 0x2005)]).toEqual([0x55, 0, 0, 0, 0xcc]);
  expect(request(fwCfg, 0x1000, (5 << 16) | SELECT, 0, 0n)).toBe(0);
  expect(fwCfg.read(DATA, 1)).toBe(3);
});

test.for([
  ['an item that is to be written', WRITE | SELECT, 4, 0x2000n],
  ['a target beyond RAM', READ | SELECT, 4, BigInt(MIB - 3)],
  ['a target beyond 4 GiB', READ | SELECT, 4, 0x1_0000_2000n],
  ['a length beyond RAM', READ | SELECT, 0xffff_ffff, 0x2000n],
] as const)('%s is an error, and nothing is copied', ([, control, length, target]) => {
  expect(request(device(), 0x1000, control, length, target)).toBe(ERROR);
  expect(written).toEqual([[0x1000, 16]]);
  ram.fill(0xcc, 0x1000, 0x1010);
  expect(memory.every((byte) => byte === 0xcc)).toBe(true);
});

test('whatever requests a guest makes, nothing outside of its RAM is touched', () => {
  const edge = fc.constantFrom(0, 1, 0x1000, MIB - 17, MIB - 16, MIB - 15, MIB, 0x7fff_ffff, 0xffff_fff0, 0xffff_ffff);
  const number = fc.oneof(edge, fc.nat(2 * MIB), fc.nat(0xffff_ffff));
  const made = fc.record({
    at: number,
    high: fc.constantFrom(0, 0, 0, 1, 0xffff_ffff),
    control: number,
    length: number,
    targetHigh: fc.constantFrom(0, 0, 0, 1, 0xffff_ffff),
    target: number,
  });
  const fwCfg = device();
  fc.assert(
    fc.property(made, ({ at, high, control, length, targetHigh, target }) => {
      if (at + 16 <= MIB) {
        [control, length, targetHigh, target].forEach((word, n) => ram.writeUInt32BE(word >>> 0, at + 4 * n));
      }
      written = [];
      fwCfg.write(ADDRESS_HIGH, 4, swapped(high));
      fwCfg.write(ADDRESS_LOW, 4, swapped(at));
      expect(written.every(([from, size]) => from >= 0 && from + size <= MIB)).toBe(true);
    }),
    { numRuns: 500, seed: 1 },
  );
  for (const outside of [memory.subarray(0, MIB), memory.subarray(2 * MIB)]) {
    expect(outside.equals(Buffer.alloc(MIB, 0xcc))).toBe(true);
  }
});

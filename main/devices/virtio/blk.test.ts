import { beforeEach, expect, test } from 'vitest';
import { type Disk, DiskError } from '../../base/disk';
import { DeviceFault } from '../../../preload/contract/events';
import { VirtioBlk } from './blk';
import { BUFFERS, Driver, type Segment } from './testing/driver';

const SECTOR = 512;
const SECTORS = 4096;
const HEADER = BUFFERS;
const STATUS = BUFFERS + 0x20;
const DATA = BUFFERS + 0x1000;
const OK = 0;
const IOERR = 1;
const UNSUPP = 2;

/** A disk in memory. */
class MemoryDisk implements Disk {
  readonly sectors = SECTORS;
  readonly bytes = new Uint8Array(SECTORS * SECTOR);
  readonly readonly: boolean;
  flushes = 0;
  broken = false;

  constructor(readonly: boolean) {
    this.readonly = readonly;
  }

  read(offset: number, into: Uint8Array): void {
    this.#work();
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array): void {
    this.#work();
    this.bytes.set(from, offset);
  }

  flush(): void {
    this.#work();
    this.flushes++;
  }

  #work(): void {
    if (this.broken) throw new DiskError('ENOSPC: no space left on device');
  }
}

let disk: MemoryDisk;
let failures: number;
let driver: Driver;

function makeDriver(readonly = false): void {
  disk = new MemoryDisk(readonly);
  failures = 0;
  driver = new Driver(new VirtioBlk(disk, 'disk0', () => failures++));
  driver.start((1 << 9) | (1 << 2));
}

beforeEach(() => makeDriver());

/** Its status, and what was said to be written. */
function request(type: number, sector: number, ...data: Segment[]): [status: number, written: number] {
  driver.view.setUint32(HEADER, type, true);
  driver.view.setBigUint64(HEADER + 8, BigInt(sector), true);
  driver.ram[STATUS] = 0xff;
  driver.offer(0, [{ address: HEADER, length: 16 }, ...data, { address: STATUS, length: 1, writable: true }]);
  return [driver.ram[STATUS], driver.used(0).at(-1)?.[1] ?? -1];
}

test('tells its capacity', () => {
  expect([driver.read(0x2000, 4), driver.read(0x2004, 4), driver.read(0x200c, 4)]).toEqual([SECTORS, 0, 126]);
});

test('reads and writes, in segments of any length', () => {
  const text = Uint8Array.from({ length: 1024 }, (_, i) => (i * 7) & 0xff);
  driver.ram.set(text, DATA);
  const pieces = [1, 500, 523].map((length, n, all) => ({
    address: DATA + all.slice(0, n).reduce((a, b) => a + b, 0),
    length,
  }));
  expect(request(1, 5, ...pieces)).toEqual([OK, 1]);
  expect(disk.bytes.subarray(5 * SECTOR, 7 * SECTOR)).toEqual(text);
  driver.ram.fill(0, DATA, DATA + 2048);
  const into = pieces.map((piece) => ({ ...piece, writable: true }));
  expect(request(0, 5, ...into)).toEqual([OK, 1025]);
  expect(driver.ram.slice(DATA, DATA + 1024)).toEqual(text);
});

test('header and status may be spread over segments', () => {
  driver.view.setUint32(HEADER, 0, true);
  driver.view.setBigUint64(HEADER + 8, 3n, true);
  disk.bytes.fill(0x33, 3 * SECTOR, 4 * SECTOR);
  driver.offer(0, [
    { address: HEADER, length: 3 },
    { address: HEADER + 3, length: 13 },
    { address: DATA, length: SECTOR + 1, writable: true },
  ]);
  expect([driver.ram[DATA], driver.ram[DATA + SECTOR - 1], driver.ram[DATA + SECTOR]]).toEqual([0x33, 0x33, OK]);
});

test('flushes, tells its id, and refuses what it does not know', () => {
  expect([request(4, 0), disk.flushes]).toEqual([[OK, 1], 1]);
  expect(request(8, 0, { address: DATA, length: 20, writable: true })).toEqual([OK, 21]);
  expect(new TextDecoder().decode(driver.ram.slice(DATA, DATA + 6))).toBe('disk0\0');
  expect(request(11, 0)[0]).toBe(UNSUPP);
});

test.each([
  ['past the end', SECTORS - 1, 2 * SECTOR],
  ['far past the end', 2 ** 53, SECTOR],
  ['of half a sector', 0, 256],
])('a request %s is an error, and nothing is touched', (_what, sector, length) => {
  driver.ram.fill(0x11, DATA, DATA + 2 * SECTOR);
  expect(request(1, sector, { address: DATA, length })[0]).toBe(IOERR);
  expect(request(0, sector, { address: DATA, length, writable: true })[0]).toBe(IOERR);
  expect([disk.bytes.every((byte) => byte === 0), driver.ram[DATA], failures]).toEqual([true, 0x11, 0]);
});

test('a read-only disk is offered as one, and is not written', () => {
  makeDriver(true);
  driver.write(0, 4, 0);
  expect(driver.read(4, 4) & (1 << 5)).toBe(1 << 5);
  driver.ram.fill(0x11, DATA, DATA + SECTOR);
  expect(request(1, 0, { address: DATA, length: SECTOR })[0]).toBe(IOERR);
  expect(disk.bytes[0]).toBe(0);
});

test('what the host refuses is an I/O error and an event; the device goes on', () => {
  disk.broken = true;
  expect(request(1, 0, { address: DATA, length: SECTOR })[0]).toBe(IOERR);
  expect(request(4, 0)[0]).toBe(IOERR);
  expect(failures).toBe(2);
  disk.broken = false;
  expect(request(4, 0)[0]).toBe(OK);
  expect(driver.faults).toEqual([]);
});

test('a request without room for its status, or with half a header, is a fault', () => {
  driver.offer(0, [{ address: HEADER, length: 16 }]);
  expect(driver.faults).toEqual([DeviceFault.REQUEST]);
  makeDriver();
  driver.offer(0, [
    { address: HEADER, length: 15 },
    { address: STATUS, length: 1, writable: true },
  ]);
  expect(driver.faults).toEqual([DeviceFault.REQUEST]);
});

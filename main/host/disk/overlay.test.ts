/** Overlays against QEMU's tools, which read the same format. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, type TestContext } from 'vitest';
import { DiskError } from '../../base/disk';
import { type DiskHandle, diskOf, openDisk } from './index';

const SECTOR = 512;
const CLUSTER = 65536;
/** Not a whole number of clusters. */
const SIZE = 5 * CLUSTER + 3 * SECTOR;

let folder: string;
let image: string;
let overlay: string;
let content: Buffer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reveille-overlay-'));
  image = join(folder, 'disk.img');
  overlay = join(folder, 'changes.qcow2');
  content = Buffer.alloc(SIZE, 'the image ');
  writeFileSync(image, content);
});

afterEach(() => rmSync(folder, { recursive: true }));

const handles: DiskHandle[] = [];
function open(path = image): DiskHandle {
  const handle = openDisk({ path, readonly: false, overlay });
  handles.push(handle);
  return handle;
}

function close(): void {
  for (const { fd, overlay: changes } of handles.splice(0)) {
    closeSync(fd);
    if (changes !== null) closeSync(changes);
  }
}
afterEach(close);

function qemuImg(ctx: TestContext, ...args: string[]): string {
  const { error, status, stdout, stderr } = spawnSync('qemu-img', args, { encoding: 'utf8' });
  if (error !== undefined) ctx.skip('qemu-img is not installed (package qemu-utils)');
  if (status !== 0) throw new Error(`qemu-img ${args.join(' ')}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** Nothing is wrong with it, no cluster is lost, and the disk in it is this. */
function checkWithQemu(ctx: TestContext, expected: Uint8Array): void {
  expect(qemuImg(ctx, 'check', overlay)).toContain('No errors were found');
  const raw = join(folder, 'expected.img');
  writeFileSync(raw, expected);
  expect(qemuImg(ctx, 'compare', '-f', 'raw', '-F', 'qcow2', raw, overlay)).toContain('Images are identical');
}

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

test('a new overlay is the image, and QEMU says so', (ctx) => {
  const disk = diskOf(open());
  expect(disk.sectors).toBe(SIZE / SECTOR);
  const read = new Uint8Array(SIZE);
  disk.read(0, read);
  expect(Buffer.from(read).equals(content)).toBe(true);
  checkWithQemu(ctx, content);
});

test('random writes are what is read back, by us and by QEMU; the image stays as it is', (ctx) => {
  const model = Buffer.from(content);
  const disk = diskOf(open());
  const write = fc.record({
    sector: fc.nat(SIZE / SECTOR - 1),
    sectors: fc.integer({ min: 1, max: 300 }),
    value: fc.nat(255),
  });
  fc.assert(
    fc.property(write, ({ sector, sectors, value }) => {
      const length = Math.min(sectors, SIZE / SECTOR - sector) * SECTOR;
      disk.write(sector * SECTOR, bytes(length, value));
      model.fill(value, sector * SECTOR, sector * SECTOR + length);
      const read = new Uint8Array(SIZE);
      disk.read(0, read);
      expect(Buffer.from(read).equals(model)).toBe(true);
    }),
    { numRuns: 40 },
  );
  disk.flush();
  checkWithQemu(ctx, model);
  expect(readFileSync(image).equals(content)).toBe(true);
});

test('it is opened again with its changes, and by another thread’s object at once', () => {
  const handle = open();
  diskOf(handle).write(CLUSTER, bytes(SECTOR, 7));
  const seen = new Uint8Array(SECTOR);
  diskOf(handle).read(CLUSTER, seen);
  expect(seen).toEqual(bytes(SECTOR, 7));
  close();
  diskOf(open()).read(CLUSTER, seen);
  expect(seen).toEqual(bytes(SECTOR, 7));
});

/** What a kill leaves of a write: any number of its steps, the last one in part. */
test('cut off anywhere in the middle of a write, it has no error and the other sectors are as they were', (ctx) => {
  diskOf(open()).write(0, bytes(CLUSTER, 1));
  const before = readFileSync(overlay);
  diskOf(handles[0]).write(2 * CLUSTER + SECTOR, bytes(SECTOR, 2));
  const after = readFileSync(overlay);
  close();
  const changed: number[] = [];
  for (let at = 0; at < before.length; at++) if (before[at] !== after[at]) changed.push(at);
  // The file has grown by one cluster, and before that only a refcount and an entry have changed.
  expect(after.length).toBe(before.length + CLUSTER);
  const refcount = changed[0];
  const states = [
    Buffer.concat([before, after.subarray(before.length, before.length + 1000)]),
    Buffer.concat([before, after.subarray(before.length)]),
    Buffer.concat([
      before.subarray(0, refcount),
      after.subarray(refcount, refcount + 2),
      before.subarray(refcount + 2),
      after.subarray(before.length),
    ]),
    after,
  ];
  for (const [step, state] of states.entries()) {
    writeFileSync(overlay, state);
    const { error, status } = spawnSync('qemu-img', ['check', '-q', overlay]);
    if (error !== undefined) ctx.skip('qemu-img is not installed (package qemu-utils)');
    expect([0, 3]).toContain(status);
    const read = new Uint8Array(SIZE);
    const disk = diskOf(open());
    disk.read(0, read);
    const expected = Buffer.from(content).fill(1, 0, CLUSTER);
    if (step === 3) expected.fill(2, 2 * CLUSTER + SECTOR, 2 * CLUSTER + 2 * SECTOR);
    expect(Buffer.from(read).equals(expected)).toBe(true);
    // And it goes on from there.
    disk.write(4 * CLUSTER, bytes(SECTOR, 3));
    disk.read(4 * CLUSTER, read.subarray(0, SECTOR));
    expect(read[0]).toBe(3);
    close();
    expect(qemuImg(ctx, 'check', overlay)).toContain('No errors were found');
  }
});

/** A disk whose metadata and data have as many clusters as there are refcounts in a block: there is none to spare. */
test('clusters that nothing leads to never cost the tables behind the refcounts', (ctx) => {
  const size = (32768 - 8) * CLUSTER;
  truncateSync(image, size);
  const disk = diskOf(open());
  truncateSync(overlay, 32768 * CLUSTER);
  expect(() => disk.write(0, bytes(SECTOR, 1))).toThrow('no refcounts for more clusters');
  close();
  diskOf(open()).write(size - SECTOR, bytes(SECTOR, 2));
  expect(statSync(overlay).size).toBe((3 + 1 + 4 + 1) * CLUSTER);
  close();
  expect(qemuImg(ctx, 'check', overlay)).toContain('No errors were found');
});

describe('what is refused', () => {
  test('an overlay of another image, or of another size', () => {
    open();
    close();
    const other = join(folder, 'other.img');
    writeFileSync(other, content);
    expect(() => open(other)).toThrow(`${overlay} is not one of ${other}`);
    truncateSync(image, SIZE - SECTOR);
    expect(() => open()).toThrow(`is of a disk with ${SIZE} bytes`);
  });

  test('what is no QCOW2 file, and what another program has laid out', (ctx) => {
    writeFileSync(overlay, 'text');
    expect(() => open()).toThrow('is no QCOW2 file');
    rmSync(overlay);
    qemuImg(ctx, 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', image, overlay);
    expect(() => open()).toThrow('The overlay');
  });

  test('an image that is in use, is not there, is a folder, or has half a sector', () => {
    open();
    expect(() => open()).toThrow('is in use by another machine');
    expect(() => openDisk({ path: image, readonly: false, overlay: null })).toThrow('is in use by another machine');
    const of = (path: string) => () => openDisk({ path, readonly: true, overlay: null });
    expect(of(join(folder, 'none'))).toThrow('(ENOENT)');
    expect(of(folder)).toThrow('is no regular file');
    truncateSync(image, 700);
    expect(of(image)).toThrow('has 700 bytes');
  });

  test('an entry that leads among the tables: an I/O error, and nothing is overwritten', () => {
    const handle = open();
    const disk = diskOf(handle);
    disk.write(0, bytes(SECTOR, 1));
    const damaged = readFileSync(overlay);
    const entry = damaged.indexOf(Buffer.from([0x80, 0, 0, 0, 0, 5, 0, 0]), 4 * CLUSTER);
    expect(entry).toBe(4 * CLUSTER);
    damaged.writeBigUInt64BE((1n << 63n) | BigInt(CLUSTER), entry);
    writeFileSync(overlay, damaged);
    expect(() => disk.write(0, bytes(SECTOR, 9))).toThrow(DiskError);
    expect(() => disk.read(0, new Uint8Array(SECTOR))).toThrow(DiskError);
    expect(readFileSync(overlay).equals(damaged)).toBe(true);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sampleElf, sampleLinux } from '../loader/sample-images';
import { ImageInspector, inspectFile } from './image-inspection';

const folder = mkdtempSync(join(tmpdir(), 'reveille-images-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const settings = { memory: 128 << 20, initrd: null, cmdline: '' };

test('what is no file, or not there, is refused with its path', async () => {
  await expect(inspectFile('/dev/zero')).rejects.toThrow('/dev/zero is no file');
  await expect(inspectFile(join(folder, 'nothing'))).rejects.toThrow('no such file or directory (ENOENT)');
});

test('a file that changes is looked at again', async () => {
  const inspector = new ImageInspector();
  const path = file('image', Uint8Array.of(0xf4));
  expect((await inspector.inspect(path)).kind).toBe('flat');
  file('image', sampleLinux());
  expect((await inspector.inspect(path)).kind).toBe('linux');
});

test('settings that do not go together with their image have a problem beside the field', async () => {
  const inspector = new ImageInspector();
  const fields = async (change: object, path: string) =>
    (await inspector.problems({ ...settings, ...change }, path)).map(({ field, message }) => `${field}: ${message}`);
  const linux = file('vmlinuz', sampleLinux({ address: 0x1000000, initSize: 0x10000000 }));
  expect(await fields({ cmdline: 'é'.repeat(1024) }, linux)).toEqual([
    'memory: The image is loaded up to 272 MiB: give the machine that much memory or more.',
    'cmdline: The image takes a command line of at most 2047 bytes, and this one has 2048.',
  ]);
  expect(await fields({ memory: 272 << 20, initrd: '/initrd' }, linux)).toEqual([]);
  const flat = file('boot.bin', Uint8Array.of(0xf4));
  expect(await fields({ initrd: '/initrd' }, flat)).toEqual([
    'initrd: This kind of image takes no file beside it: leave the field empty.',
  ]);
  const segments = [{ address: 0xc0000000, data: Uint8Array.of(0xf4) }];
  const high = file('high.elf', sampleElf({ bits: 32, entry: 0xc0000000, segments }));
  expect(await fields({}, high)).toEqual([
    `guest: ${high}: its segment 1 needs memory up to 0xc0000001, but RAM ends at 0xc0000000 at the latest: link the image to lower physical addresses.`,
  ]);
});

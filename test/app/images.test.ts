/** The form of a new machine, given an image of each kind: what it says of it, or why it is none. In Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import { multiboot2Header, multibootHeader, sampleElf } from '../../main/loader/sample-images';
import { needsStockGuests } from '../support/linux';
import { startApp } from './browser-shell';
import { appWindows } from './windows';

const windows = appWindows(() => startApp());
const SECTOR = 512;
const LOAD = 0x100000;

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-images-'))));
afterAll(() => rmSync(directory, { recursive: true }));

/** Waits for what the form says of each path, one after the other; gives those of which a machine can be made. */
async function recognised(
  ctx: TestContext,
  images: readonly (readonly [path: string, says: string])[],
): Promise<string[]> {
  const usable: string[] = [];
  const client = await windows.client(ctx);
  await client.call('preferences.set', { welcomed: true });
  const page = await windows.open(ctx);
  await page.getByRole('button', { name: 'New machine' }).click();
  const form = page.getByRole('dialog', { name: 'New machine' });
  await form.getByLabel('Name').fill('recognised');
  await form.getByLabel('Image from disk').check();
  const field = form.getByRole('textbox', { name: 'Path of the image' });
  const save = form.getByRole('button', { name: 'Save', exact: true });
  for (const [path, says] of images) {
    await field.fill(path);
    await form.locator('.facts summary, .reason').getByText(says).waitFor();
    const refused = says.startsWith(`${path} is`);
    await expect.poll(() => save.isDisabled()).toBe(refused);
    await expect.poll(() => form.locator('.facts summary').count()).toBe(refused ? 0 : 1);
    if (!refused) usable.push(path);
  }
  return usable;
}

function placed(length: number, at: number, bytes: Uint8Array | readonly number[]): Uint8Array {
  const image = new Uint8Array(length);
  image.set(bytes, at);
  return image;
}

test('images of every kind that are made here', async (ctx) => {
  const elf = (bits: 32 | 64) =>
    sampleElf({ bits, entry: LOAD, segments: [{ address: LOAD, data: Uint8Array.of(0xf4) }] });
  // Of 64 bits, so that the second header begins at a multiple of 8 in the file.
  const kernel = (header: Uint8Array) =>
    sampleElf({ bits: 64, entry: LOAD, segments: [{ address: LOAD, data: header }] });
  const images: [name: string, bytes: Uint8Array, says: string][] = [
    ['elf64', elf(64), '64-bit ELF image'],
    ['elf32', elf(32), '32-bit ELF image'],
    ['multiboot', kernel(multibootHeader(0)), 'Multiboot kernel, Multiboot 0.6.96'],
    ['multiboot2', kernel(multiboot2Header([])), 'Multiboot 2 kernel'],
    ['boot.bin', Uint8Array.of(0xf4), 'flat image, entered as a boot sector'],
    ['option.rom', placed(SECTOR, 0, [0x55, 0xaa, 1]), 'is an option ROM, which firmware calls'],
    ['disk.qcow2', placed(SECTOR, 0, [0x51, 0x46, 0x49, 0xfb]), 'is a QCOW2 disk image'],
    ['disk.img', placed(4 << 20, 510, [0x55, 0xaa]), 'is a disk image: give it as a disk'],
  ];
  const paths = images.map(([name, bytes, says]) => {
    const path = join(directory, name);
    writeFileSync(path, bytes);
    return [path, says.startsWith('is ') ? `${path} ${says}` : says] as const;
  });
  expect(await recognised(ctx, paths)).toHaveLength(5);
});

test('Debian’s kernels, boot loaders and firmware', async (ctx) => {
  const guests = needsStockGuests(ctx);
  const { cloud, memtest64, grub, grubPvh, seabios, ipxe, root } = guests;
  const kernels: [path: string | undefined, says: string][] = [
    [cloud, 'Linux kernel (bzImage), 6.1'],
    [memtest64, 'Linux kernel (bzImage), Memtest86+'],
    [grub, 'Multiboot kernel'],
    [grubPvh, 'ELF kernel with a PVH entry'],
    [seabios, 'firmware ROM: entry 0xfffffff0 in real mode'],
  ];
  const others: [path: string | undefined, says: string][] = [
    [ipxe, 'is a Linux kernel, but of boot protocol 2.07, which is entered in real mode and calls a BIOS'],
    [root, 'is a disk image: give it as a disk'],
  ];
  // Some are made here, where the host has the programs for it.
  const made = kernels.flatMap(([path, says]) => (path === undefined ? [] : [[path, says] as const]));
  const refused = others.flatMap(([path, says]) => (path === undefined ? [] : [[path, `${path} ${says}`] as const]));
  expect(await recognised(ctx, [...made, ...refused])).toEqual(made.map(([path]) => path));
});

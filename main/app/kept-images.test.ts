import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GuestChoice } from '../../preload/contract/app';
import { KeptImages } from './kept-images';

const BYTES = Uint8Array.of(1, 2, 3);
const BUNDLED: GuestChoice = { kind: 'bundled', name: 'heartbeat' };

let home: string;
let directory: string;
let images: KeptImages;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'reveille-images-'));
  directory = join(home, 'images');
  images = new KeptImages(directory);
});

afterEach(() => rmSync(home, { recursive: true }));

function file(path: string): GuestChoice {
  return { kind: 'file', path };
}

function keep(name: string): { path: string; guest: GuestChoice } {
  const path = images.keep(name, BYTES);
  return { path, guest: file(path) };
}

test('each copy has a folder of its own, and a name that leads nowhere else', () => {
  const first = keep('kernel.elf');
  const second = keep('kernel.elf');
  const strange = keep('../../.. /a b\0.bin');
  expect(first.path).not.toBe(second.path);
  for (const { path, guest } of [first, second, strange]) {
    expect(readFileSync(path)).toEqual(Buffer.from(BYTES));
    expect(dirname(dirname(path))).toBe(directory);
    expect(images.has(guest)).toBe(true);
  }
});

test('a copy goes with the last machine that is made from it', () => {
  const { path, guest } = keep('shared.bin');
  const other = keep('other.bin');
  images.release(guest, [BUNDLED, guest]);
  expect(existsSync(path)).toBe(true);
  images.release(guest, [BUNDLED, other.guest]);
  expect(existsSync(dirname(path))).toBe(false);
  expect(existsSync(other.path)).toBe(true);
});

test('a start sweeps what no machine is made from, and makes the folder where it is not there', () => {
  images.sweep([BUNDLED]);
  expect(readdirSync(directory)).toEqual([]);
  const used = keep('used.bin');
  keep('thought-better-of.bin');
  new KeptImages(directory).sweep([BUNDLED, used.guest, file('/elsewhere/x.bin')]);
  expect(readdirSync(directory)).toEqual([dirname(used.path).slice(directory.length + 1)]);
});

test('nothing else of the disk goes, whatever path a machine names', () => {
  mkdirSync(join(home, 'beside'));
  const mine = join(home, 'beside/mine.bin');
  writeFileSync(mine, BYTES);
  const { path } = keep('kept.bin');
  const paths = [
    mine,
    `${directory}/../mine.bin`,
    `${directory}/../beside/mine.bin`,
    `${directory}/./kept.bin`,
    `${directory}/x/../kept.bin`,
    directory,
    `${directory}/`,
    'mine.bin',
  ];
  for (const named of paths) {
    images.release(file(named), []);
    expect(images.has(file(named)), named).toBe(false);
  }
  images.release(BUNDLED, []);
  expect([existsSync(mine), existsSync(path)]).toEqual([true, true]);
});

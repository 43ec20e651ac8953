import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PackedFile, packFiles, unpackFiles } from './archive';
import { PluginError } from './plugin-error';
import { folderOf } from './testing/plugin-folder';

const file = (path: string, text = path): PackedFile => ({ path, bytes: new TextEncoder().encode(text) });
const FILES = [file('index.ts'), file('lib/deep/er.ts', 'x'.repeat(1000)), file('reveille-plugin.json', '{}')];
const sorted = (files: PackedFile[]): PackedFile[] => files.toSorted((a, b) => (a.path < b.path ? -1 : 1));

/** Any tar as a package. */
const tar = (folder: string, ...args: string[]): Uint8Array =>
  execFileSync('tar', ['-czf', '-', '-C', folder, ...args], { maxBuffer: 2 ** 26 });

/** One header, its checksum right, with something else in a place. */
function altered(offset: number, bytes: string, files = [file('a')]): Uint8Array {
  const plain = gunzipSync(packFiles(files));
  plain.write(bytes, offset, 'latin1');
  const sum = plain.subarray(0, 512).reduce((total, byte, n) => total + (n >= 148 && n < 156 ? 0x20 : byte), 0);
  plain.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return gzipSync(plain);
}

test('what is packed is unpacked again', () => {
  const part = fc.stringMatching(/^[a-zA-Z0-9ä _-]{1,30}$/);
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `t/${parts.join('/')}`.slice(0, 150));
  const files = fc.uniqueArray(fc.record({ path, bytes: fc.uint8Array({ maxLength: 1500 }) }), {
    selector: (one) => one.path.toLowerCase(),
    maxLength: 8,
  });
  fc.assert(
    fc.property(files, (some) => {
      const all = [
        ...some.filter(({ path: a }) => !a.endsWith('/') && some.every(({ path: b }) => !b.startsWith(`${a}/`))),
        file('m'),
      ];
      expect(unpackFiles(packFiles(all))).toEqual(sorted(all));
    }),
  );
});

test('the same files make the same bytes, in whatever order they come', () => {
  expect(packFiles(FILES.toReversed())).toEqual(packFiles(FILES));
});

test('tar reads what is packed, and what tar packs is read, in one folder or in none', () => {
  const folder = folderOf({ 'plugin.tgz': '' });
  writeFileSync(join(folder, 'plugin.tgz'), packFiles(FILES));
  mkdirSync(join(folder, 'out'));
  execFileSync('tar', ['-xzf', join(folder, 'plugin.tgz'), '-C', join(folder, 'out')]);
  expect(readFileSync(join(folder, 'out/lib/deep/er.ts'), 'utf8')).toBe('x'.repeat(1000));
  for (const format of ['gnu', 'ustar', 'v7']) {
    expect(sorted(unpackFiles(tar(folder, `--format=${format}`, 'out')))).toEqual(FILES);
    expect(sorted(unpackFiles(tar(join(folder, 'out'), `--format=${format}`, '.')))).toEqual(FILES);
  }
});

describe('refused with a sentence', () => {
  test.each([
    ['../up', '"../up", which is no path inside of a folder'],
    ['a/../../b', 'which is no path inside of a folder'],
    ['/etc/passwd', 'which is no path inside of a folder'],
    ['a\\b', 'which is no path inside of a folder'],
    ['a//b', 'which is no path inside of a folder'],
    ['a\u001b[31m', 'which is no path inside of a folder'],
  ])('the path %j', (path, message) => {
    expect(() => unpackFiles(altered(0, `${path}\0`))).toThrow(message);
    expect(() => packFiles([file(path)])).toThrow(message);
  });

  test.each([
    ['1', 'hard link'],
    ['2', 'symbolic link'],
    ['3', 'character device'],
    ['6', 'pipe'],
    ['x', 'extended header'],
    ['L', 'long name'],
  ])('the type %s, a %s', (type) => {
    expect(() => unpackFiles(altered(156, type))).toThrow(
      `The package has "a" of type "${type}": a plugin is regular files`,
    );
  });

  test('a real link', () => {
    const folder = folderOf({ a: '' });
    symlinkSync('/etc/passwd', join(folder, 'b'));
    expect(() => unpackFiles(tar(folder, '.'))).toThrow('of type "2"');
  });

  test('what is cut short, or damaged, or no package', () => {
    expect(() => unpackFiles(altered(124, '00000004000'))).toThrow('The package ends in the middle of "a".');
    expect(() => unpackFiles(altered(124, '77777777777'))).toThrow('The package ends in the middle of "a".');
    expect(() => unpackFiles(altered(124, 'ÿÿÿÿ'))).toThrow('The package ends in the middle of "a".');
    const damaged = gunzipSync(packFiles(FILES));
    damaged[1] ^= 1;
    expect(() => unpackFiles(gzipSync(damaged))).toThrow('the checksum of its header at byte 0 is wrong');
    expect(() => unpackFiles(packFiles(FILES).subarray(0, 60))).toThrow(
      'The package cannot be unpacked: unexpected end',
    );
    expect(() => unpackFiles(new Uint8Array(100))).toThrow('The package cannot be unpacked: incorrect header check');
  });

  test('what is there twice, or both file and folder', () => {
    const plain = gunzipSync(packFiles([file('a')]));
    const twice = gzipSync(Buffer.concat([plain.subarray(0, 1024), plain]));
    expect(() => unpackFiles(twice)).toThrow('The package has "a" twice.');
    expect(() => unpackFiles(packFiles([file('a/b'), file('m'), file('a')]))).toThrow('"a/b" inside of what is a file');
  });

  test('what would fill a disk', () => {
    expect(() => unpackFiles(gzipSync(Buffer.alloc(33 * 2 ** 20)))).toThrow('it unpacks to more than 33554432 bytes');
    expect(() => unpackFiles(new Uint8Array(9 * 2 ** 20))).toThrow('The package has 9437184 bytes: at most 8388608');
    const many = Array.from({ length: 1001 }, (_, n) => file(`f${n}`, ''));
    expect(() => packFiles(many)).toThrow('There are 1001 files');
    const [first, rest] = [packFiles(many.slice(0, 600)), packFiles(many.slice(600))].map((bytes) => gunzipSync(bytes));
    const both = gzipSync(Buffer.concat([first.subarray(0, 600 * 512), rest]));
    expect(() => unpackFiles(both)).toThrow('The package has more than 1000 files.');
  });
});

test('whatever bytes come in, what comes out has safe paths, or a sentence', () => {
  const plain = gunzipSync(packFiles(FILES));
  const edit = fc.tuple(fc.nat(plain.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x2e, 0x2f, 0x30)));
  const fixed = (bytes: Buffer): Uint8Array => {
    for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; at += 512) {
      const sum = bytes.subarray(at, at + 512).reduce((n, byte, i) => n + (i >= 148 && i < 156 ? 0x20 : byte), 0);
      bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
    }
    return gzipSync(bytes);
  };
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), (edits) => {
      const bytes = Buffer.from(plain);
      for (const [at, value] of edits) bytes[at] = value;
      try {
        for (const { path } of unpackFiles(fixed(bytes))) expect(join('/root', path)).toBe(`/root/${path}`);
      } catch (error) {
        expect(error).toBeInstanceOf(PluginError);
      }
    }),
    { numRuns: 1000 },
  );
});

import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compilePlugin } from './compile';
import { CompileCache } from './compile-cache';
import { folderOf, pluginFolder } from './testing/plugin-folder';

/** A cache, and the paths of its entries. */
function newCache() {
  const directory = join(folderOf({}), 'compiled');
  const entries = (): string[] => {
    try {
      return readdirSync(directory).map((name) => join(directory, name));
    } catch {
      return [];
    }
  };
  return { cache: new CompileCache(directory), entries };
}

/** Makes it seen where a script comes from: the entry says `from the cache`. */
function marked(entries: string[]): void {
  for (const path of entries) {
    const entry = JSON.parse(readFileSync(path, 'utf8')) as { code: string };
    writeFileSync(path, JSON.stringify({ ...entry, code: `${entry.code}\n// from the cache` }));
  }
}

const FROM_CACHE = '// from the cache';

test('what is compiled once is not compiled again, and is the same', async () => {
  const { cache, entries } = newCache();
  const folder = pluginFolder();
  const compiled = await compilePlugin(folder);
  expect(await cache.compile(folder)).toEqual(compiled);
  expect(entries()).toHaveLength(1);
  expect(await cache.compile(folder)).toEqual(compiled);
  marked(entries());
  expect((await cache.compile(folder)).code).toContain(FROM_CACHE);
  // The same files are the same plugin, wherever they are.
  expect((await cache.compile(pluginFolder())).code).toContain(FROM_CACHE);
});

test.each([
  ['its index.ts is saved', (folder: string) => writeFileSync(join(folder, 'index.ts'), 'export const policies = {};')],
  [
    'a file that it imports is saved',
    (folder: string) => writeFileSync(join(folder, 'lib/word.ts'), 'export const word = 2;'),
  ],
  ['another file would be imported', (folder: string) => writeFileSync(join(folder, 'lib/word.tsx'), '')],
])('it is compiled anew when %s', async (_, save) => {
  const { cache, entries } = newCache();
  const index = "import { word } from './lib/word';\nexport const policies = { word };";
  const folder = pluginFolder({}, { 'index.ts': index, 'lib/word.ts': 'export const word = 1;' });
  await cache.compile(folder);
  marked(entries());
  save(folder);
  const again = cache.compile(folder).then(
    ({ code }) => code,
    () => 'nothing',
  );
  expect(await again).not.toContain(FROM_CACHE);
});

test('each entry file is a script of its own', async () => {
  const { cache } = newCache();
  const folder = pluginFolder({}, { 'test.ts': 'export const tests = [];' });
  expect((await cache.compile(folder, 'test.ts')).code).toContain('tests');
  expect((await cache.compile(folder)).code).toContain('policies');
});

test.each(['', '{', '{}', '[]', '{"code":1,"sourceMap":"","files":[]}', 'x'.repeat(2 ** 23 + 1)])(
  'an entry that is none is compiled anew, and mended (%#)',
  async (broken) => {
    const { cache, entries } = newCache();
    const folder = pluginFolder();
    const compiled = await cache.compile(folder);
    writeFileSync(entries()[0], broken);
    expect(await cache.compile(folder)).toEqual(compiled);
    expect(JSON.parse(readFileSync(entries()[0], 'utf8'))).toEqual(compiled);
  },
);

test('what cannot be compiled is not kept', async () => {
  const { cache, entries } = newCache();
  await expect(cache.compile(pluginFolder({}, { 'index.ts': 'const = 3;' }))).rejects.toThrow(/index\.ts:1:/);
  expect(entries()).toEqual([]);
});

test('a folder that is not of plain files alone, or imports what is hidden, is compiled each time', async () => {
  const { cache, entries } = newCache();
  const linked = pluginFolder();
  symlinkSync(join(linked, 'index.ts'), join(linked, 'link.ts'));
  const hidden = pluginFolder(
    {},
    { 'index.ts': "export { a } from './.hidden/a';", '.hidden/a.ts': 'export const a = 1;' },
  );
  const many = pluginFolder({}, Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`${n}.txt`, ''])));
  for (const folder of [linked, hidden, many]) expect((await cache.compile(folder)).code).toContain('var plugin =');
  expect(entries()).toEqual([]);
});

test('the oldest of more than a hundred are forgotten', async () => {
  const { cache, entries } = newCache();
  const folder = pluginFolder();
  await cache.compile(folder);
  const [first] = entries();
  for (let n = 0; n < 100; n++) {
    const path = first.replace(/[^/]*$/, `${n}.json`);
    writeFileSync(path, '{}');
    utimesSync(path, n, n);
  }
  writeFileSync(join(folder, 'index.ts'), 'export const policies = {};');
  await cache.compile(folder);
  expect(entries()).toHaveLength(100);
  expect(entries()).toContain(first);
  expect(entries()).not.toContain(first.replace(/[^/]*$/, '0.json'));
});

test('where nothing can be kept it compiles', async () => {
  const root = folderOf({ file: '' });
  const cache = new CompileCache(join(root, 'file'));
  expect((await cache.compile(pluginFolder())).code).toContain('var plugin =');
  rmSync(join(root, 'file'));
  mkdirSync(join(root, 'file'));
  expect((await cache.compile(pluginFolder())).code).toContain('var plugin =');
});

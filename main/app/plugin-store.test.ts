import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { packFiles } from '../plugins/archive';
import { MANIFEST, folderOf, pluginFolder } from '../plugins/testing/plugin-folder';
import { PluginStore } from './plugin-store';

/** A Reveille with one bundled plugin, `early`. */
function places() {
  const root = folderOf({});
  cpSync(pluginFolder({ name: 'early' }), join(root, 'plugins/early'), { recursive: true });
  mkdirSync(join(root, 'plugins/api'));
  return { bundled: pathToFileURL(`${root}/plugins/`), dataDirectory: join(root, 'data') };
}

const text = (words: string): Uint8Array => new TextEncoder().encode(words);

/** A package of a plugin, as a file. */
function packaged(change: object = {}): string {
  const path = join(folderOf({ 'plugin.tgz': '' }), 'plugin.tgz');
  const manifest = text(JSON.stringify({ ...MANIFEST, ...change }));
  const files = [
    { path: 'late/reveille-plugin.json', bytes: manifest },
    { path: 'late/index.ts', bytes: text('export const policies = {};') },
    { path: 'late/lib/more.ts', bytes: text('export {};') },
  ];
  writeFileSync(path, packFiles(files));
  return path;
}

test('what came with Reveille is enabled, and can be disabled, not removed', () => {
  const where = places();
  const store = new PluginStore(where);
  expect(store.list()).toMatchObject([{ name: 'early', origin: 'bundled', enabled: true, missing: [], problem: null }]);
  expect(store.disable('early').enabled).toBe(false);
  expect(new PluginStore(where).get('early').enabled).toBe(false);
  expect(store.enable('early', ['start-up']).enabled).toBe(true);
  expect(() => store.remove('early')).toThrow('The plugin early came with Reveille: it can be disabled, not removed.');
});

test('a folder is used where it is, and asks for no more than it was granted', () => {
  const where = places();
  const store = new PluginStore(where);
  const folder = pluginFolder();
  expect(store.install(folder)).toMatchObject({
    name: 'late',
    origin: 'folder',
    folder,
    enabled: false,
    missing: ['start-up'],
  });
  expect(store.enable('late', ['start-up'])).toMatchObject({ enabled: true, missing: [] });

  const more = { ...MANIFEST, permissions: ['start-up', 'inject'] };
  writeFileSync(join(folder, 'reveille-plugin.json'), JSON.stringify(more));
  expect(new PluginStore(where).get('late')).toMatchObject({ enabled: false, missing: ['inject'] });
  expect(store.enable('late', ['start-up', 'inject']).enabled).toBe(true);

  store.remove('late');
  expect(existsSync(join(folder, 'index.ts'))).toBe(true);
  expect(() => store.get('late')).toThrow('There is no plugin "late".');
});

test('a package is unpacked, and a new version takes the place of the old one', () => {
  const where = places();
  const store = new PluginStore(where);
  const { folder } = store.install(packaged());
  expect(folder).toBe(join(where.dataDirectory, 'plugins/late-1.0.0'));
  expect(readFileSync(join(folder, 'lib/more.ts'), 'utf8')).toBe('export {};');
  store.enable('late', ['start-up']);

  const same = store.install(packaged({ version: '1.1.0' }));
  expect(same).toMatchObject({ enabled: true, manifest: { version: '1.1.0' } });
  expect(existsSync(folder)).toBe(false);

  const greedy = store.install(packaged({ version: '2.0.0', permissions: ['start-up', 'schedule'] }));
  expect(greedy).toMatchObject({ enabled: false, missing: ['schedule'] });

  store.remove('late');
  expect(existsSync(greedy.folder)).toBe(false);
  expect(store.list().map(({ name }) => name)).toEqual(['early']);
});

test('a folder in the place of a package leaves nothing of it behind', () => {
  const store = new PluginStore(places());
  const { folder } = store.install(packaged());
  store.install(pluginFolder());
  expect(store.list().map(({ origin }) => origin)).toEqual(['bundled', 'folder']);
  expect(existsSync(folder)).toBe(false);
});

describe('refused with a sentence', () => {
  test.each([
    ['/nowhere', '/nowhere cannot be read: no such file or directory (ENOENT).'],
    ['/dev/null', '/dev/null is neither a folder nor a .tgz file.'],
  ])('%s', (path, message) => {
    expect(() => new PluginStore(places()).install(path)).toThrow(message);
  });

  test('what is no plugin', () => {
    const store = new PluginStore(places());
    const folder = folderOf({ 'a.tgz': 'no archive' });
    expect(() => store.install(folder)).toThrow(`There is no plugin in ${folder}`);
    expect(() => store.install(join(folder, 'a.tgz'))).toThrow(
      'a.tgz: The package cannot be unpacked: incorrect header check.',
    );
    writeFileSync(join(folder, 'a.tgz'), packFiles([{ path: 'index.ts', bytes: text('') }]));
    expect(() => store.install(join(folder, 'a.tgz'))).toThrow(
      'a.tgz is no plugin: there is no reveille-plugin.json in it.',
    );
    expect(() => store.install(packaged({ version: 'one' }))).toThrow(
      'reveille-plugin.json: version must be a semantic version',
    );
    expect(store.list().map(({ name }) => name)).toEqual(['early']);
  });

  test('a name that a bundled plugin has', () => {
    const store = new PluginStore(places());
    expect(() => store.install(pluginFolder({ name: 'early' }))).toThrow('A plugin early came with Reveille');
    expect(() => store.install(packaged({ name: 'early' }))).toThrow('A plugin early came with Reveille');
  });

  test('a name that nobody has', () => {
    expect(() => new PluginStore(places()).get('erly')).toThrow('There is no plugin "erly". Did you mean early?');
  });

  test('a file that was changed by hand', () => {
    const where = places();
    mkdirSync(where.dataDirectory);
    writeFileSync(join(where.dataDirectory, 'plugins.json'), '{"plugins": [{"name": "late", "origin": "web"}]}');
    expect(() => new PluginStore(where).list()).toThrow(/plugins\.json cannot be read: .*Mend it, or move it away\./);
  });
});

test('a plugin that is gone, broken or renamed is told, and not used', () => {
  const store = new PluginStore(places());
  const folder = pluginFolder();
  store.install(folder);
  store.enable('late', ['start-up']);
  writeFileSync(join(folder, 'reveille-plugin.json'), JSON.stringify({ ...MANIFEST, name: 'later' }));
  expect(store.get('late')).toMatchObject({
    enabled: false,
    problem: expect.stringContaining('calls itself later now'),
  });
  writeFileSync(join(folder, 'reveille-plugin.json'), '{');
  expect(store.get('late')).toMatchObject({ enabled: false, problem: expect.stringContaining('is not JSON') });
  expect(() => store.enable('late', ['start-up'])).toThrow('The plugin late cannot be enabled: ');
});

import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { folderOf, pluginFolder } from '../plugins/testing/plugin-folder';
import { findPluginGuest, pluginGuests } from './plugin-guests';
import { PluginStore } from './plugin-store';

const GUESTS = [
  { name: 'probe', description: 'Asks around.', file: 'images/probe.bin', cmdline: 'beat=5' },
  { name: 'plain', description: 'Asks nothing.', file: 'plain.bin' },
];

/** A plugin `late` with two guests, installed from its folder. */
function installed() {
  const folder = pluginFolder({ guests: GUESTS }, { 'images/probe.bin': 'image', 'plain.bin': 'image' });
  const data = folderOf({});
  mkdirSync(join(data, 'bundled'));
  const store = new PluginStore({ bundled: pathToFileURL(`${data}/bundled/`), dataDirectory: data });
  store.install(folder);
  return { folder, store };
}

test('guests are offered and found as long as their plugin is enabled', () => {
  const { folder, store } = installed();
  expect(pluginGuests(store.list())).toEqual([]);
  expect(() => findPluginGuest('late/probe', store.list())).toThrow(
    'The guest late/probe is of a plugin that is not enabled: reveille plugin enable late',
  );
  store.enable('late', ['start-up']);
  expect(pluginGuests(store.list())).toEqual([
    { name: 'late/probe', title: 'of the plugin late', description: 'Asks around.', options: [], cmdline: 'beat=5' },
    { name: 'late/plain', title: 'of the plugin late', description: 'Asks nothing.', options: [] },
  ]);
  expect(findPluginGuest('late/probe', store.list())).toEqual({
    path: join(realpathSync(folder), 'images/probe.bin'),
    cmdline: 'beat=5',
  });
  store.disable('late');
  expect(() => findPluginGuest('late/plain', store.list())).toThrow('reveille plugin enable late');
});

test('another name is a path, unless it says a plugin and no guest of it', () => {
  const { store } = installed();
  store.enable('late', ['start-up']);
  const plugins = store.list();
  for (const name of ['roll-call', 'later/probe', './late/probe', 'late/probe/x', '../late', 'Late/probe']) {
    expect(findPluginGuest(name, plugins)).toBeNull();
  }
  expect(() => findPluginGuest('late/prob', plugins)).toThrow(
    'There is no guest prob in the plugin late, which has probe, plain.',
  );
});

test('an image lies in the plugin’s folder, is a file, and no bigger than a plugin’s files may be', () => {
  const { folder, store } = installed();
  store.enable('late', ['start-up']);
  const outside = join(folderOf({ secret: 'of somebody else' }), 'secret');
  const image = join(folder, 'plain.bin');
  rmSync(image);
  expect(() => findPluginGuest('late/plain', store.list())).toThrow(/There is no .*plain\.bin\./);
  symlinkSync(outside, image);
  expect(() => findPluginGuest('late/plain', store.list())).toThrow("leads out of the plugin's folder");
  rmSync(image);
  mkdirSync(image);
  expect(() => findPluginGuest('late/plain', store.list())).toThrow('is no regular file');
  rmSync(image, { recursive: true });
  writeFileSync(image, Buffer.alloc(8 * 2 ** 20 + 1));
  expect(() => findPluginGuest('late/plain', store.list())).toThrow('at most 8388608 are possible');
});

test('a plugin that cannot be used has no guests', () => {
  const { folder, store } = installed();
  store.enable('late', ['start-up']);
  writeFileSync(join(folder, 'reveille-plugin.json'), '{}');
  expect(pluginGuests(store.list())).toEqual([]);
  expect(() => findPluginGuest('late/plain', store.list())).toThrow('The plugin late cannot be used: ');
});

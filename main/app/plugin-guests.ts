/** The guests that plugins bring: called PLUGIN/NAME, files of the plugin's folder, to be run as long as it is enabled. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GuestManifest } from '../../plugins/api/manifest';
import type { PluginInfo } from '../../preload/contract/plugins';
import { checkFile, MAX_FILE } from '../plugins/folder';
import { AppError } from './errors';
import { type Guest, PLUGIN_GUEST } from './guests';

/** Those of all plugins that are enabled. */
export function pluginGuests(plugins: readonly PluginInfo[]): Guest[] {
  return plugins.flatMap(({ name: plugin, enabled, manifest }) =>
    enabled ? (manifest?.guests ?? []).map((guest) => listed(plugin, guest)) : [],
  );
}

function listed(plugin: string, { name, description, cmdline }: GuestManifest): Guest {
  const title = `of the plugin ${plugin}`;
  return { name: `${plugin}/${name}`, title, description, options: [], ...(cmdline !== undefined && { cmdline }) };
}

/**
 * The image, and the command line that it has where none is given; null: it is no plugin that the name speaks of. Throws a
 * sentence where the plugin has no such guest, or may not be used.
 */
export function findPluginGuest(
  name: string,
  plugins: readonly PluginInfo[],
): { path: string; cmdline: string | undefined } | null {
  const [, owner, guestName] = PLUGIN_GUEST.exec(name) ?? [];
  const plugin = plugins.find((candidate) => candidate.name === owner);
  if (plugin === undefined) return null;
  const { manifest, folder, enabled, problem } = plugin;
  if (manifest === null) throw new AppError('usage', `The plugin ${owner} cannot be used: ${problem}`);
  const { guests = [] } = manifest;
  const guest = guests.find((candidate) => candidate.name === guestName);
  if (guest === undefined) {
    if (existsSync(name)) return null;
    const there = guests.length === 0 ? 'has none' : `has ${guests.map((each) => each.name).join(', ')}`;
    throw new AppError('usage', `There is no guest ${guestName} in the plugin ${owner}, which ${there}.`);
  }
  if (!enabled) {
    throw new AppError(
      'usage',
      `The guest ${name} is of a plugin that is not enabled: reveille plugin enable ${owner}`,
    );
  }
  return { path: checkFile(folder, join(folder, guest.file), MAX_FILE), cmdline: guest.cmdline };
}

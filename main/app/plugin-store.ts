/** The plugins that this Reveille has: those that came with it, and those that a person installed. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Manifest } from '../../plugins/api/manifest';
import { readPluginFolder } from '../plugins/folder';
import { MANIFEST_FILE } from '../plugins/manifest';
import { ReveilleError } from './errors';

export interface PluginEntry {
  name: string;
  folder: string;
  origin: 'bundled' | 'folder' | 'package';
  enabled: boolean;
  /** Null where it cannot be used as it is, and `problem` says why. */
  manifest: Manifest | null;
  problem: string | null;
}

export interface PluginPlaces {
  /** The directory of the bundled plugins, a URL that ends in a slash. */
  bundled: URL;
  /** Where the app keeps what is a person's. */
  dataDirectory: string;
}

export class PluginStore {
  readonly #places: PluginPlaces;

  constructor(places: PluginPlaces) {
    this.#places = places;
  }

  list(): PluginEntry[] {
    return this.#bundled();
  }

  #bundled(): PluginEntry[] {
    const directory = fileURLToPath(this.#places.bundled);
    const names = readdirSync(directory).filter((name) => existsSync(join(directory, name, MANIFEST_FILE)));
    return names.map((name) => entryOf(name, join(directory, name), 'bundled', true));
  }
}

function entryOf(name: string, folder: string, origin: PluginEntry['origin'], enabled: boolean): PluginEntry {
  try {
    return { name, folder, origin, enabled, manifest: readPluginFolder(folder), problem: null };
  } catch (error) {
    if (!(error instanceof ReveilleError)) throw error;
    return { name, folder, origin, enabled, manifest: null, problem: error.message };
  }
}

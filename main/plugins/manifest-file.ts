/** The file that every plugin's folder has. Apart from folder.ts, as the type checker's thread has no use for manifests. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../plugins/api/manifest';
import { readBounded } from './folder';
import { MANIFEST_FILE, MAX_MANIFEST, readManifest } from './manifest';
import { PluginError } from './plugin-error';

/** The manifest of the plugin in a folder. */
export function readPluginFolder(folder: string): Manifest {
  const path = join(folder, MANIFEST_FILE);
  if (!existsSync(path)) {
    if (existsSync(folder) && statSync(folder).isFile()) {
      throw new PluginError(
        `${folder} is a file: a plugin is a folder, whose package "reveille plugin install" takes.`,
      );
    }
    throw new PluginError(`There is no plugin in ${folder}: its manifest would be ${MANIFEST_FILE} in that folder.`);
  }
  return readManifest(readBounded(folder, MANIFEST_FILE, 4 * MAX_MANIFEST), path);
}

/**
 * The plugins that this Reveille has: those that came with it, and those that a person installed. A folder is used where it is,
 * so that a saved file counts; a package is unpacked into the data directory. `plugins.json` remembers what a person decided.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import type { Manifest, Permission } from '../../plugins/api/manifest';
import type { PluginInfo } from '../../preload/contract/plugins';
import { MAX_PACKED, type PackedFile, unpackFiles } from '../plugins/archive';
import { CompileCache } from '../plugins/compile-cache';
import { readPluginFolder } from '../plugins/manifest-file';
import { MANIFEST_FILE, PERMISSIONS, readManifest } from '../plugins/manifest';
import { AppError, ReveilleError, systemReason } from './errors';
import { readJson, writeJson } from './json-file';
import { nearest } from './near-match';

export interface PluginPlaces {
  /** The directory of the bundled plugins, a URL that ends in a slash. */
  bundled: URL;
  /** Where the app keeps what is a person's. */
  dataDirectory: string;
}

const recordSchema = v.strictObject({
  name: v.string(),
  origin: v.picklist(['bundled', 'folder', 'package']),
  /** Of a bundled one null: it is where this Reveille is. */
  folder: v.nullable(v.string()),
  enabled: v.boolean(),
  granted: v.array(v.picklist(PERMISSIONS)),
});
type PluginRecord = v.InferOutput<typeof recordSchema>;
const fileSchema = v.strictObject({ plugins: v.array(recordSchema) });

const NO_MANIFEST: Pick<PluginInfo, 'manifest' | 'missing' | 'enabled'> = {
  manifest: null,
  missing: [],
  enabled: false,
};

export class PluginStore {
  /** Their scripts, as they were compiled last. */
  readonly compiled: CompileCache;
  readonly #bundledFolder: string;
  readonly #packages: string;
  readonly #file: string;

  constructor({ bundled, dataDirectory }: PluginPlaces) {
    this.#bundledFolder = fileURLToPath(bundled);
    this.compiled = new CompileCache(join(dataDirectory, 'compiled'));
    this.#packages = join(dataDirectory, 'plugins');
    this.#file = join(dataDirectory, 'plugins.json');
  }

  /** All, the bundled ones first, as they are on disk now. */
  list(): PluginInfo[] {
    const records = this.#read();
    const bundled = this.#bundled().map((name) => {
      const enabled = records.find((record) => record.name === name)?.enabled ?? true;
      return this.#info({ name, origin: 'bundled', folder: null, enabled, granted: [...PERMISSIONS] });
    });
    return [...bundled, ...records.filter(({ origin }) => origin !== 'bundled').map((record) => this.#info(record))];
  }

  get(name: string): PluginInfo {
    const plugins = this.list();
    const found = plugins.find((plugin) => plugin.name === name);
    if (found !== undefined) return found;
    const names = plugins.map((plugin) => plugin.name);
    const near = nearest(name, names);
    const meant = near === null ? '' : ` Did you mean ${near}?`;
    throw new AppError(
      'usage',
      `There is no plugin ${JSON.stringify(name.slice(0, 100))}.${meant} "reveille plugin list" shows all.`,
    );
  }

  /**
   * Makes a plugin known: from the path of its folder, or of a .tgz. It is not enabled by that, unless an older version was and
   * it asks for nothing more.
   */
  install(path: string): PluginInfo {
    return statOf(path).isDirectory() ? this.#link(resolve(path)) : this.#unpack(path);
  }

  /** `granted`: the permissions that the person was shown. */
  enable(name: string, granted: readonly Permission[]): PluginInfo {
    const plugin = this.get(name);
    if (plugin.problem !== null) throw new AppError('usage', `The plugin ${name} cannot be enabled: ${plugin.problem}`);
    this.#change(plugin, { enabled: true, granted: [...granted] });
    return this.get(name);
  }

  disable(name: string): PluginInfo {
    this.#change(this.get(name), { enabled: false });
    return this.get(name);
  }

  /** Forgets it; what was unpacked is deleted, a folder is its author's. */
  remove(name: string): void {
    const { origin, folder } = this.get(name);
    if (origin === 'bundled') {
      throw new AppError('usage', `The plugin ${name} came with Reveille: it can be disabled, not removed.`);
    }
    this.#write(this.#read().filter((record) => record.name !== name));
    if (origin === 'package') this.#delete(folder);
  }

  #bundled(): string[] {
    return readdirSync(this.#bundledFolder).filter((name) =>
      existsSync(join(this.#bundledFolder, name, MANIFEST_FILE)),
    );
  }

  #info({ name, origin, folder: kept, enabled, granted }: PluginRecord): PluginInfo {
    const folder = kept ?? join(this.#bundledFolder, name);
    const known = { name, origin, folder };
    try {
      const manifest = readPluginFolder(folder);
      if (manifest.name !== name) {
        const problem = `The plugin in ${folder} calls itself ${manifest.name} now: install it again.`;
        return { ...known, ...NO_MANIFEST, problem };
      }
      const missing = manifest.permissions.filter((permission) => !granted.includes(permission));
      return { ...known, manifest, missing, enabled: enabled && missing.length === 0, problem: null };
    } catch (error) {
      if (!(error instanceof ReveilleError)) throw error;
      return { ...known, ...NO_MANIFEST, problem: error.message };
    }
  }

  #link(folder: string): PluginInfo {
    const manifest = readPluginFolder(folder);
    return this.#add(manifest, { origin: 'folder', folder: realpathSync(folder) });
  }

  #unpack(path: string): PluginInfo {
    const files = readPackage(path);
    const source = files.find((file) => file.path === MANIFEST_FILE);
    if (source === undefined) throw new AppError('usage', `${path} is no plugin: there is no ${MANIFEST_FILE} in it.`);
    const manifest = readManifest(Buffer.from(source.bytes).toString(), `${path}, ${MANIFEST_FILE}`);
    this.#refuseBundled(manifest.name);
    const folder = join(this.#packages, `${manifest.name}-${manifest.version}`);
    this.#writeFiles(folder, files);
    return this.#add(manifest, { origin: 'package', folder });
  }

  #add({ name }: Manifest, where: Pick<PluginRecord, 'origin' | 'folder'>): PluginInfo {
    this.#refuseBundled(name);
    const records = this.#read();
    const before = records.find((record) => record.name === name);
    const { enabled, granted } = before ?? { enabled: false, granted: [] };
    this.#write([...records.filter((record) => record !== before), { name, ...where, enabled, granted }]);
    if (before?.origin === 'package' && before.folder !== null && before.folder !== where.folder)
      this.#delete(before.folder);
    return this.get(name);
  }

  #refuseBundled(name: string): void {
    if (this.#bundled().includes(name)) {
      throw new AppError(
        'usage',
        `A plugin ${name} came with Reveille: give yours another name in its ${MANIFEST_FILE}.`,
      );
    }
  }

  #change({ name, origin }: PluginInfo, change: Partial<PluginRecord>): void {
    const records = this.#read();
    const before = records.find((record) => record.name === name);
    const record = before ?? { name, origin, folder: null, enabled: true, granted: [] };
    this.#write([...records.filter((other) => other !== before), { ...record, ...change }]);
  }

  #read(): PluginRecord[] {
    const result = v.safeParse(fileSchema, readJson(this.#file) ?? { plugins: [] });
    if (result.success) return result.output.plugins;
    const [issue] = result.issues;
    throw new AppError(
      'host',
      `${this.#file} cannot be read: ${issue.message} (${v.getDotPath(issue)}). Mend it, or move it away.`,
    );
  }

  #write(plugins: PluginRecord[]): void {
    writeJson(this.#file, { plugins });
  }

  /** A folder is there whole or not at all. */
  #writeFiles(folder: string, files: PackedFile[]): void {
    const fresh = `${folder}.new`;
    try {
      rmSync(fresh, { recursive: true, force: true });
      for (const { path, bytes } of files) {
        mkdirSync(dirname(join(fresh, path)), { recursive: true, mode: 0o700 });
        writeFileSync(join(fresh, path), bytes, { flag: 'wx' });
      }
      rmSync(folder, { recursive: true, force: true });
      renameSync(fresh, folder);
    } catch (error) {
      throw new AppError('host', `${folder} cannot be written: ${systemReason(error)}.`, { cause: error });
    }
  }

  /** Only what was unpacked: plugins.json may have been changed by hand. */
  #delete(folder: string): void {
    if (resolve(folder).startsWith(this.#packages + sep)) rmSync(folder, { recursive: true, force: true });
  }
}

function readPackage(path: string): PackedFile[] {
  const { size } = statOf(path);
  if (size > MAX_PACKED)
    throw new AppError('usage', `${path} has ${size} bytes: a plugin's package has at most ${MAX_PACKED}.`);
  try {
    return unpackFiles(readFileSync(path));
  } catch (error) {
    if (error instanceof ReveilleError) throw new AppError('usage', `${path}: ${error.message}`, { cause: error });
    throw new AppError('host', `${path} cannot be read: ${systemReason(error)}.`, { cause: error });
  }
}

function statOf(path: string) {
  try {
    const status = statSync(path);
    if (status.isDirectory() || status.isFile()) return status;
  } catch (error) {
    throw new AppError('usage', `${path} cannot be read: ${systemReason(error)}.`, { cause: error });
  }
  throw new AppError('usage', `${path} is neither a folder nor a .tgz file.`);
}

/** The plugins as the app's window shows and changes them, and what their authors save while they work on them. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Permission } from '../../plugins/api/manifest';
import type { PluginProblem, ShownPlugin } from '../../preload/contract/plugins';
import { Emitter } from '../base/emitter';
import type { CompiledPlugin } from '../plugins/compile';
import { readBounded } from '../plugins/folder';
import type { TypeChecker } from '../plugins/typecheck';
import { AppError, ReveilleError } from './errors';
import { checkPlugin } from './plugin-author';
import type { PluginStore } from './plugin-store';
import { PluginWatch } from './plugin-watch';

const PAGE_FILE = 'README.md';
const MAX_PAGE = 256 * 1024;
const MAX_PANEL = 2 * 2 ** 20;

/** A plugin that its author has saved, as it is now. */
export interface SavedPlugin {
  name: string;
  compiled: CompiledPlugin;
}

export class PluginDesk {
  readonly #store: PluginStore;
  readonly #types: TypeChecker;
  readonly #watches = new Map<string, { folder: string; watch: PluginWatch }>();
  readonly #problems = new Map<string, readonly PluginProblem[]>();
  readonly #changes = new Emitter<ShownPlugin[]>();
  readonly #saved = new Emitter<SavedPlugin>();

  /** With all plugins as they are now. */
  readonly onChange = this.#changes.event;
  readonly onSaved = this.#saved.event;

  constructor(store: PluginStore, types: TypeChecker) {
    this.#store = store;
    this.#types = types;
  }

  list(): ShownPlugin[] {
    const plugins = this.#store.list();
    this.#watch(plugins.flatMap(({ name, origin, folder }) => (origin === 'folder' ? [{ name, folder }] : [])));
    return plugins.map((plugin) => ({ ...plugin, problems: this.#problems.get(plugin.name) ?? [] }));
  }

  /** From the path of a folder or a package. */
  install(path: string): { name: string } {
    if (!path.startsWith('/')) {
      throw new AppError('usage', `"${path}" does not say where the plugin is: give its whole path, from / on.`);
    }
    return this.#changed(this.#store.install(path));
  }

  /** From a package that came as bytes. */
  unpack(bytes: Uint8Array): { name: string } {
    const folder = mkdtempSync(join(tmpdir(), 'reveille-plugin-'));
    try {
      const path = join(folder, 'plugin.tgz');
      writeFileSync(path, bytes);
      return this.#changed(this.#store.install(path));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** `granted`: what the person was shown; where the plugin asks for something else by now, nothing is granted. */
  enable(name: string, granted: readonly Permission[]): null {
    const asked = this.#store.get(name).manifest?.permissions ?? [];
    if (asked.some((permission) => !granted.includes(permission))) {
      throw new AppError('usage', `The plugin ${name} asks for other permissions than were shown: look at it again.`);
    }
    this.#changed(this.#store.enable(name, asked));
    return null;
  }

  disable(name: string): null {
    this.#changed(this.#store.disable(name));
    return null;
  }

  remove(name: string): null {
    this.#store.remove(name);
    this.#tell();
    return null;
  }

  /** What the plugin says of itself, as Markdown; null: nothing. */
  page(name: string): string | null {
    return this.#read(name, PAGE_FILE, MAX_PAGE);
  }

  /** The HTML of a panel of a plugin that is enabled, by the path that the page asks for; null: there is none. */
  panel(path: string): string | null {
    const [, plugin, panel] = /^\/plugin-panel\/([a-z0-9-]+)\/([a-z0-9-]+)$/.exec(path) ?? [];
    if (plugin === undefined) return null;
    const found = this.#store.list().find(({ name, enabled }) => enabled && name === plugin);
    const file = found?.manifest?.panels?.find(({ name }) => name === panel)?.file;
    return file === undefined ? null : this.#read(plugin, file, MAX_PANEL);
  }

  close(): void {
    for (const { watch } of this.#watches.values()) watch.close();
    this.#types.dispose();
  }

  #read(name: string, file: string, max: number): string | null {
    try {
      return readBounded(this.#store.get(name).folder, file, max);
    } catch (error) {
      if (error instanceof ReveilleError) return null;
      throw error;
    }
  }

  #changed({ name }: { name: string }): { name: string } {
    this.#tell();
    return { name };
  }

  #tell(): void {
    this.#changes.fire(this.list());
  }

  /** Those that are used where their authors work on them. */
  #watch(linked: { name: string; folder: string }[]): void {
    for (const [name, { folder, watch }] of this.#watches) {
      if (linked.some((plugin) => plugin.name === name && plugin.folder === folder)) continue;
      watch.close();
      this.#watches.delete(name);
      this.#problems.delete(name);
    }
    for (const { name, folder } of linked) {
      if (!this.#watches.has(name)) this.#begin(name, folder);
    }
  }

  #begin(name: string, folder: string): void {
    // A folder that is gone is a problem of the plugin's own (`PluginInfo.problem`).
    if (!existsSync(folder)) return;
    const watch = new PluginWatch(folder, this.#types, this.#store.compiled);
    this.#watches.set(name, { folder, watch });
    watch.onChange((change) => {
      if (change.type === 'problems') {
        this.#found(watch, name, change.problems);
        return;
      }
      this.#saved.fire({ name, compiled: change.compiled });
      // Its manifest may be another one, too.
      this.#found(watch, name, []);
    });
    // What is wrong already.
    checkPlugin(folder, this.#types).then(
      (problems) => this.#found(watch, name, problems),
      (error: Error) => this.#found(watch, name, [{ file: null, line: null, column: null, message: error.message }]),
    );
  }

  #found(watch: PluginWatch, name: string, problems: readonly PluginProblem[]): void {
    if (this.#watches.get(name)?.watch !== watch) return;
    this.#problems.set(name, problems);
    this.#tell();
  }
}

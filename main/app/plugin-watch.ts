/**
 * A plugin's folder while its author works on it: what is saved is compiled and handed on, so that a machine that runs goes on
 * with it. Types are looked at afterwards: nobody waits for them.
 */
import { type FSWatcher, watch } from 'node:fs';
import type { PluginProblem } from '../../preload/contract/plugins';
import { Emitter } from '../base/emitter';
import { CompileError, type CompiledPlugin, compilePlugin } from '../plugins/compile';
import { readPluginFolder } from '../plugins/folder';
import { PluginError } from '../plugins/plugin-error';
import type { TypeChecker } from '../plugins/typecheck';
import type { Manifest } from '../../plugins/api/manifest';

export type PluginChange =
  /** It is as its author wants it, and can be used. */
  | { type: 'compiled'; manifest: Manifest; compiled: CompiledPlugin }
  /** What is wrong with it now; none: nothing is. */
  | { type: 'problems'; problems: readonly PluginProblem[] };

/** Editors write a file in several steps: what comes within this time is one save. */
const QUIET_MS = 20;

export class PluginWatch {
  readonly folder: string;
  readonly #types: TypeChecker;
  readonly #changes = new Emitter<PluginChange>();
  readonly #watcher: FSWatcher;
  #timer: NodeJS.Timeout | null = null;
  /** The code that was handed on last. */
  #last = '';
  /** Counts saves, so that what was found out about an older one is dropped. */
  #save = 0;
  #closed = false;

  readonly onChange = this.#changes.event;

  /** Says nothing before something is saved. */
  constructor(folder: string, types: TypeChecker) {
    this.folder = folder;
    this.#types = types;
    // Of the folder, not of its files: a file that an editor renames over another is a new one.
    this.#watcher = watch(folder, { recursive: true }, () => this.#touched());
    this.#watcher.on('error', (error) => this.#tell(this.#save, [problemOf(error)]));
  }

  close(): void {
    this.#closed = true;
    this.#watcher.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #touched(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#saved(), QUIET_MS);
  }

  async #saved(): Promise<void> {
    const save = ++this.#save;
    try {
      const manifest = readPluginFolder(this.folder);
      const compiled = await compilePlugin(this.folder);
      if (save !== this.#save || this.#closed) return;
      const text = JSON.stringify([manifest, compiled.code]);
      if (text !== this.#last) this.#changes.fire({ type: 'compiled', manifest, compiled });
      this.#last = text;
      this.#tell(save, await this.#types.check(this.folder));
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      this.#tell(save, error instanceof CompileError ? error.problems : [problemOf(error)]);
    }
  }

  #tell(save: number, problems: readonly PluginProblem[]): void {
    if (save === this.#save && !this.#closed) this.#changes.fire({ type: 'problems', problems });
  }
}

function problemOf({ message }: Error): PluginProblem {
  return { file: null, line: null, column: null, message };
}

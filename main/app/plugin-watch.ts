/**
 * A plugin's folder while its author works on it: what is saved is compiled and handed on, so that a machine that runs goes on
 * with it. Types are looked at afterwards: nobody waits for them.
 */
import { type FSWatcher, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Manifest } from '../../plugins/api/manifest';
import type { PluginProblem } from '../../preload/contract/plugins';
import { Emitter } from '../base/emitter';
import { CompileError, type CompiledPlugin } from '../plugins/compile';
import type { CompileCache } from '../plugins/compile-cache';
import { folderPath } from '../plugins/folder';
import { readPluginFolder } from '../plugins/manifest-file';
import { PluginError } from '../plugins/plugin-error';
import type { TypeChecker } from '../plugins/typecheck';

export type PluginChange =
  /** It was changed, and can be used. */
  | { type: 'compiled'; manifest: Manifest; compiled: CompiledPlugin }
  /** What is wrong with it now; none: nothing is. */
  | { type: 'problems'; problems: readonly PluginProblem[] };

/** Editors write a file in several steps: what comes within this time is one save. */
const QUIET_MS = 20;

export class PluginWatch {
  /** Settles when nothing that is saved from now on is missed. */
  readonly ready: Promise<void>;
  readonly #folder: string;
  readonly #types: TypeChecker;
  readonly #compiled: CompileCache;
  readonly #changes = new Emitter<PluginChange>();
  /** Of folders, not of files: a file that an editor renames over another is a new one. */
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | null = null;
  /** What was compiled last, as text. */
  #last = '';
  /** Counts saves, so that what was found out about an older one is dropped. */
  #save = 0;
  #closed = false;

  readonly onChange = this.#changes.event;

  /** Says nothing before something is saved. */
  constructor(folder: string, types: TypeChecker, compiled: CompileCache) {
    this.#folder = folderPath(folder);
    this.#types = types;
    this.#compiled = compiled;
    this.#watch('.');
    this.ready = this.#compile().then(
      () => {},
      // It will be told when it is saved once more and still so.
      (error: unknown) => void asProblems(error),
    );
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  #watch(directory: string): void {
    if (this.#watchers.has(directory) || this.#closed) return;
    const watcher = watch(join(this.#folder, directory), () => this.#touched());
    watcher.on('error', (error) => this.#tell(this.#save, [problem(error.message)]));
    this.#watchers.set(directory, watcher);
  }

  #touched(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#saved(), QUIET_MS);
  }

  async #saved(): Promise<void> {
    const save = ++this.#save;
    try {
      await this.ready;
      const change = await this.#compile();
      if (save !== this.#save || this.#closed) return;
      if (change !== null) this.#changes.fire(change);
      this.#tell(save, await this.#types.check(this.#folder));
    } catch (error) {
      this.#tell(save, asProblems(error));
    }
  }

  /** Null where that makes no difference. */
  async #compile(): Promise<PluginChange | null> {
    const manifest = readPluginFolder(this.#folder);
    const compiled = await this.#compiled.compile(this.#folder);
    for (const file of compiled.files) this.#watch(dirname(file));
    const text = JSON.stringify([manifest, compiled.code]);
    if (text === this.#last) return null;
    this.#last = text;
    return { type: 'compiled', manifest, compiled };
  }

  #tell(save: number, problems: readonly PluginProblem[]): void {
    if (save === this.#save && !this.#closed) this.#changes.fire({ type: 'problems', problems });
  }
}

function asProblems(error: unknown): readonly PluginProblem[] {
  if (error instanceof CompileError) return error.problems;
  if (error instanceof PluginError) return [problem(error.message)];
  throw error;
}

function problem(message: string): PluginProblem {
  return { file: null, line: null, column: null, message };
}

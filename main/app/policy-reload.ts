/** The policies of a run while their authors work on them: a saved file makes a new program for the same place. */
import type { PolicyChoice } from '../../plugins/api/manifest';
import type { PluginProblem } from '../../preload/contract/plugins';
import type { PolicyProgram } from '../../preload/contract/policies';
import { Emitter } from '../base/emitter';
import type { TypeChecker } from '../plugins/typecheck';
import { ReveilleError } from './errors';
import { type PluginChange, PluginWatch } from './plugin-watch';
import { type FoundPolicy, type PolicyMachine, findPolicy, policyProgram } from './policies';
import type { PluginStore } from './plugin-store';

/** A policy's new program; `index`: its place among the run's choices. */
export interface PolicyReload {
  index: number;
  program: PolicyProgram;
}

/** What is wrong with a plugin of the run now; none: nothing is. */
export interface ReloadProblems {
  plugin: string;
  problems: readonly PluginProblem[];
}

interface Place {
  index: number;
  choice: PolicyChoice;
  found: FoundPolicy;
}

export class PolicyReloader {
  /** Settles when nothing that is saved from now on is missed. */
  readonly ready: Promise<unknown>;
  readonly #machine: PolicyMachine;
  readonly #store: PluginStore;
  readonly #watches: PluginWatch[];
  readonly #reloads = new Emitter<PolicyReload>();
  readonly #problems = new Emitter<ReloadProblems>();

  readonly onReload = this.#reloads.event;
  readonly onProblems = this.#problems.event;

  /** Watches those whose plugins are used where their authors work on them, if any. */
  constructor(choices: readonly PolicyChoice[], machine: PolicyMachine, store: PluginStore, types: TypeChecker) {
    this.#machine = machine;
    this.#store = store;
    const places = choices
      .map((choice, index): Place => ({ index, choice, found: findPolicy(choice.policy, store) }))
      .filter(({ found }) => found.linked);
    const folders = new Set(places.map(({ found }) => found.folder));
    this.#watches = [...folders].map((folder) => {
      const watch = new PluginWatch(folder, types);
      const here = places.filter(({ found }) => found.folder === folder);
      let refused: PluginProblem[] = [];
      watch.onChange((change) => {
        if (change.type === 'compiled') refused = this.#reload(here, change);
        const found = change.type === 'problems' ? change.problems : [];
        const problems = [...refused, ...found];
        if (change.type === 'problems' || refused.length > 0) {
          this.#problems.fire({ plugin: here[0].found.manifest.name, problems });
        }
      });
      return watch;
    });
    this.ready = Promise.all(this.#watches.map((watch) => watch.ready));
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }

  /** What keeps the new programs from being used; nothing: they are. */
  #reload(places: Place[], { compiled }: Extract<PluginChange, { type: 'compiled' }>): PluginProblem[] {
    try {
      const reloads = places.map(({ index, choice }) => {
        // Whether it may still be used, and what it is now.
        const found = findPolicy(choice.policy, this.#store);
        return { index, program: policyProgram(found, choice.options, this.#machine, compiled) };
      });
      for (const reload of reloads) this.#reloads.fire(reload);
      return [];
    } catch (error) {
      if (!(error instanceof ReveilleError)) throw error;
      return [{ file: null, line: null, column: null, message: error.message }];
    }
  }
}

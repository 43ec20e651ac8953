/**
 * Type errors of plugins, found in a thread of its own: TypeScript takes a good part of a second, and half of that again for
 * each further look. What a check may take is bounded, since types can be made to compute.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { PluginError } from './plugin-error';
import type { TypeProblem } from './type-program';

export type { TypeProblem };

/** Until an idle thread is ended; it holds some 150 MB. */
const IDLE_MS = 60_000;
const LONGEST_MS = 30_000;
const MOST_MEGABYTES = 1024;

export type TypeAnswer = { id: number } & ({ problems: TypeProblem[] } | { error: string });

interface Waiting {
  resolve(problems: TypeProblem[]): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

export class TypeChecker {
  readonly #entry: URL;
  readonly #api: string;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #next = 1;

  /** `entry`: the built typecheck-worker; `api`: the directory of the API's types, a URL that ends in a slash. */
  constructor(entry: URL, api: URL) {
    this.#entry = entry;
    this.#api = fileURLToPath(api).replace(/\/$/, '');
  }

  /** What is wrong with the types of the plugin in a folder; rejects with a PluginError where that cannot be told. */
  check(folder: string): Promise<TypeProblem[]> {
    const worker = (this.#worker ??= this.#start());
    if (this.#idle !== null) clearTimeout(this.#idle);
    worker.ref();
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end(new PluginError(`The types in ${folder} could not be checked within ${LONGEST_MS / 1000} s.`));
      }, LONGEST_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      worker.postMessage({ id, folder });
    });
  }

  dispose(): void {
    this.#end(new PluginError('The check of the types was given up.'));
  }

  #start(): Worker {
    const worker = new Worker(this.#entry, {
      workerData: this.#api,
      resourceLimits: { maxOldGenerationSizeMb: MOST_MEGABYTES },
    });
    worker.on('message', (answer: TypeAnswer) => this.#receive(answer));
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#end(new PluginError(`The types could not be checked: ${error.message}.`));
    });
    return worker;
  }

  #receive(answer: TypeAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    clearTimeout(waiting.timer);
    if ('problems' in answer) waiting.resolve(answer.problems);
    else waiting.reject(new PluginError(answer.error));
    if (this.#waiting.size > 0) return;
    this.#worker?.unref();
    this.#idle = setTimeout(() => this.dispose(), IDLE_MS).unref();
  }

  #end(reason: PluginError): void {
    void this.#worker?.terminate();
    this.#worker = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#waiting.clear();
  }
}

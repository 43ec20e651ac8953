/**
 * A plugin's compiled script in a JavaScript engine of its own, where it is looked at and not at work: its exports, its tests.
 * Code of a plugin is nobody's to trust: plain data goes in, text comes out, and time, memory and stack are bounded.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { JSException, type JSValueHandle, QuickJS } from 'quickjs-wasi';
import type { CompiledPlugin } from './compile';
import { PluginError } from './plugin-error';
import { PLUGIN_FILE, mapStack } from './stack-trace';

const MEMORY_LIMIT = 128 * 2 ** 20;
const STACK_LIMIT = 256 * 1024;
/** Of this process's processor time: what else the host has to do takes nothing from it. */
const DEADLINE_MS = 2000;
const MAX_MESSAGE = 1000;

let engine: WebAssembly.Module | null = null;

export class PluginScript {
  readonly #vm: QuickJS;
  readonly #deadline: { at: number };
  readonly #sourceMap: string;

  private constructor(vm: QuickJS, deadline: { at: number }, sourceMap: string) {
    this.#vm = vm;
    this.#deadline = deadline;
    this.#sourceMap = sourceMap;
  }

  /** Runs the script; rejects with a PluginError that leads to the plugin's own lines. */
  static async load({ code, sourceMap }: CompiledPlugin): Promise<PluginScript> {
    engine ??= new WebAssembly.Module(
      readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')),
    );
    const deadline = { at: 0 };
    const vm = await QuickJS.create({
      wasm: engine,
      memoryLimit: MEMORY_LIMIT,
      maxStackSize: STACK_LIMIT,
      interruptHandler: () => processorMs() > deadline.at,
    });
    const script = new PluginScript(vm, deadline, sourceMap);
    try {
      script.#guard(() => vm.evalCode(code, PLUGIN_FILE));
      return script;
    } catch (error) {
      script.dispose();
      throw error;
    }
  }

  /** What a function, written in JavaScript, makes of these arguments: JSON, or undefined where it gives none. */
  call(source: string, ...args: (string | number)[]): unknown {
    const vm = this.#vm;
    const result = this.#guard(() => {
      const values = args.map((arg) => (typeof arg === 'string' ? vm.newString(arg) : vm.newNumber(arg)));
      return vm.callFunction(vm.evalCode(source), vm.undefined, ...values);
    });
    if (!result.isString) return undefined;
    try {
      return JSON.parse(result.toString());
    } catch (error) {
      throw new PluginError(`It answers with what is no JSON: ${(error as Error).message}.`, { cause: error });
    }
  }

  dispose(): void {
    this.#vm.dispose();
  }

  #guard(run: () => JSValueHandle): JSValueHandle {
    this.#deadline.at = processorMs() + DEADLINE_MS;
    try {
      return run();
    } catch (error) {
      if (!(error instanceof JSException)) throw error;
      const late = processorMs() > this.#deadline.at;
      const message = late ? `It took longer than ${DEADLINE_MS / 1000} s.` : messageOf(error);
      throw new PluginError(`${message}${mapStack(error.stack ?? '', this.#sourceMap)}`, { cause: error });
    }
  }
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function messageOf({ name, message }: JSException): string {
  return (name === 'Error' ? message : `${name}: ${message}`).slice(0, MAX_MESSAGE);
}

/**
 * A plugin's tests (plugins/api/tests.ts) in a JavaScript engine of their own: what they want to be run, and whether what came
 * of it is right. Code of a plugin is nobody's to trust, its tests neither: plain data goes in and out.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { TraceMap, originalPositionFor } from '@jridgewell/trace-mapping';
import { JSException, type JSValueHandle, QuickJS } from 'quickjs-wasi';
import * as v from 'valibot';
import type { PolicyTest, TestRun } from '../../plugins/api/tests';
import { show } from '../base/show';
import type { CompiledPlugin } from './compile';
import { PluginError } from './plugin-error';

const MEMORY_LIMIT = 128 * 2 ** 20;
const STACK_LIMIT = 256 * 1024;
const PLUGIN_FILE = 'plugin.js';
/** For one look at a run. */
const DEADLINE_MS = 2000;
const MAX_TESTS = 500;
const MAX_TEXT = 1000;

export type DeclaredTest = Omit<PolicyTest, 'check'>;

const mustBe = (expected: string) => (issue: v.BaseIssue<unknown>) => `must be ${expected}, not ${show(issue.input)}`;
const text = v.pipe(v.string(mustBe('text')), v.maxLength(MAX_TEXT, `has more than ${MAX_TEXT} characters`));
const count = v.pipe(v.number(mustBe('a whole number')), v.safeInteger(mustBe('a whole number')));
const value = v.union([v.boolean(), v.number(), text, v.array(v.number())], mustBe('a value that an option can have'));
const testsSchema: v.GenericSchema<unknown, DeclaredTest[]> = v.pipe(
  v.array(
    v.strictObject(
      {
        name: v.pipe(text, v.minLength(1, 'must not be empty')),
        guest: text,
        cpus: v.exactOptional(count),
        cmdline: v.exactOptional(text),
        policy: v.exactOptional(text),
        options: v.exactOptional(v.record(v.string(), value)),
        seed: v.exactOptional(count),
        timeLimit: v.exactOptional(text),
      },
      (issue) => (issue.expected === 'never' ? 'is not known in a test' : 'is missing'),
    ),
    mustBe('a list of tests'),
  ),
  v.maxLength(MAX_TESTS, `has more than ${MAX_TESTS} tests`),
);

/** What is evaluated after the tests: only text comes out of it. */
const READ_TESTS = `(() => {
  const { tests } = plugin;
  if (!Array.isArray(tests)) throw new TypeError('test.ts exports no list "tests".');
  return JSON.stringify(tests.map(({ check, ...rest }) => {
    if (typeof check !== 'function') throw new TypeError('The test ' + JSON.stringify(rest.name) + ' has no function "check".');
    return rest;
  }));
})()`;
const CHECK = `((index, run) => {
  const result = plugin.tests[index].check(JSON.parse(run));
  if (result instanceof Promise) throw new TypeError('"check" must not be async: it is over when it returns.');
})`;

let engine: WebAssembly.Module | null = null;

export class TestScript {
  readonly tests: readonly DeclaredTest[];
  readonly #vm: QuickJS;
  readonly #clock: { end: number };
  readonly #sourceMap: string;

  private constructor(vm: QuickJS, clock: { end: number }, sourceMap: string) {
    this.#vm = vm;
    this.#clock = clock;
    this.#sourceMap = sourceMap;
    const said = this.#call(() => vm.evalCode(READ_TESTS)).toString();
    const result = v.safeParse(testsSchema, JSON.parse(said), { abortEarly: true });
    if (!result.success) {
      const [issue] = result.issues;
      throw new PluginError(`tests${placeOf(issue)} ${issue.message}.`);
    }
    this.tests = result.output;
  }

  /** `script`: test.ts, compiled. Rejects with a PluginError where its tests cannot be read. */
  static async load({ code, sourceMap }: CompiledPlugin): Promise<TestScript> {
    engine ??= new WebAssembly.Module(
      readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')),
    );
    const clock = { end: 0 };
    const vm = await QuickJS.create({
      wasm: engine,
      memoryLimit: MEMORY_LIMIT,
      maxStackSize: STACK_LIMIT,
      interruptHandler: () => Date.now() > clock.end,
    });
    try {
      guard(clock, sourceMap, () => vm.evalCode(code, PLUGIN_FILE));
      return new TestScript(vm, clock, sourceMap);
    } catch (error) {
      vm.dispose();
      throw error;
    }
  }

  /** What is wrong with a run, in the tests' own words and lines; null: nothing. */
  check(index: number, run: TestRun): string | null {
    const vm = this.#vm;
    try {
      this.#call(() => {
        const args = [vm.newNumber(index), vm.newString(JSON.stringify(run))];
        return vm.callFunction(vm.evalCode(CHECK), vm.undefined, ...args);
      });
      return null;
    } catch (error) {
      if (error instanceof PluginError) return error.message;
      throw error;
    }
  }

  dispose(): void {
    this.#vm.dispose();
  }

  #call(run: () => JSValueHandle): JSValueHandle {
    return guard(this.#clock, this.#sourceMap, run);
  }
}

/** Within its time, and with what it throws as a PluginError that leads to the plugin's lines. */
function guard(clock: { end: number }, sourceMap: string, run: () => JSValueHandle): JSValueHandle {
  clock.end = Date.now() + DEADLINE_MS;
  try {
    return run();
  } catch (error) {
    if (!(error instanceof JSException)) throw error;
    const late = Date.now() > clock.end;
    const message = late ? `It took longer than ${DEADLINE_MS / 1000} s.` : messageOf(error);
    throw new PluginError(`${message}\n${mapStack(error.stack ?? '', sourceMap)}`.trimEnd(), { cause: error });
  }
}

function messageOf({ name, message }: JSException): string {
  return (name === 'Error' ? message : `${name}: ${message}`).slice(0, MAX_TEXT);
}

function placeOf({ path }: v.BaseIssue<unknown>): string {
  return (path ?? []).map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
}

/** The frames of a stack that are the plugin's own, in the lines that its author wrote. */
function mapStack(stack: string, sourceMap: string): string {
  const map = new TraceMap(sourceMap);
  const frames = stack.split('\n').flatMap((frame) => {
    const [, name, line, column] = /^\s*at (\S+) \(plugin\.js:(\d+):(\d+)\)/.exec(frame) ?? [];
    if (name === undefined) return [];
    const {
      source,
      line: written,
      column: at,
    } = originalPositionFor(map, { line: Number(line), column: Number(column) - 1 });
    return source === null ? [] : [`    at ${name} (${source}:${written}:${at + 1})`];
  });
  return frames.join('\n');
}

/** A plugin's tests (plugins/api/tests.ts): what they want to be run, and whether what came of it is right. */
import * as v from 'valibot';
import type { PolicyTest, TestRun } from '../../plugins/api/tests';
import { show } from '../base/show';
import type { CompiledPlugin } from './compile';
import { PluginError } from './plugin-error';
import { PluginScript } from './script';

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

const READ_TESTS = `() => {
  const { tests } = plugin;
  if (!Array.isArray(tests)) throw new TypeError('test.ts exports no list "tests".');
  return JSON.stringify(tests.map(({ check, ...rest }) => {
    if (typeof check !== 'function') throw new TypeError('The test ' + JSON.stringify(rest.name) + ' has no function "check".');
    return rest;
  }));
}`;
const CHECK = `(index, run) => {
  const result = plugin.tests[index].check(JSON.parse(run));
  if (result instanceof Promise) throw new TypeError('"check" must not be async: it is over when it returns.');
}`;

export class TestScript {
  readonly tests: readonly DeclaredTest[];
  readonly #script: PluginScript;

  private constructor(script: PluginScript) {
    this.#script = script;
    const result = v.safeParse(testsSchema, script.call(READ_TESTS), { abortEarly: true });
    if (!result.success) {
      const [issue] = result.issues;
      throw new PluginError(`tests${placeOf(issue)} ${issue.message}.`);
    }
    this.tests = result.output;
  }

  /** `compiled`: of test.ts. Rejects with a PluginError where its tests cannot be read. */
  static async load(compiled: CompiledPlugin): Promise<TestScript> {
    const script = await PluginScript.load(compiled);
    try {
      return new TestScript(script);
    } catch (error) {
      script.dispose();
      throw error;
    }
  }

  /** What is wrong with a run, in the tests' own words and lines; null: nothing. */
  check(index: number, run: TestRun): string | null {
    try {
      this.#script.call(CHECK, index, JSON.stringify(run));
      return null;
    } catch (error) {
      if (error instanceof PluginError) return error.message;
      throw error;
    }
  }

  dispose(): void {
    this.#script.dispose();
  }
}

function placeOf({ path }: v.BaseIssue<unknown>): string {
  return (path ?? []).map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
}

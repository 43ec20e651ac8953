/** Files that an author saves, as editors save them, and what comes of it. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { PluginStore } from '../main/app/plugin-store';
import { PluginWatch } from '../main/app/plugin-watch';
import { findPolicy, type PolicyMachine, policyProgram } from '../main/app/policies';
import { RunPolicies } from '../main/app/run-policies';
import type { PolicyProgram } from '../preload/contract/policies';
import { TypeChecker } from '../main/plugins/typecheck';
import { MANIFEST, SOURCE, folderOf, pluginFolder } from '../main/plugins/testing/plugin-folder';

const MACHINE: PolicyMachine = { cpus: 4, bsp: 0, irqchip: 'exact', accelerator: 'wasm' };
const types = new TypeChecker(
  new URL('../out/typecheck-worker.js', import.meta.url),
  new URL('../plugins/api/', import.meta.url),
);
afterAll(() => types.dispose());

class Author {
  readonly folder: string;
  readonly store: PluginStore;
  /** What the machine's process is told; `index`: the policy's place; `told`: how often problems had been told by then. */
  readonly reloads: { index: number; program: PolicyProgram; told: number }[] = [];
  readonly problems: { problems: readonly unknown[] }[] = [];
  readonly #watch: PluginWatch;

  constructor(folder: string, policy = folder) {
    this.folder = folder;
    const data = folderOf({});
    mkdirSync(join(data, 'bundled'));
    this.store = new PluginStore({ bundled: pathToFileURL(`${data}/bundled/`), dataDirectory: data });
    this.store.install(folder);
    this.store.enable('late', ['start-up']);
    const choices = [{ policy, options: { by: '7ms' } }];
    const script = { code: '', sourceMap: '', files: [] };
    const programs = [policyProgram(findPolicy(policy, this.store), choices[0].options, MACHINE, script)];
    const policies = new RunPolicies(
      {
        send: (command) => {
          if (command.type !== 'policy-reload') return;
          this.reloads.push({ index: command.author - 1, program: command.program, told: this.problems.length });
        },
      },
      { programs, choices },
      this.store,
    );
    this.#watch = new PluginWatch(folder, types, this.store.compiled);
    let refused: { message: string }[] = [];
    this.#watch.onChange((change) => {
      if (change.type === 'compiled') {
        refused = policies.reload({ name: 'late', compiled: change.compiled }, MACHINE).map((message) => ({ message }));
        if (refused.length > 0) this.problems.push({ problems: refused });
      } else this.problems.push({ problems: [...refused, ...change.problems] });
    });
    onTestFinished(() => this.#watch.close());
  }

  get ready(): Promise<unknown> {
    return this.#watch.ready;
  }

  save(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }
}

async function reloaded(author: Author, count: number): Promise<void> {
  await expect.poll(() => author.reloads.length).toBe(count);
}

/** What is told last. */
async function told(author: Author, problems: unknown[]): Promise<void> {
  await expect.poll(() => author.problems.at(-1)?.problems).toEqual(problems);
}

const changed = (word: string): string => SOURCE.replace(`reason: 'late'`, `reason: '${word}'`);

test('a file that is saved makes a new program in the same place, with the options of the run', async () => {
  const author = new Author(pluginFolder());
  await author.ready;
  author.save('index.ts', changed('later'));
  await reloaded(author, 1);
  const [{ index, program }] = author.reloads;
  expect(index).toBe(0);
  expect(program).toMatchObject({ plugin: 'late', policy: 'late', options: { by: 7_000_000 } });
  expect(program.code).toContain('reason: "later"');
  await told(author, []);
});

test('editors that write beside and rename, in several steps, are one save; a save of the same is none', async () => {
  const author = new Author(pluginFolder(), 'late');
  await author.ready;
  author.save('.index.ts.swp', 'x');
  author.save('index.ts~', '');
  for (const word of ['one', 'two', 'three']) {
    author.save('index.ts.new', changed(word));
    renameSync(join(author.folder, 'index.ts.new'), join(author.folder, 'index.ts'));
  }
  await reloaded(author, 1);
  expect(author.reloads[0].program.code).toContain('reason: "three"');
  await told(author, []);
  author.save('index.ts', changed('three'));
  author.save('index.ts', `${changed('three')}\n// no difference\n`);
  author.save('index.ts', changed('four'));
  await reloaded(author, 2);
});

test('a file below that is imported counts, also one that comes later', async () => {
  const author = new Author(pluginFolder());
  await author.ready;
  mkdirSync(join(author.folder, 'lib'));
  author.save('lib/word.ts', `export const word = 'low';`);
  author.save('index.ts', SOURCE.replace(`'late' }`, `word }`).replace('\n', `\nimport { word } from './lib/word';\n`));
  await reloaded(author, 1);
  author.save('lib/word.ts', `export const word = 'high';`);
  await reloaded(author, 2);
  expect(author.reloads[1].program.code).toContain('"high"');
});

test('what does not compile is told at its line and changes nothing, until it is mended', async () => {
  const author = new Author(pluginFolder());
  await author.ready;
  author.save('index.ts', 'export const policies = ;');
  await told(author, [
    { file: 'index.ts', line: 1, column: 25, message: 'Unexpected ";".', text: 'export const policies = ;' },
  ]);
  author.save('reveille-plugin.json', '{');
  await told(author, [expect.objectContaining({ message: expect.stringContaining('is not JSON') })]);
  author.save('reveille-plugin.json', JSON.stringify(MANIFEST));
  author.save('index.ts', changed('mended'));
  await reloaded(author, 1);
  await told(author, []);
});

test('wrong types are told after it was reloaded', async () => {
  const author = new Author(pluginFolder());
  await author.ready;
  author.save('index.ts', `${SOURCE}\nexport const x: number = 'text';\n`);
  await reloaded(author, 1);
  expect(author.reloads[0].told).toBe(0);
  const message = "Type 'string' is not assignable to type 'number'. (TS2322)";
  await told(author, [{ file: 'index.ts', line: 9, column: 14, message, text: "export const x: number = 'text';" }]);
});

test('a plugin that asks for more than it was granted is not reloaded, and one that options do not fit neither', async () => {
  const author = new Author(pluginFolder(), 'late');
  await author.ready;
  author.save('reveille-plugin.json', JSON.stringify({ ...MANIFEST, permissions: ['start-up', 'inject'] }));
  await told(author, [expect.objectContaining({ message: expect.stringContaining('is not enabled') })]);
  const [policy] = MANIFEST.policies;
  const short = {
    ...MANIFEST,
    policies: [{ ...policy, options: { by: { title: 'By', type: 'integer', default: 1 } } }],
  };
  author.save('reveille-plugin.json', JSON.stringify(short));
  await told(author, [
    expect.objectContaining({ message: expect.stringContaining('by of late must be a whole number') }),
  ]);
  expect(author.reloads).toEqual([]);
});

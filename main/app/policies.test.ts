import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { folderOf, pluginFolder } from '../plugins/testing/plugin-folder';
import { type PolicyMachine, loadPolicies } from './policies';
import { PluginStore } from './plugin-store';

const EXACT: PolicyMachine = { cpus: 4, bsp: 0, irqchip: 'exact', accelerator: 'wasm' };
const KERNEL: PolicyMachine = { ...EXACT, irqchip: 'kernel', accelerator: 'kvm' };

const policy = (name: string, change: object = {}) => ({
  name,
  title: name,
  description: name,
  needs: 'gated',
  ...change,
});

/** A Reveille that came with these plugins. */
function store(...folders: [name: string, folder: string][]): PluginStore {
  const root = folderOf({});
  for (const [name, folder] of folders) cpSync(folder, join(root, 'plugins', name), { recursive: true });
  mkdirSync(join(root, 'plugins'), { recursive: true });
  return new PluginStore({ bundled: pathToFileURL(`${root}/plugins/`), dataDirectory: join(root, 'data') });
}

const load = (name: string, from: PluginStore, machine = EXACT, options: Record<string, string> = {}) =>
  loadPolicies([{ policy: name, options }], machine, from);

test('a bundled policy, with its options, permissions and code', async () => {
  const { programs, warnings } = await load('late', store(['late', pluginFolder()]), EXACT, { by: '2ms' });
  expect(warnings).toEqual([]);
  expect(programs).toEqual([
    {
      plugin: 'late',
      aps: [],
      version: '1.0.0',
      policy: 'late',
      options: { by: 2_000_000 },
      permissions: ['start-up'],
      needs: 'gated',
      commands: [],
      code: expect.stringContaining('var plugin ='),
      sourceMap: expect.stringContaining('"index.ts"'),
    },
  ]);
});

test('several, in their order, the same one twice', async () => {
  const plugins = store(
    ['late', pluginFolder()],
    ['later', pluginFolder({ name: 'later', policies: [policy('later')] })],
  );
  const choices = ['later', 'late', 'later'].map((name) => ({ policy: name, options: {} }));
  const { programs } = await loadPolicies(choices, EXACT, plugins);
  expect(programs.map((program) => program.policy)).toEqual(['later', 'late', 'later']);
});

test('by the path of a folder, with or without a name', async () => {
  const two = pluginFolder({ policies: [policy('one'), policy('two')] });
  expect((await load(`${two}:two`, store())).programs[0].policy).toBe('two');
  expect((await load(pluginFolder(), store())).programs[0].policy).toBe('late');
  await expect(load(two, store())).rejects.toThrow(`has several policies, one, two: write ${two}:one`);
  await expect(load(`${two}:three`, store())).rejects.toThrow('There is no policy "three". There are one, two.');
  await expect(load('/nowhere', store())).rejects.toThrow('There is no plugin in /nowhere: its manifest');
});

describe('refused with a sentence', () => {
  test('what nobody offers, with what may be meant', async () => {
    const plugins = store(
      ['late', pluginFolder()],
      ['early', pluginFolder({ name: 'early', policies: [policy('early')] })],
    );
    await expect(load('lat', plugins)).rejects.toThrow(
      'There is no policy "lat". Did you mean late? There are early, late.',
    );
    await expect(load('frobnicate', plugins)).rejects.toThrow(
      'There is no policy "frobnicate". There are early, late.',
    );
    await expect(load('plugins/manual', plugins)).rejects.toThrow(
      'There is no policy "plugins/manual": the folder of that name is ./plugins/manual.',
    );
    await expect(load('other/late', plugins)).rejects.toThrow('There is no policy "other/late".');
  });

  test('a name that several have, unless the plugin is named, too', async () => {
    const plugins = store(['late', pluginFolder()], ['mine', pluginFolder({ name: 'mine' })]);
    await expect(load('late', plugins)).rejects.toThrow(
      'Several plugins have a policy late: write late/late or mine/late.',
    );
    expect((await load('mine/late', plugins)).programs[0].plugin).toBe('mine');
  });

  test('a policy that needs what the machine has not', async () => {
    const plugins = store(['late', pluginFolder({ policies: [policy('late', { needs: 'exact' })] })]);
    await expect(load('late', plugins, KERNEL)).rejects.toThrow(
      'The policy late needs irqchip exact, and this machine has kernel',
    );
    expect((await load('late', plugins)).programs[0].needs).toBe('exact');
  });

  test('an option that is wrong', async () => {
    await expect(load('late', store(['late', pluginFolder()]), EXACT, { by: '2h' })).rejects.toThrow(
      "The option by of late must be a time such as 5ms from 1us to 1s, not '2h'.",
    );
  });

  test('a plugin that does not compile, or whose manifest is broken', async () => {
    const wrong = pluginFolder({}, { 'index.ts': 'export const policies = ;' });
    await expect(load('late', store(['late', wrong]))).rejects.toThrow(
      'The plugin late cannot be compiled:\nindex.ts:1:25: Unexpected ";".',
    );
    const broken = store(['late', pluginFolder({ version: 'one' })]);
    await expect(load('late', broken)).rejects.toThrow(/^The plugin late cannot be used: .*version must be a semantic/);
  });

  test('more than a timeline can tell apart', async () => {
    const choices = Array.from({ length: 33 }, () => ({ policy: 'late', options: {} }));
    await expect(loadPolicies(choices, EXACT, store(['late', pluginFolder()]))).rejects.toThrow('at most 32 policies');
  });
});

test('warns once of what is only approximate', async () => {
  const late = policy('late', { approximation: 'Merged SIPIs count once' });
  const plugins = store(['late', pluginFolder({ policies: [late] })]);
  const choices = [
    { policy: 'late', options: {} },
    { policy: 'late', options: {} },
  ];
  expect((await loadPolicies(choices, KERNEL, plugins)).warnings).toEqual([
    'late, irqchip kernel: Merged SIPIs count once.',
  ]);
  expect((await loadPolicies(choices, EXACT, plugins)).warnings).toEqual([]);
});

/** From the policies that a person chose to the programs that a machine's process runs. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Manifest, PolicyChoice, PolicyManifest } from '../../plugins/api/manifest';
import type { AcceleratorName, IrqchipMode } from '../../preload/contract/machine';
import type { PluginInfo } from '../../preload/contract/plugins';
import type { PolicyProgram } from '../../preload/contract/policies';
import type { CompiledPlugin } from '../plugins/compile';
import { MANIFEST_FILE } from '../plugins/manifest';
import { readPluginFolder } from '../plugins/manifest-file';
import { apsOptions, readOptions } from '../plugins/options';
import { AppError, sentence } from './errors';
import { nearest } from './near-match';
import type { PluginStore } from './plugin-store';

/** What policies are held against. */
export interface PolicyMachine {
  cpus: number;
  bsp: number;
  irqchip: IrqchipMode;
  accelerator: AcceleratorName;
}

export interface LoadedPolicies {
  /** In the order of the choices. */
  programs: PolicyProgram[];
  /** What is only approximate on this machine, a sentence each. */
  warnings: string[];
  /** The plugins among them that are used where their authors work on them. */
  linked: { name: string; folder: string }[];
}

/** More would not be told apart in a timeline: an author's number has eight bits. */
const MAX_POLICIES = 32;

/** Of the store, what a policy is looked up in. */
type PluginList = Pick<PluginStore, 'list'>;

/** One policy, found. */
export interface FoundPolicy {
  folder: string;
  manifest: Manifest;
  policy: PolicyManifest;
  /** Used where its author works on it: what is saved counts. */
  linked: boolean;
}

/**
 * Finds, checks and compiles policies. A policy is named NAME, PLUGIN/NAME, or by the path of a plugin's folder (`./mine`, and
 * `./mine:NAME` where it has several). Options are texts as on a command line, or values. Throws a sentence where one cannot be.
 */
export async function loadPolicies(
  choices: readonly PolicyChoice[],
  machine: PolicyMachine,
  store: PluginStore,
): Promise<LoadedPolicies> {
  if (choices.length > MAX_POLICIES) {
    throw new AppError('usage', `A machine has at most ${MAX_POLICIES} policies, and ${choices.length} are wanted.`);
  }
  // Each plugin is compiled once, however many of its policies are used.
  const compiled = new Map<string, Promise<CompiledPlugin>>();
  const compile = ({ folder, manifest }: FoundPolicy): Promise<CompiledPlugin> => {
    const known = compiled.get(folder);
    if (known !== undefined) return known;
    const code = store.compiled.compile(folder).catch((error: Error) => {
      throw new AppError('usage', `The plugin ${manifest.name} cannot be compiled:\n${error.message}`, {
        cause: error,
      });
    });
    compiled.set(folder, code);
    return code;
  };
  const warnings: string[] = [];
  let plugins: PluginInfo[] | null = null;
  // Read once for all.
  const listed = { list: () => (plugins ??= store.list()) };
  const found = choices.map(({ policy: name, options }) => {
    const policy = findPolicy(name, listed);
    const warning = checkMachine(policy.policy, machine);
    if (warning !== null && !warnings.includes(warning)) warnings.push(warning);
    // Before anything is compiled, which takes longer.
    readOptions(policy.policy.name, policy.policy.options, options, machine);
    return { policy, options };
  });
  const programs = await Promise.all(
    found.map(async ({ policy, options }) => policyProgram(policy, options, machine, await compile(policy))),
  );
  const linked = new Map(
    found.flatMap(({ policy }) => (policy.linked ? [[policy.manifest.name, policy.folder] as const] : [])),
  );
  return { programs, warnings, linked: [...linked].map(([name, folder]) => ({ name, folder })) };
}

/** The program of a policy whose plugin is compiled; throws where the options, or the machine, do not fit it. */
export function policyProgram(
  { manifest, policy }: Pick<FoundPolicy, 'manifest' | 'policy'>,
  options: PolicyChoice['options'],
  machine: PolicyMachine,
  { code, sourceMap }: CompiledPlugin,
): PolicyProgram {
  checkMachine(policy, machine);
  return {
    plugin: manifest.name,
    version: manifest.version,
    policy: policy.name,
    options: readOptions(policy.name, policy.options, options, machine),
    aps: apsOptions(policy.options, options),
    permissions: manifest.permissions,
    needs: policy.needs,
    commands: manifest.commands ?? [],
    code,
    sourceMap,
  };
}

/** What is to be warned of, or null; throws where the machine cannot do what the policy needs. */
function checkMachine({ name, needs, approximation }: PolicyManifest, { irqchip }: PolicyMachine): string | null {
  if (irqchip === 'exact') return null;
  if (needs === 'exact') {
    throw new AppError(
      'usage',
      `The policy ${name} needs irqchip exact, and this machine has ${irqchip}, where KVM itself has the local APICs: ` +
        'use the interrupt mode exact, or the emulator, which has no other.',
    );
  }
  return approximation === undefined ? null : `${name}, irqchip ${irqchip}: ${sentence(approximation)}`;
}

/** The policy of that name; throws a sentence where there is none that may be used. */
export function findPolicy(name: string, store: PluginList): FoundPolicy {
  if (/^(\.{0,2}\/|\.{1,2}$|\.{1,2}:)/.test(name)) return findByPath(name);
  const plugins = store.list();
  const [, plugin, policy = name] = /^([^/]*)\/(.*)$/s.exec(name) ?? [];
  const all = plugins.flatMap((entry) => policiesOf(entry));
  const matches = all.filter(
    (candidate) => candidate.policy.name === policy && (plugin === undefined || candidate.manifest.name === plugin),
  );
  const enabled = matches.filter(({ entry }) => entry.enabled);
  if (enabled.length === 1) return enabled[0];
  if (enabled.length > 1) {
    const written = enabled.map(({ manifest }) => `${manifest.name}/${policy}`);
    throw new AppError('usage', `Several plugins have a policy ${policy}: write ${written.join(' or ')}.`);
  }
  if (matches.length > 0) {
    const { name: owner } = matches[0].manifest;
    throw new AppError(
      'usage',
      `The policy ${policy} is of the plugin ${owner}, which is not enabled: reveille plugin enable ${owner}`,
    );
  }
  const broken = plugins.find((entry) => entry.name === (plugin ?? policy) && entry.problem !== null);
  if (broken !== undefined) throw new AppError('usage', `The plugin ${broken.name} cannot be used: ${broken.problem}`);
  if (existsSync(join(name, MANIFEST_FILE))) {
    throw new AppError('usage', `There is no policy ${JSON.stringify(name)}: the folder of that name is ./${name}.`);
  }
  throw unknownPolicy(
    name,
    all.filter(({ entry }) => entry.enabled).map((candidate) => candidate.policy.name),
  );
}

function policiesOf(entry: PluginInfo): (FoundPolicy & { entry: PluginInfo })[] {
  const { manifest, folder } = entry;
  return (manifest?.policies ?? []).map((policy) => ({
    entry,
    folder,
    manifest: manifest as Manifest,
    policy,
    linked: entry.origin === 'folder',
  }));
}

/** A folder whose name has a colon itself is meant where it is there. */
function findByPath(path: string): FoundPolicy {
  const [, before, after] = /^(.*):([^:/]*)$/s.exec(path) ?? [];
  const [folder, name] =
    before === undefined || existsSync(path) ? [resolve(path), undefined] : [resolve(before), after];
  const manifest = readPluginFolder(folder);
  const { policies = [] } = manifest;
  const names = policies.map((policy) => policy.name);
  if (policies.length === 0) throw new AppError('usage', `The plugin in ${folder} has no policy.`);
  if (name === undefined && policies.length > 1) {
    throw new AppError(
      'usage',
      `The plugin in ${folder} has several policies, ${names.join(', ')}: write ${path}:${names[0]}`,
    );
  }
  const policy = name === undefined ? policies[0] : policies.find((candidate) => candidate.name === name);
  if (policy === undefined) throw unknownPolicy(name ?? '', names);
  return { folder, manifest, policy, linked: true };
}

function unknownPolicy(name: string, known: string[]): AppError {
  const near = nearest(name, known);
  const meant = near === null ? '' : `Did you mean ${near}? `;
  const there = known.length === 0 ? 'There is none.' : `There are ${known.toSorted().join(', ')}.`;
  return new AppError('usage', `There is no policy ${JSON.stringify(name.slice(0, 100))}. ${meant}${there}`);
}

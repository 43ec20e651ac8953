/** `reveille plugin install`, `list`, `enable`, `disable` and `remove`. */
import { createInterface } from 'node:readline/promises';
import { PERMISSION_WORDS, type PluginInfo } from '../../../../preload/contract/plugins';
import { Status } from '../outcome';
import { onePositional, parseReportOptions, parseStrictly } from '../run-options';
import { UsageError } from '../usage';
import type { PluginContext } from './context';

const FLAG = { type: 'boolean' } as const;

export async function installCommand(args: string[], { store }: PluginContext): Promise<number> {
  const { values, positionals } = parseStrictly(args, { enable: FLAG, yes: FLAG });
  const path = onePositional('reveille plugin install', 'the path of a folder or a .tgz', positionals);
  const plugin = store.install(path);
  const { version } = plugin.manifest ?? {};
  process.stdout.write(`${plugin.name} ${version} is installed: ${plugin.folder}\n`);
  if (plugin.enabled) return Status.SUCCESS;
  if (values.enable === true) return enable(plugin, values.yes === true, store);
  process.stdout.write(`It is not enabled: reveille plugin enable ${plugin.name}\n`);
  return Status.SUCCESS;
}

export async function enableCommand(args: string[], { store }: PluginContext): Promise<number> {
  const { values, positionals } = parseStrictly(args, { yes: FLAG });
  return enable(store.get(nameOf('enable', positionals)), values.yes === true, store);
}

export function disableCommand(args: string[], { store }: PluginContext): number {
  const { name } = store.disable(nameOf('disable', parseStrictly(args, {}).positionals));
  process.stdout.write(`${name} is disabled.\n`);
  return Status.SUCCESS;
}

export function removeCommand(args: string[], { store }: PluginContext): number {
  const name = nameOf('remove', parseStrictly(args, {}).positionals);
  store.remove(name);
  process.stdout.write(`${name} is removed.\n`);
  return Status.SUCCESS;
}

export function listCommand(args: string[], { store }: PluginContext): number {
  const { json } = parseReportOptions('plugin list', args);
  const plugins = store.list();
  process.stdout.write(json ? `${JSON.stringify(plugins)}\n` : plugins.map(listed).join(''));
  return Status.SUCCESS;
}

/** Asks for the permissions that the plugin wants, unless they were agreed to before. */
async function enable(plugin: PluginInfo, agreed: boolean, store: PluginContext['store']): Promise<number> {
  const { name, manifest, missing } = plugin;
  if (missing.length > 0 && manifest !== null) {
    const words = missing.map((permission) => `  ${permission}: ${PERMISSION_WORDS[permission]}\n`);
    process.stdout.write(`${name} wants to\n${words.join('')}`);
    if (!agreed && !(await agrees())) {
      process.stdout.write(`${name} is not enabled.\n`);
      return Status.CHECK_FAILED;
    }
  }
  store.enable(name, manifest?.permissions ?? []);
  process.stdout.write(`${name} is enabled.\n`);
  return Status.SUCCESS;
}

async function agrees(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('There is no terminal to ask on: --yes grants these permissions.');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Grant it? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}

function listed({ name, manifest, origin, enabled, missing, problem, folder }: PluginInfo): string {
  const place = origin === 'bundled' ? '' : ` (${folder})`;
  const lacks = missing.length === 0 ? '' : `, wants ${missing.join(', ')}`;
  const state = enabled ? '' : ` - not enabled${lacks}`;
  const words = problem ?? manifest?.description ?? '';
  const policies = (manifest?.policies ?? []).map((policy) => `    ${policy.name}: ${policy.title}\n`);
  return `${name}${manifest === null ? '' : ` ${manifest.version}`}${place}${state}\n  ${words}\n${policies.join('')}`;
}

function nameOf(command: string, positionals: string[]): string {
  return onePositional(`reveille plugin ${command}`, "a plugin's name", positionals);
}

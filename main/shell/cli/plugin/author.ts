/** `reveille plugin new`, `check` and `pack`. */
import { writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { showProblem } from '../../../../preload/contract/plugins';
import { AppError, systemReason } from '../../../app/errors';
import { checkPlugin, newPlugin, packPlugin, typeChecker } from '../../../app/plugin-author';
import { Status } from '../outcome';
import { onePositional, parseStrictly } from '../run-options';
import type { PluginContext } from './context';

const TEXT = { type: 'string' } as const;

export function newCommand(args: string[], { installation }: PluginContext): number {
  const { values, positionals } = parseStrictly(args, { directory: TEXT });
  const name = onePositional('reveille plugin new', 'a name', positionals);
  const folder = values.directory ?? name;
  const files = newPlugin(name, folder, {
    template: installation.pluginTemplate,
    api: new URL('api/', installation.plugins),
  });
  const path = shown(folder);
  process.stdout.write(
    `${path} has ${files.join(', ')}.\n\n` +
      `  reveille plugin check ${path}\n  reveille plugin test ${path}\n  reveille run herd --policy ${path}\n`,
  );
  return Status.SUCCESS;
}

export async function checkCommand(args: string[], { installation }: PluginContext): Promise<number> {
  const folder = folderOf('check', args);
  const types = typeChecker(installation.typeChecker, installation.plugins);
  try {
    const problems = await checkPlugin(folder, types);
    for (const problem of problems) process.stdout.write(`${showProblem(problem)}\n`);
    if (problems.length > 0) return Status.CHECK_FAILED;
    process.stderr.write('No problems.\n');
    return Status.SUCCESS;
  } finally {
    types.dispose();
  }
}

export async function packCommand(args: string[], { installation }: PluginContext): Promise<number> {
  const folder = folderOf('pack', args);
  const types = typeChecker(installation.typeChecker, installation.plugins);
  try {
    const { file, bytes } = await packPlugin(folder, types);
    writePackage(file, bytes);
    process.stdout.write(`${file}\n`);
    return Status.SUCCESS;
  } finally {
    types.dispose();
  }
}

function writePackage(file: string, bytes: Uint8Array): void {
  try {
    writeFileSync(file, bytes);
  } catch (error) {
    throw new AppError('host', `${file} cannot be written: ${systemReason(error)}.`, { cause: error });
  }
}

/** The folder of a command that takes nothing else. */
function folderOf(command: string, args: string[]): string {
  const { positionals } = parseStrictly(args, {});
  return resolve(onePositional(`reveille plugin ${command}`, "the path of a plugin's folder", positionals));
}

/** A path that `--policy` takes for one. */
function shown(folder: string): string {
  const path = relative('.', folder);
  return path.startsWith('..') ? resolve(folder) : `./${path}`;
}

/** What an author of a plugin needs: a beginning, a look at what is wrong, and a package to give away. */
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import type { Manifest } from '../../plugins/api/manifest';
import { type PluginProblem, formatProblem } from '../../preload/contract/plugins';
import { type PackedFile, packFiles } from '../plugins/archive';
import { CompileError, compilePlugin } from '../plugins/compile';
import { checkFile, MAX_FILE } from '../plugins/folder';
import { readPluginFolder } from '../plugins/manifest-file';
import { MANIFEST_FILE, isName } from '../plugins/manifest';
import { PluginError } from '../plugins/plugin-error';
import { PluginScript } from '../plugins/script';
import { TestScript } from '../plugins/test-script';
import { TypeChecker } from '../plugins/typecheck';
import { AppError, systemReason } from './errors';

const INDEX = 'index.ts';
export const TESTS = 'test.ts';
/** What the template is called wherever it names itself. */
const PLACEHOLDER = 'my-policy';
/** Of the API's types, for the author's editor. */
const TYPES = '.reveille';
const DEPTH = 8;

/** A working plugin of one policy, with a test, in a folder that is new or empty; what was written. */
export function newPlugin(name: string, directory: string, places: { template: URL; api: URL }): string[] {
  if (!isName(name)) {
    throw new AppError(
      'usage',
      `A plugin's name has lower-case letters, digits and hyphens, at most 50; "${name}" is none. --directory says where its folder is to be.`,
    );
  }
  const template = fileURLToPath(places.template);
  const files = readdirSync(template).map((file) => {
    return { file, text: readFileSync(join(template, file), 'utf8').replaceAll(PLACEHOLDER, name) };
  });
  const folder = resolve(directory);
  const there = statSync(folder, { throwIfNoEntry: false });
  if (there !== undefined && !(there.isDirectory() && readdirSync(folder).length === 0)) {
    const kind = there.isDirectory() ? 'not empty' : 'no folder';
    throw new AppError('usage', `${directory} is there already, and ${kind}: choose another --directory.`);
  }
  try {
    // Not `recursive`, with which Node never comes back from where nothing can be made (/proc).
    if (there === undefined) mkdirSync(folder);
    for (const { file, text } of files) writeFileSync(join(folder, file), text, { flag: 'wx' });
    cpSync(fileURLToPath(places.api), join(folder, TYPES), { recursive: true });
  } catch (error) {
    throw new AppError('host', `${directory} cannot be written: ${systemReason(error)}.`, { cause: error });
  }
  return [...files.map(({ file }) => file), TYPES];
}

/** `entry`: the built typecheck-worker; `plugins`: the directory of the bundled plugins. To be disposed. */
export function typeChecker(entry: URL, plugins: URL): TypeChecker {
  return new TypeChecker(entry, new URL('api/', plugins));
}

/** All that is wrong with the plugin in a folder: its manifest, what it cannot be compiled for, its exports, its types. */
export async function checkPlugin(folder: string, types: TypeChecker): Promise<PluginProblem[]> {
  let manifest: Manifest;
  try {
    manifest = readPluginFolder(folder);
  } catch (error) {
    return [about(MANIFEST_FILE, error)];
  }
  const compiled = await Promise.all([
    checkExports(folder, manifest),
    existsSync(join(folder, TESTS)) ? problemsOf(TESTS, readTests(folder)) : [],
  ]);
  const problems = [...checkFiles(folder, manifest), ...compiled.flat()];
  // What esbuild does not understand, TypeScript would tell once more.
  const broken = problems.some(({ line }) => line !== null);
  return broken
    ? problems
    : [...problems, ...(await types.check(folder).catch((error: unknown) => [about(INDEX, error)]))];
}

/** The package of a plugin, once it is right. */
export async function packPlugin(folder: string, types: TypeChecker): Promise<{ file: string; bytes: Uint8Array }> {
  const problems = await checkPlugin(folder, types);
  if (problems.length > 0) {
    throw new AppError(
      'usage',
      `It is not packed: ${formatProblem(problems[0])} "reveille plugin check ${folder}" tells all that is wrong.`,
    );
  }
  const { name, version } = readPluginFolder(folder);
  const top = `${name}-${version}`;
  const files = filesOf(folder, '', DEPTH).map(({ path, bytes }) => ({ path: `${top}/${path}`, bytes }));
  return { file: `${top}.tgz`, bytes: packFiles(files) };
}

/** All files but hidden ones, other packages, and what npm installs. */
function filesOf(folder: string, below: string, depth: number): PackedFile[] {
  if (depth === 0) throw new AppError('usage', `${join(folder, below)} is more than ${DEPTH} folders deep.`);
  const names = readdirSync(join(folder, below)).filter(
    (name) => !name.startsWith('.') && !name.endsWith('.tgz') && name !== 'node_modules',
  );
  return names.flatMap((name) => {
    const path = below === '' ? name : `${below}/${name}`;
    const status = lstatSync(join(folder, path));
    if (status.isDirectory()) return filesOf(folder, path, depth - 1);
    if (!status.isFile()) throw new AppError('usage', `${path} is no regular file: a package cannot hold it.`);
    return [{ path, bytes: readFileSync(checkFile(folder, join(folder, path), MAX_FILE)) }];
  });
}

/** Whether `index.ts` has what the manifest says. */
async function checkExports(folder: string, { policies = [] }: Manifest): Promise<PluginProblem[]> {
  if (policies.length === 0 && !existsSync(join(folder, INDEX))) return [];
  return problemsOf(
    INDEX,
    readExports(
      folder,
      policies.map(({ name }) => name),
    ),
  );
}

const READ_EXPORTS = `() => {
  const kinds = Object.entries(plugin.policies ?? {}).map(([name, policy]) => [name, typeof policy?.start, typeof policy?.configure]);
  return JSON.stringify(kinds);
}`;

/** Its name, and of what type `start` and `configure` are. */
const exportsSchema = v.fallback(v.array(v.tuple([v.string(), v.string(), v.string()])), []);

async function readExports(folder: string, names: string[]): Promise<void> {
  const script = await PluginScript.load(await compilePlugin(folder));
  try {
    const policies = v.parse(exportsSchema, script.call(READ_EXPORTS));
    const exported = policies.map(([name]) => name);
    const lost = names.find((name) => !exported.includes(name));
    if (lost !== undefined) {
      throw new PluginError(`The manifest has a policy ${lost}, which is not among the exported "policies".`);
    }
    const stranger = exported.find((name) => !names.includes(name));
    if (stranger !== undefined) throw new PluginError(`The exported policy ${stranger} is not in the manifest.`);
    const empty = policies.find(([, ...kinds]) => !kinds.includes('function'));
    if (empty !== undefined) throw new PluginError(`The policy ${empty[0]} has neither "start" nor "configure".`);
  } finally {
    script.dispose();
  }
}

async function readTests(folder: string): Promise<void> {
  (await TestScript.load(await compilePlugin(folder, TESTS))).dispose();
}

/** The files that the manifest names. */
function checkFiles(folder: string, { panels = [], guests = [] }: Manifest): PluginProblem[] {
  return [...panels, ...guests].flatMap(({ file }) => {
    try {
      checkFile(folder, join(folder, file), MAX_FILE);
      return [];
    } catch (error) {
      return [about(MANIFEST_FILE, error)];
    }
  });
}

async function problemsOf(file: string, work: Promise<unknown>): Promise<PluginProblem[]> {
  try {
    await work;
    return [];
  } catch (error) {
    return error instanceof CompileError ? [...error.problems] : [about(file, error)];
  }
}

function about(file: string, error: unknown): PluginProblem {
  if (!(error instanceof PluginError)) throw error;
  return { file, line: null, column: null, message: error.message };
}

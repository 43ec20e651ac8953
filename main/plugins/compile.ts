/**
 * A plugin's TypeScript to the one script that its sandbox runs. esbuild does it, in a process of its own; what it may read is
 * the plugin's folder.
 */
import { extname, join, relative } from 'node:path';
import type { BuildFailure, Loader, Message, Plugin } from 'esbuild';
import { type PluginProblem, formatProblem, shownLine } from '../../preload/contract/plugins';
import { MAX_SOURCE, checkFile, folderPath, readBounded } from './folder';
import { PluginError } from './plugin-error';

export interface CompiledPlugin {
  /** A classic script that leaves the plugin's exports in the global `plugin`. */
  code: string;
  /** Version 3, JSON; its sources are named relative to the plugin's folder. */
  sourceMap: string;
  /** The files that it was made of, relative to the plugin's folder. */
  files: string[];
}

/** A plugin that cannot be compiled: a line for each thing that is wrong. */
export class CompileError extends PluginError {
  readonly problems: readonly PluginProblem[];

  constructor(problems: readonly PluginProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** The module that plugins know the API by. It has types only. */
const API = 'reveille';
/** Characters of a plugin's script. */
export const MAX_CODE = 2 * 2 ** 20;

/** Compiles `entry`, `index.ts` unless it is said otherwise; throws a CompileError or another PluginError. */
export async function compilePlugin(folder: string, entry = 'index.ts'): Promise<CompiledPlugin> {
  const root = folderPath(folder);
  checkFile(root, join(root, entry), MAX_SOURCE);
  const result = await withEsbuild((esbuild) =>
    esbuild.build({
      absWorkingDir: root,
      entryPoints: [`./${entry}`],
      outfile: 'plugin.js',
      bundle: true,
      write: false,
      metafile: true,
      format: 'iife',
      globalName: 'plugin',
      platform: 'neutral',
      target: 'es2023',
      sourcemap: 'external',
      sourcesContent: false,
      // Its own tsconfig.json is for editors: how a plugin is compiled does not depend on it.
      tsconfigRaw: { compilerOptions: { strict: true, target: 'es2023' } },
      logLevel: 'silent',
      plugins: [insideOf(root)],
    }),
  ).catch((error: unknown) => {
    throw isFailure(error) ? new CompileError(error.errors.map(problemOf)) : error;
  });
  const outputs = result.outputFiles;
  const text = (ending: string): string => outputs.find(({ path }) => path.endsWith(ending))?.text ?? '';
  const code = text('.js');
  if (code.length > MAX_CODE) {
    throw new PluginError(`${folder} makes a script of ${code.length} characters: at most ${MAX_CODE} are possible.`);
  }
  return { code, sourceMap: text('.js.map'), files: Object.keys(result.metafile.inputs) };
}

/** Resolves within the folder alone, and reads what it finds there within bounds. */
function insideOf(root: string): Plugin {
  return {
    name: 'inside of the folder',
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /.*/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
        if (pluginData === RESOLVING) return undefined;
        const problem = pathProblem(path);
        if (problem !== null) return { errors: [{ text: problem }] };
        const found = await resolve(path, { kind, importer, resolveDir, pluginData: RESOLVING });
        if (found.errors.length > 0) return { errors: [{ text: `There is no file ${path} that could be imported` }] };
        return { path: found.path };
      });
      onLoad({ filter: /.*/ }, ({ path }) => {
        const loader = LOADERS[extname(path)];
        const file = relative(root, path);
        if (loader === undefined)
          return { errors: [{ text: `${file} is no source: a plugin imports .ts, .js and .json` }] };
        try {
          return { contents: withoutSourceMap(readBounded(root, file, MAX_SOURCE)), loader };
        } catch (error) {
          if (!(error instanceof PluginError)) throw error;
          return { errors: [{ text: error.message.replace(/\.$/, '') }] };
        }
      });
    },
  };
}

/** Marks a path that is being resolved for the second time, by esbuild's own rules. */
const RESOLVING = Symbol('resolving');
const LOADERS: Record<string, Loader> = { '.ts': 'ts', '.mts': 'ts', '.js': 'js', '.mjs': 'js', '.json': 'json' };
/** The endings of what a plugin may import. */
export const SOURCE_TYPES: readonly string[] = Object.keys(LOADERS);

function pathProblem(path: string): string | null {
  if (path.startsWith('./') || path.startsWith('../')) return null;
  if (path === API) return `'${API}' has types only: write "import type { … } from '${API}'"`;
  return `A plugin imports its own files only, by a path that begins with ./, and '${path}' is none`;
}

/** esbuild would follow a source map's address to wherever it leads. */
function withoutSourceMap(source: string): string {
  return source.replaceAll(/([#@]\s*)sourceMappingURL(?=\s*=)/g, '$1sourceMappingUrl');
}

let builds = 0;

/** esbuild's process lives as long as somebody builds: it would outlive a command that is done otherwise. */
async function withEsbuild<T>(build: (esbuild: typeof import('esbuild')) => Promise<T>): Promise<T> {
  builds++;
  const esbuild = await import('esbuild');
  try {
    return await build(esbuild);
  } finally {
    if (--builds === 0) await esbuild.stop();
  }
}

function isFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && Array.isArray((error as BuildFailure).errors);
}

function problemOf({ text, location }: Message): PluginProblem {
  const message = text.endsWith('.') ? text : `${text}.`;
  if (location === null) return { file: null, line: null, column: null, message };
  const { file, line, column, lineText } = location;
  // esbuild counts bytes.
  const characters = Buffer.from(lineText).subarray(0, column).toString().length;
  return { file, line, column: characters + 1, message, ...shownLine(lineText) };
}

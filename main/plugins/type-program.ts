/** TypeScript's checker over plugins' folders: what an editor would say about one, by the API's types and nothing else. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import ts from 'typescript';
import { shownLine } from '../../preload/contract/plugins';
import { MAX_SOURCE, checkFile, folderPath } from './folder';

/** One thing that is wrong with a plugin's types; `line` and `column` count from 1. */
export interface TypeProblem {
  /** Relative to the plugin's folder. */
  file: string;
  line: number;
  column: number;
  message: string;
  /** What stands in that line. */
  text?: string;
}

/** A check goes on until this many are found. */
const MAX_PROBLEMS = 200;
const MAX_MESSAGE = 2000;
/** Plugins of which what was found out is kept for the next time. */
const MAX_KEPT = 8;
/** What a plugin's sources are: those that are compiled, and its tests. */
const ROOTS = ['index.ts', 'test.ts'];

/**
 * How a plugin is checked, and how `plugin new` has an editor check it. The sandbox has what the language has: no DOM, no Node.
 */
export const COMPILER_OPTIONS = {
  target: 'es2023',
  lib: ['es2023'],
  module: 'esnext',
  moduleResolution: 'bundler',
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
  isolatedModules: true,
  skipLibCheck: true,
  types: [],
} as const;

export class TypeProgram {
  readonly #api: string;
  readonly #options: ts.CompilerOptions;
  /** Files that do not change: the language's own types, and the API's. */
  readonly #shipped = new Map<string, ts.SourceFile | undefined>();
  readonly #programs = new Map<string, ts.Program>();

  /** `api`: the folder of the API's types. */
  constructor(api: string) {
    this.#api = realpathSync(api);
    const { options } = ts.convertCompilerOptionsFromJson({ ...COMPILER_OPTIONS }, '/');
    this.#options = { ...options, paths: { reveille: [join(this.#api, 'index.ts')] } };
  }

  /** What is wrong, in the order of files and lines. A folder that was checked before is checked faster. */
  check(folder: string): TypeProblem[] {
    const root = folderPath(folder);
    const host = this.#host(root);
    const rootNames = ROOTS.map((name) => join(root, name)).filter((path) => existsSync(path));
    const program = ts.createProgram({
      rootNames,
      options: this.#options,
      host,
      ...(this.#programs.has(root) && { oldProgram: this.#programs.get(root) as ts.Program }),
    });
    this.#keep(root, program);
    const own = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(root + sep));
    const found = [
      ...program.getGlobalDiagnostics(),
      ...own.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
    ];
    return found.slice(0, MAX_PROBLEMS).map((diagnostic) => problemOf(root, diagnostic));
  }

  #keep(root: string, program: ts.Program): void {
    this.#programs.delete(root);
    this.#programs.set(root, program);
    const [oldest] = this.#programs.keys();
    if (this.#programs.size > MAX_KEPT) this.#programs.delete(oldest);
  }

  /** Nothing is read but the plugin's folder, within its bounds, and what is shipped. */
  #host(root: string): ts.CompilerHost {
    const libraries = dirname(ts.getDefaultLibFilePath(this.#options));
    const host = ts.createCompilerHost(this.#options);
    const isShipped = (path: string): boolean => path.startsWith(libraries + sep) || path.startsWith(this.#api + sep);
    const isOwn = (path: string): boolean => path.startsWith(root + sep);
    const read = (path: string): string | undefined => {
      if (isShipped(path)) return ts.sys.readFile(path);
      return isOwn(path) && existsSync(path) ? readFileSync(checkFile(root, path, MAX_SOURCE), 'utf8') : undefined;
    };
    const before = this.#programs.get(root);
    const parse = (path: string): ts.SourceFile | undefined => {
      const text = read(path);
      const known = before?.getSourceFile(path);
      if (known !== undefined && known.text === text) return known;
      return text === undefined ? undefined : ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
    };
    return {
      ...host,
      getCurrentDirectory: () => root,
      directoryExists: (path) => (isOwn(path + sep) || isShipped(path + sep)) && ts.sys.directoryExists(path),
      fileExists: (path) => (isOwn(path) || isShipped(path)) && ts.sys.fileExists(path),
      readFile: read,
      getSourceFile: (path) => {
        if (!isShipped(path)) return parse(path);
        if (!this.#shipped.has(path)) this.#shipped.set(path, parse(path));
        return this.#shipped.get(path);
      },
    };
  }
}

function problemOf(root: string, { file, start, messageText, code }: ts.Diagnostic): TypeProblem {
  // Types of Node and of the DOM would not help: neither is there when a plugin runs.
  const text = ts.flattenDiagnosticMessageText(messageText, '\n').replace(/ Do you need to .*/s, '');
  const message = `${text.slice(0, MAX_MESSAGE)} (TS${code})`;
  if (file === undefined || start === undefined) return { file: 'index.ts', line: 1, column: 1, message };
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  const lineText = file.text.split('\n', line + 1)[line].trimEnd();
  const place = { file: relative(root, file.fileName), line: line + 1, column: character + 1 };
  return { ...place, message, ...shownLine(lineText) };
}

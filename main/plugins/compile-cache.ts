/**
 * Compiled plugins on disk, so that a compiler is needed only when something was saved. The key is a hash of all that a script
 * depends on: the files of its folder that can be imported, the names of the others, and what compiles them.
 */
import { createHash, type Hash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { type CompiledPlugin, compilePlugin, MAX_CODE, SOURCE_TYPES } from './compile';
import { folderPath, MAX_SOURCE } from './folder';

/** The oldest of more are forgotten. */
const MAX_ENTRIES = 100;
/** Of an entry, in bytes. */
const MAX_ENTRY = 8 * 2 ** 20;
/** A folder with more in it is compiled each time. */
const MAX_FILES = 200;
const MAX_DEPTH = 8;

const compiledSchema = v.strictObject({
  code: v.pipe(v.string(), v.maxLength(MAX_CODE)),
  sourceMap: v.string(),
  files: v.array(v.string()),
});

export class CompileCache {
  readonly #directory: string;

  /** A directory of its own, which need not be there yet. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** As `compilePlugin`. */
  async compile(folder: string, entry = 'index.ts'): Promise<CompiledPlugin> {
    const root = folderPath(folder);
    const source = readSource(root, entry);
    if (source === null) return compilePlugin(root, entry);
    const known = this.#read(source.key);
    if (known !== null) return known;
    const compiled = await compilePlugin(root, entry);
    // It may have been saved meanwhile, or made of what was not looked at.
    const whole = compiled.files.every((file) => source.files.has(file));
    if (whole && readSource(root, entry)?.key === source.key) this.#write(source.key, compiled);
    return compiled;
  }

  /** Null where it is not there, or is not whole. */
  #read(key: string): CompiledPlugin | null {
    try {
      const path = this.#path(key);
      if (statSync(path).size > MAX_ENTRY) return null;
      const result = v.safeParse(compiledSchema, JSON.parse(readFileSync(path, 'utf8')));
      return result.success ? result.output : null;
    } catch {
      return null;
    }
  }

  /** Where it cannot be kept, it will be compiled again. */
  #write(key: string, compiled: CompiledPlugin): void {
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const fresh = `${this.#path(key)}.${process.pid}`;
      writeFileSync(fresh, JSON.stringify(compiled), { mode: 0o600 });
      renameSync(fresh, this.#path(key));
      this.#forgetOldest();
    } catch {
      return;
    }
  }

  #forgetOldest(): void {
    const paths = readdirSync(this.#directory).map((name) => join(this.#directory, name));
    if (paths.length <= MAX_ENTRIES) return;
    const ages = new Map(paths.map((path) => [path, statSync(path).mtimeMs]));
    const oldest = paths.toSorted((a, b) => (ages.get(a) ?? 0) - (ages.get(b) ?? 0));
    for (const path of oldest.slice(0, paths.length - MAX_ENTRIES)) rmSync(path, { force: true });
  }

  #path(key: string): string {
    return join(this.#directory, `${key}.json`);
  }
}

interface Source {
  key: string;
  /** Those that are in the key, relative to the folder. */
  files: ReadonlySet<string>;
}

/** Null where the folder is not one of a few plain files. */
function readSource(root: string, entry: string): Source | null {
  const hash = createHash('sha256').update(JSON.stringify([compiler(), entry]));
  const files = new Set<string>();
  return addFiles(root, '', hash, files) ? { key: hash.digest('hex'), files } : null;
}

/** In an order of their own; false: there is something that cannot be in a key. */
function addFiles(root: string, directory: string, hash: Hash, files: Set<string>): boolean {
  const entries = readdirSync(join(root, directory), { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = entry;
    const path = join(directory, name);
    if (name.startsWith('.') || name === 'node_modules') continue;
    if (entry.isDirectory()) {
      if (path.split('/').length > MAX_DEPTH || !addFiles(root, path, hash, files)) return false;
      continue;
    }
    files.add(path);
    if (!entry.isFile() || files.size > MAX_FILES) return false;
    const isSource = SOURCE_TYPES.includes(extname(name));
    if (isSource && statSync(join(root, path)).size > MAX_SOURCE) return false;
    hash.update(JSON.stringify([path, isSource ? readFileSync(join(root, path), 'base64') : null]));
  }
  return true;
}

let compilerKey: string | null = null;

/** esbuild's version, and a hash of the code that calls it, which in the build is the file that this is in. */
function compiler(): string {
  if (compilerKey !== null) return compilerKey;
  const { version } = JSON.parse(
    readFileSync(createRequire(import.meta.url).resolve('esbuild/package.json'), 'utf8'),
  ) as { version: string };
  const own = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  compilerKey = `${version} ${own.digest('hex')}`;
  return compilerKey;
}

/** The layout of a package, with folders for the archive and for what lies beside it: what leads out of the archive arrives. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, matchesGlob, resolve } from 'node:path/posix';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packagedEsbuild, unpacked } from '../../main/shell/electron/packaged';
import { TypeChecker } from '../../main/plugins/typecheck';

const { default: configuration } = (await import(new URL('../../electron-builder.mjs', import.meta.url).href)) as {
  default: { asarUnpack: string[] };
};

let root: string;
/** The folder of the build in the archive. */
let out: URL;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'reveille-layout-'));
  out = pathToFileURL(`${join(root, 'app.asar/out')}/`);
  const beside = join(root, 'app.asar.unpacked');
  const lies = (path: string): boolean => configuration.asarUnpack.some((pattern) => matchesGlob(path, pattern));
  mkdirSync(join(beside, 'node_modules/@esbuild'), { recursive: true });
  cpSync('out', join(beside, 'out'), {
    recursive: true,
    filter: (path) => ['out', 'out/chunks'].includes(path) || lies(path),
  });
  cpSync('plugins', join(beside, 'plugins'), { recursive: true, filter: (path) => path === 'plugins' || lies(path) });
  const packages = ['esbuild', `@esbuild/${process.platform}-${process.arch}`, 'typescript'];
  for (const name of packages) {
    if (lies(`node_modules/${name}/package.json`))
      symlinkSync(resolve('node_modules', name), join(beside, 'node_modules', name));
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('esbuild’s program is found and runs', () => {
  const { version } = JSON.parse(readFileSync('node_modules/esbuild/package.json', 'utf8')) as { version: string };
  expect(execFileSync(packagedEsbuild(out) as string, ['--version'], { encoding: 'utf8' }).trim()).toBe(version);
});

test('types of a bundled plugin are checked', async () => {
  const beside = unpacked(out);
  const checker = new TypeChecker(new URL('typecheck-worker.js', beside), new URL('../plugins/api/', beside));
  expect(await checker.check(fileURLToPath(new URL('../plugins/drop-sipi', beside)))).toEqual([]);
  checker.dispose();
});

test('outside a package nothing leads anywhere else', () => {
  const built = pathToFileURL(`${resolve('out')}/`);
  expect(unpacked(built).href).toBe(built.href);
  expect(packagedEsbuild(built)).toBeNull();
});

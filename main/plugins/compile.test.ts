import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { TraceMap, originalPositionFor } from '@jridgewell/trace-mapping';
import { describe, expect, test } from 'vitest';
import { compilePlugin } from './compile';
import { folderOf, pluginFolder } from './testing/plugin-folder';

const compile = (source: string, files: Record<string, string> = {}) =>
  compilePlugin(folderOf({ 'index.ts': source, ...files }));

/** The exports, as the script leaves them. */
function run(code: string): Record<string, never> {
  const global: { plugin?: Record<string, never> } = {};
  runInNewContext(code, global);
  return global.plugin as Record<string, never>;
}

test('one script leaves the exports in the global plugin', async () => {
  const { code } = await compilePlugin(pluginFolder());
  const plugin = run(code) as unknown as { policies: { late: { start(...args: unknown[]): { sipi(): unknown } } } };
  expect(plugin.policies.late.start({}, { by: 7 }).sipi()).toEqual({ do: 'delay', by: 7, reason: 'late' });
});

test('files of the folder are bundled, and the map leads back to their lines', async () => {
  const { code, sourceMap, files } = await compile(`import { where } from './lib/deep';\n\nexport { where };\n`, {
    'lib/deep.ts': `import data from './data.json';\n\nexport function where(): string {\n  throw new Error(data.text);\n}\n`,
    'lib/data.json': '{"text": "found"}',
  });
  const plugin = run(code) as unknown as { where(): string };
  expect(plugin.where).toThrow('found');
  expect(files.toSorted()).toEqual(['index.ts', 'lib/data.json', 'lib/deep.ts']);
  const line = code.split('\n').findIndex((text) => text.includes('throw')) + 1;
  const original = originalPositionFor(new TraceMap(sourceMap), {
    line,
    column: code.split('\n')[line - 1].indexOf('throw'),
  });
  expect(original).toMatchObject({ source: 'lib/deep.ts', line: 4, column: 2 });
});

test('types may be imported without saying so, since nothing is left of them', async () => {
  const { code } = await compile(`import { Policies } from 'reveille';\nexport const policies: Policies = {};\n`);
  expect(run(code)).toEqual({ policies: {} });
});

describe('errors are sentences at lines', () => {
  test.each([
    ['export const x = ;', /^index\.ts:1:18: Unexpected ";"\.$/],
    ['const ö = 1; export let ä = ;', /^index\.ts:1:29: /],
    [
      `\nimport fs from 'node:fs';\nfs;`,
      /^index\.ts:2:16: A plugin imports its own files only, .*'node:fs' is none\.$/,
    ],
    [`import 'left-pad';`, /'left-pad' is none\.$/],
    [
      `import { Policies } from 'reveille';\nPolicies();`,
      /^index\.ts:1:26: 'reveille' has types only: write "import type/,
    ],
    [`import '/etc/passwd';`, /'\/etc\/passwd' is none\.$/],
    [`import './nowhere';`, /^index\.ts:1:8: There is no file \.\/nowhere that could be imported\.$/],
    [`import '../outside';`, /There is no file \.\.\/outside/],
    [`export const x = require('fs');`, /'fs' is none\.$/],
    [`import './style.css';`, /style\.css is no source: a plugin imports \.ts, \.js and \.json\.$/],
    [`import './big.json';`, /big\.json has 1048578 bytes: at most 1048576 are possible\.$/],
  ])('%s', async (source, message) => {
    const files = { 'style.css': '', 'big.json': `"${'x'.repeat(2 ** 20)}"` };
    await expect(compile(source, files)).rejects.toThrow(message);
  });

  test('every one of them', async () => {
    await expect(compile(`import 'a';\nimport 'b';`)).rejects.toThrow(/^index\.ts:1:8: .*\nindex\.ts:2:8: /);
  });

  test('no index.ts', async () => {
    await expect(compilePlugin(folderOf({ 'other.ts': '' }))).rejects.toThrow(/^There is no .*\/index\.ts\.$/);
  });
});

describe('nothing outside of the folder is read', () => {
  test('by a path', async () => {
    const secret = folderOf({ 'secret.json': '"secret"' });
    const path = `../${secret.split('/').pop()}/secret.json`;
    await expect(compile(`import s from '${path}';\nexport { s };`)).rejects.toThrow(
      /leads out of the plugin's folder/,
    );
  });

  test('by a link', async () => {
    const folder = folderOf({ 'index.ts': `import s from './link.json';\nexport { s };` });
    symlinkSync(join(folderOf({ 'secret.json': '"secret"' }), 'secret.json'), join(folder, 'link.json'));
    await expect(compilePlugin(folder)).rejects.toThrow(/leads out of the plugin's folder/);
  });

  test('by the entry', async () => {
    const folder = folderOf({});
    symlinkSync(join(folderOf({ 'index.ts': 'export const policies = {};' }), 'index.ts'), join(folder, 'index.ts'));
    await expect(compilePlugin(folder)).rejects.toThrow(/leads out of the plugin's folder/);
  });

  test('by the address of a source map: one of a pipe would be waited for', async () => {
    const folder = folderOf({ 'index.ts': 'export const x = 1;\n//# sourceMappingURL=pipe\n' });
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    expect(run((await compilePlugin(folder)).code)).toEqual({ x: 1 });
  });

  test('nor a pipe in the folder', async () => {
    const folder = folderOf({ 'index.ts': `import './pipe.json';` });
    execFileSync('mkfifo', [join(folder, 'pipe.json')]);
    await expect(compilePlugin(folder)).rejects.toThrow(/pipe\.json is no regular file/);
  });
});

test('several at once, and one after the other', async () => {
  const sources = Array.from({ length: 8 }, (_, n) => `export const n = ${n};`);
  const compiled = await Promise.all(sources.map((source) => compile(source)));
  expect(compiled.map(({ code }) => run(code).n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(run((await compile('export const n = 8;')).code).n).toBe(8);
});

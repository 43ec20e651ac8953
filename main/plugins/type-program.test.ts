import { symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folderOf, pluginFolder } from './testing/plugin-folder';
import { TypeProgram } from './type-program';

const program = new TypeProgram(resolve('plugins/api'));

const check = (source: string, files: Record<string, string> = {}) =>
  program.check(folderOf({ 'index.ts': source, ...files }));

test('a plugin that is right has no problems', () => {
  expect(program.check(pluginFolder())).toEqual([]);
});

test("a decision that is none is found at its line, by the API's own types", () => {
  const source = `import type { Policies } from 'reveille';

export const policies: Policies = {
  late: { start: () => ({ sipi: () => ({ do: 'wait' }) }) },
};
`;
  const [problem, ...rest] = check(source);
  expect(rest).toEqual([]);
  expect(problem).toMatchObject({ file: 'index.ts', line: 4 });
  expect(problem.message).toContain(`Type '"wait"' is not assignable to type`);
});

test('files and tests beside it are looked at, too, in order', () => {
  const problems = check(`import { a } from './lib/a';\nexport const b: string = a;\n`, {
    'lib/a.ts': 'export const a: number = true;\n',
    'test.ts': 'export const tests: number[] = "none";\n',
    'notes.ts': 'nothing of this is used;',
  });
  expect(problems.map(({ file, line, column }) => `${file}:${line}:${column}`)).toEqual([
    'lib/a.ts:1:14',
    'index.ts:2:14',
    'test.ts:1:14',
  ]);
});

describe('there is the language and the API, nothing else', () => {
  test.each([
    ['export const x = document.title;', "Cannot find name 'document'"],
    ['export const x = process.env;', "Cannot find name 'process'. (TS2591)"],
    ['setTimeout(() => {}, 1);', "Cannot find name 'setTimeout'"],
    [`import fs from 'node:fs';\nexport { fs };`, "Cannot find name 'node:fs'. (TS2591)"],
    [`import * as v from 'valibot';\nexport { v };`, "Cannot find module 'valibot'"],
    [`import { Policies } from '../nowhere';\nexport { Policies };`, "Cannot find module '../nowhere'"],
  ])('%s', (source, message) => {
    expect(check(source).map((problem) => problem.message)).toEqual([expect.stringContaining(message)]);
  });

  test('a file outside of the folder is not read', () => {
    const outside = folderOf({ 'secret.ts': 'export const secret = 1;' });
    const path = `../${outside.split('/').pop()}/secret`;
    expect(check(`import { secret } from '${path}';\nexport { secret };`)[0].message).toContain('Cannot find module');
    const folder = folderOf({ 'index.ts': `import { secret } from './link';\nexport { secret };` });
    symlinkSync(join(outside, 'secret.ts'), join(folder, 'link.ts'));
    expect(() => program.check(folder)).toThrow("leads out of the plugin's folder");
  });
});

test('a file that was changed is seen when it is checked again', () => {
  const folder = pluginFolder();
  expect(program.check(folder)).toEqual([]);
  writeFileSync(join(folder, 'index.ts'), 'export const x: number = "";\n');
  expect(program.check(folder)).toHaveLength(1);
  writeFileSync(join(folder, 'index.ts'), 'export const x: string = "";\n');
  expect(program.check(folder)).toEqual([]);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPluginFolder } from '../plugins/manifest-file';
import { policyProgram } from './policies';
import { readPolicyCommands } from './policy-commands';

const MACHINE = { cpus: 4, bsp: 0, irqchip: 'exact', accelerator: 'wasm' } as const;
const manifest = readPluginFolder('plugins/manual');
const [policy] = manifest.policies ?? [];
const PROGRAMS = [policyProgram({ manifest, policy }, {}, MACHINE, { code: '', sourceMap: '', files: [] })];

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-commands-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string) {
  const path = join(folder, 'commands');
  writeFileSync(path, text);
  return readPolicyCommands(path, PROGRAMS, MACHINE);
}

test('a command a line, with its time and its arguments, defaults filled in', () => {
  expect(read('# one by one\n\n@5ms manual release cpu=1\n  @1.5s manual sipi cpu=2\r\n')).toEqual([
    { at: 5e6, author: 1, command: 'release', args: { cpu: 1 } },
    { at: 1.5e9, author: 1, command: 'sipi', args: { cpu: 2, vector: 8 } },
  ]);
});

test.each([
  ['hello', 'A line is "@TIME POLICY COMMAND NAME=VALUE …"'],
  ['@soon manual release cpu=1', 'A line is "@TIME POLICY COMMAND NAME=VALUE …"'],
  ['@1ms shuffle go', 'This run has no policy shuffle; it has manual.'],
  ['@1ms manual relase', 'manual has no command relase; it has release,'],
  ['@1ms manual release 1', 'An argument is NAME=VALUE, not "1".'],
  ['@1ms manual release cpu=9', "The option cpu of manual release must be a CPU of this machine, 0 to 3, not '9'."],
  ['@1ms manual release ap=1', "manual release has no option 'ap': it has cpu."],
])('%j is refused, and the sentence has its line', (line, words) => {
  expect(() => read(`@1ms manual release-all\n${line}\n`)).toThrow(`${join(folder, 'commands')}:2: ${words}`);
});

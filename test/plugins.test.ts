/** `reveille plugin`, from a new plugin to one that others install, with the built command and real files. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { checkPlugin, newPlugin } from '../main/app/plugin-author';
import { TypeChecker } from '../main/plugins/typecheck';
import { formatProblem } from '../preload/contract/plugins';
import { COMPILER_OPTIONS } from '../main/plugins/type-program';
import { readPluginFolder } from '../main/plugins/manifest-file';

const OUT = join(process.cwd(), 'out');
const COMMAND = join(OUT, 'reveille.js');
const root = mkdtempSync(join(tmpdir(), 'reveille-plugins-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Where the commands of a test are given. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, 'test-'));
});

function reveille(...args: string[]) {
  const env = { ...process.env, XDG_DATA_HOME: join(folder, 'data') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, stdout, stderr };
}

const edit = (file: string, change: (text: string) => string): void => {
  const path = join(folder, file);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
};

test('a new plugin works: it is right, its tests pass, a machine runs with it, its package can be installed', () => {
  expect(reveille('plugin', 'new', 'night-watch')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^\.\/night-watch has .*index\.ts.*test\.ts/),
  });
  expect(reveille('plugin', 'check', 'night-watch')).toEqual({ status: 0, stdout: '', stderr: 'No problems.\n' });

  const tested = reveille('plugin', 'test', 'night-watch');
  expect(tested.stdout.replaceAll(/\d+ ms/g, 'N ms')).toBe(
    '✓ every AP starts, but not before its time (N ms)\n✓ CPUs that were not chosen start at once (N ms)\n\n2 tests passed.\n',
  );
  expect(tested.status).toBe(0);

  const run = reveille(
    'run',
    'herd',
    '--accel',
    'wasm',
    '--policy',
    './night-watch',
    '--policy-option',
    'by=3ms',
    '--json',
  );
  expect(JSON.parse(run.stdout.trim().split('\n').at(-1) as string)).toMatchObject({
    outcome: { kind: 'guest-exit' },
    policies: [{ policy: 'night-watch', fault: null }],
  });

  expect(reveille('plugin', 'pack', 'night-watch').stdout).toBe('night-watch-0.1.0.tgz\n');
  const packed = readFileSync(join(folder, 'night-watch-0.1.0.tgz'));
  reveille('plugin', 'pack', 'night-watch');
  expect(readFileSync(join(folder, 'night-watch-0.1.0.tgz')).equals(packed)).toBe(true);
  const listed = execFileSync('tar', ['tzf', 'night-watch-0.1.0.tgz'], { cwd: folder, encoding: 'utf8' });
  expect(listed).toContain('night-watch-0.1.0/index.ts\n');
  expect(listed).not.toContain('.reveille');

  rmSync(join(folder, 'night-watch'), { recursive: true });
  const installed = reveille('plugin', 'install', 'night-watch-0.1.0.tgz', '--enable', '--yes');
  expect(installed.stdout).toContain('start-up: decide what becomes of INITs and SIPIs\nnight-watch is enabled.\n');
  expect(reveille('run', 'herd', '--accel', 'wasm', '--policy', 'night-watch').status).toBe(0);
});

test('permissions are granted by somebody, or not at all', () => {
  reveille('plugin', 'new', 'late');
  expect(reveille('plugin', 'install', 'late').stdout).toContain('It is not enabled: reveille plugin enable late\n');
  const alone = reveille('plugin', 'enable', 'late');
  expect(alone.status).toBe(2);
  expect(alone.stderr).toBe('reveille: There is no terminal to ask on: --yes grants these permissions.\n');
  expect(reveille('plugin', 'list').stdout).toContain(' - not enabled, wants start-up\n');
  expect(reveille('run', 'herd', '--policy', 'late').stderr).toContain(
    'which is not enabled: reveille plugin enable late',
  );

  const asked = execFileSync('script', ['-qec', `${process.execPath} ${COMMAND} plugin enable late`, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, XDG_DATA_HOME: join(folder, 'data') },
    input: 'y\n',
    encoding: 'utf8',
  });
  expect(asked).toContain('late is enabled.');

  const plugins = JSON.parse(reveille('plugin', 'list', '--json').stdout) as { name: string; enabled: boolean }[];
  expect(plugins.find(({ name }) => name === 'late')).toMatchObject({ enabled: true, origin: 'folder' });
  expect(reveille('plugin', 'disable', 'late').stdout).toBe('late is disabled.\n');
  expect(reveille('plugin', 'remove', 'late').stdout).toBe('late is removed.\n');
  expect(existsSync(join(folder, 'late/index.ts'))).toBe(true);
});

describe('what is wrong is told at its line', () => {
  test('by check, and it is not packed', () => {
    reveille('plugin', 'new', 'late');
    edit('late/index.ts', (text) => text.replace(`do: 'delay', by`, `do: 'delay', for: by`));
    const { status, stdout } = reveille('plugin', 'check', 'late');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^index\.ts:6:5: Type .*\(TS2322\)\n {8}start\(.*\n {8}\^\n$/s);
    expect(reveille('plugin', 'pack', 'late').stderr).toMatch(/It is not packed: index\.ts:6:5: Type/);

    edit('late/index.ts', (text) => text.replace('start(', 'start(('));
    expect(reveille('plugin', 'check', 'late').stdout).toMatch(/^index\.ts:6:\d+: .*\n {4}.*start\(\(.*\n +\^\n$/);

    edit('late/reveille-plugin.json', (text) => text.replace('"gated"', '"luck"'));
    expect(reveille('plugin', 'check', 'late').stdout).toMatch(
      /policies\[0\]\.needs must be one of gated, exact, not 'luck'\.\n$/,
    );
  });

  test('in exports, in tests, in files that the manifest names', async () => {
    const types = new TypeChecker(pathToFileURL(join(OUT, 'typecheck-worker.js')), pathToFileURL('plugins/api/'));
    const problems = async (file: string, before: string | RegExp, after: string): Promise<string[]> => {
      const name = `late-${file.length}${after.length}`;
      newPlugin('late', join(folder, name), {
        template: pathToFileURL('resources/plugin-template/'),
        api: pathToFileURL('plugins/api/'),
      });
      edit(`${name}/${file}`, (text) => text.replace(before, after));
      return (await checkPlugin(join(folder, name), types)).map(formatProblem);
    };
    try {
      expect(await problems('index.ts', `'late': {`, `other: {`)).toEqual([
        'index.ts: The manifest has a policy late, which is not among the exported "policies".',
      ]);
      expect(await problems('index.ts', /^/, 'throw new Error("at once");\n')).toEqual([
        expect.stringMatching(/^index\.ts: at once\n {4}at .*index\.ts:1:/),
      ]);
      expect((await problems('index.ts', 'start(', 'begin(')).slice(0, 2)).toEqual([
        'index.ts: The policy late has neither "start" nor "configure".',
        expect.stringMatching(/^index\.ts:6:5: .*'begin' does not exist in type 'PolicyDefinition'/),
      ]);
      expect(await problems('test.ts', 'export const tests', 'export const test')).toEqual([
        'test.ts: TypeError: test.ts exports no list "tests".',
      ]);
      const panel = '"panels": [{"name": "map", "title": "Map", "file": "map.html"}], "policies"';
      expect(await problems('reveille-plugin.json', '"policies"', panel)).toEqual([
        expect.stringMatching(/^reveille-plugin\.json: There is no .*\/map\.html\.$/),
      ]);
    } finally {
      types.dispose();
    }
  });

  test('by a test that fails, by one that cannot be run, and by a policy that is faulty', () => {
    reveille('plugin', 'new', 'late');
    edit('late/test.ts', (text) =>
      text
        .replace("by: '3ms'", "by: '2ms'")
        .replace("name: 'CPUs that", "name: 'unknown', guest: 'herds', check() {} }, { name: 'CPUs that"),
    );
    const failed = reveille('plugin', 'test', 'late');
    expect(failed.status).toBe(1);
    expect(failed.stdout).toMatch(
      /✗ every AP starts, but not before its time \(\d+ ms\)\n {4}CPU \d started after [\d.]+ ms\n {8}at check \(test\.ts:17:/,
    );
    expect(failed.stdout).toMatch(/✗ unknown \(\d+ ms\)\n {4}There is no guest "herds"/);
    expect(failed.stdout).toContain('2 of 3 tests failed.\n');

    edit('late/index.ts', (text) =>
      text.replace("return { do: 'delay'", "throw new Error('broken'); return { do: 'delay'"),
    );
    const faulty = JSON.parse(reveille('plugin', 'test', 'late', '--json').stdout) as { tests: { problem: string }[] };
    expect(faulty.tests[0].problem).toMatch(/broken[\s\S]*at .*index\.ts:12/);
  });
});

describe('refused', () => {
  test.each([
    [['plugin'], 'reveille plugin takes new, check, test,'],
    [['plugin', 'toString'], 'not "toString"'],
    [['plugin', 'new'], 'reveille plugin new takes a name; there is none.'],
    [
      ['plugin', 'new', 'Late'],
      `A plugin's name has lower-case letters, digits and hyphens, at most 50; "Late" is none.`,
    ],
    [['plugin', 'new', 'late', '--directory', '.'], '. is there already, and not empty'],
    [['plugin', 'new', 'late', '--directory', 'a file'], 'a file is there already, and no folder'],
    [['plugin', 'check'], "reveille plugin check takes the path of a plugin's folder; there is none."],
    [['plugin', 'test', '/nowhere'], 'There is no /nowhere.'],
    [['plugin', 'pack', '.'], 'It is not packed: reveille-plugin.json: There is no plugin in'],
    [['plugin', 'pack', '.', '--output', 'x'], 'There is no option --output; there are none here.'],
    [['plugin', 'test', 'a file'], '/a file is a file: a plugin is a folder, whose package'],
    [['plugin', 'install', '/nowhere'], '/nowhere cannot be read: no such file or directory (ENOENT).'],
    [['plugin', 'enable', 'stagered'], 'There is no plugin "stagered". Did you mean staggered?'],
    [['plugin', 'remove', 'staggered'], 'The plugin staggered came with Reveille'],
    [['plugin', 'list', '--all'], 'There is no option --all; the options here are --json.'],
  ])('%j', (args, words) => {
    writeFileSync(join(folder, 'a file'), '');
    const { status, stdout, stderr } = reveille(...args);
    expect(stderr).toContain(words);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });
});

test('a folder that cannot be made is a fault of the host', () => {
  const { status, stderr } = reveille('plugin', 'new', 'late', '--directory', '/proc/late');
  expect(stderr).toBe('reveille: /proc/late cannot be written: no such file or directory (ENOENT).\n');
  expect(status).toBe(5);
});

test('a plugin that came with Reveille can be disabled', () => {
  reveille('plugin', 'disable', 'staggered');
  expect(reveille('run', 'herd', '--policy', 'staggered').stderr).toContain('which is not enabled');
  expect(reveille('plugin', 'enable', 'staggered').stdout).toBe('staggered is enabled.\n');
});

test('a guest of a plugin is run by its name, with the command line that its manifest gives it', () => {
  reveille('plugin', 'new', 'late');
  copyFileSync('resources/guests/herd.bin', join(folder, 'late/flock.bin'));
  const guest = { name: 'flock', description: 'Counts.', file: 'flock.bin', cmdline: 'unknown-word' };
  edit('late/reveille-plugin.json', (text) => JSON.stringify({ ...JSON.parse(text), guests: [guest] }));
  expect(reveille('plugin', 'check', 'late').stderr).toBe('No problems.\n');
  reveille('plugin', 'install', 'late');
  expect(reveille('run', 'late/flock', '--accel', 'wasm')).toMatchObject({
    status: 2,
    stderr: 'reveille: The guest late/flock is of a plugin that is not enabled: reveille plugin enable late.\n',
  });
  reveille('plugin', 'enable', 'late', '--yes');
  expect(reveille('guests').stdout).toContain(
    '\nlate/flock - of the plugin late\n  Counts.\n  Its command line, where none is given: unknown-word\n',
  );
  const run = reveille('run', 'late/flock', '--accel', 'wasm', '--events', 'events');
  expect(run).toMatchObject({ status: 0, stdout: expect.stringContaining('herd') });
  const [header] = readFileSync(join(folder, 'events'), 'utf8').split('\n');
  expect(JSON.parse(header)).toMatchObject({ config: { cmdline: 'unknown-word' } });
});

test("the template's tsconfig.json is how plugins are checked", () => {
  const { compilerOptions } = JSON.parse(readFileSync('resources/plugin-template/tsconfig.json', 'utf8')) as {
    compilerOptions: object;
  };
  expect(compilerOptions).toEqual({ ...COMPILER_OPTIONS, paths: { reveille: ['./.reveille/index.ts'] } });
});

describe('a plugin that came with Reveille is right, and its own tests pass', () => {
  const types = new TypeChecker(pathToFileURL(join(OUT, 'typecheck-worker.js')), pathToFileURL('plugins/api/'));
  afterAll(() => types.dispose());

  test.each(readdirSync('plugins').filter((name) => name !== 'api'))('%s', async (name) => {
    expect(readPluginFolder(join('plugins', name)).name).toBe(name);
    expect(await checkPlugin(join('plugins', name), types)).toEqual([]);
    const tested = reveille('plugin', 'test', join(process.cwd(), 'plugins', name));
    expect(tested.stdout).toMatch(/^✓[^✗]*\n\n\d+ tests? passed\.\n$/);
    expect(tested).toMatchObject({ status: 0, stderr: '' });
  });
});

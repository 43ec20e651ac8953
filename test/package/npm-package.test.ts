/** What `npm pack` makes, installed as `npm install --global` lays it out: the command works away from the sources. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** A tarball that has grown past this holds something that nobody needs to run it. */
const MOST_BYTES = 2 * 2 ** 20;

let prefix: string;
let command: string;
let packed: { filename: string; size: number; files: { path: string }[] };

beforeAll(() => {
  prefix = mkdtempSync(join(tmpdir(), 'reveille-package-'));
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', prefix];
  [packed] = JSON.parse(execFileSync('npm', pack, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as [
    typeof packed,
  ];
  const home = join(prefix, 'lib/node_modules/reveille');
  mkdirSync(home, { recursive: true });
  execFileSync('tar', ['xzf', join(prefix, packed.filename), '--strip-components=1', '-C', home]);
  // What the registry would give, without it: the same versions are here.
  symlinkSync(resolve('node_modules'), join(home, 'node_modules'));
  mkdirSync(join(prefix, 'bin'));
  command = join(prefix, 'bin/reveille');
  symlinkSync('../lib/node_modules/reveille/out/reveille.js', command);
  chmodSync(command, 0o755);
});
afterAll(() => rmSync(prefix, { recursive: true, force: true }));

const run = (...args: string[]): string => execFileSync(command, args, { encoding: 'utf8', cwd: prefix });

test('holds what it needs and no more', () => {
  const paths = packed.files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'README.md',
      'LICENSE',
      'out/reveille.js',
      'out/machine-process.js',
      'out/vcpu-worker.cjs',
      'out/renderer/index.html',
      'resources/core.wasm',
      'resources/guests/heartbeat.bin',
      'out/typecheck-worker.js',
      'out/plugin-sandbox.cjs',
      'out/quickjs.wasm',
      'out/sandbox.image',
      'plugins/api/index.ts',
      'plugins/drop-sipi/index.ts',
      'resources/plugin-template/index.ts',
    ]),
  );
  expect(paths.filter((path) => /\.map$|\.test\.|^(main|renderer|test)\//.test(path))).toEqual([]);
  expect(packed.size).toBeLessThan(MOST_BYTES);
});

test('says its version', () => {
  expect(run('--version')).toMatch(/^(reveille )?\d+\.\d+\.\d+\n$/);
});

test('runs a machine', () => {
  const said = run('run', 'roll-call', '--cpus', '2', '--accel', 'wasm', '--json').trim();
  // What the guest says comes first.
  const summary = JSON.parse(said.slice(said.indexOf('\n{') + 1)) as { outcome: { kind: string } };
  expect(summary.outcome.kind).toBe('guest-exit');
});

test('runs a machine with a policy, and has what an author needs', () => {
  const said = run('run', 'roll-call', '--accel', 'wasm', '--policy', 'drop-sipi', '--json').trim();
  const summary = JSON.parse(said.slice(said.indexOf('\n{') + 1)) as { policies: unknown[] };
  expect(summary.policies).toMatchObject([{ policy: 'drop-sipi', fault: null }]);
  run('plugin', 'new', 'late');
  expect(run('plugin', 'check', 'late')).toBe('');
  expect(run('plugin', 'test', 'late')).toContain('2 tests passed.');
});

test('serves the app', async () => {
  const child = spawn(command, ['app', '--port', '0', '--no-open'], {
    cwd: prefix,
    env: { ...process.env, XDG_DATA_HOME: join(prefix, 'data') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((done) => child.once('exit', done));
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  await expect.poll(() => said).toMatch(/http:\S+\n/);
  const link = /http:\S+/.exec(said)?.[0] as string;
  const entered = await fetch(link, { redirect: 'manual' });
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
  const page = await fetch(new URL('/', link), { headers: { cookie } });
  expect(await page.text()).toContain('<title>');
  child.kill('SIGTERM');
  expect(await ended).toBe(143);
});

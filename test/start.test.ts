/** `npm start`: which shell it opens and why, and that it stands in nobody's way. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const NOWHERE = { DISPLAY: undefined, WAYLAND_DISPLAY: undefined };
let home: string;
let children: ChildProcess[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'reveille-start-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

interface Started {
  child: ChildProcess;
  said: () => string;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

function start(root: string, args: string[], environment: Record<string, string | undefined>): Started {
  const child = spawn(process.execPath, [join(root, 'scripts/start.mjs'), ...args], {
    env: { ...process.env, ...NOWHERE, XDG_DATA_HOME: home, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, as a shell gives to what it starts.
    detached: true,
  });
  children.push(child);
  let said = '';
  child.stdout.on('data', (chunk) => (said += String(chunk)));
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );
  return { child, said: () => said, ended };
}

/** The project with an Electron of our own beside it, whose files are these, and a `reveille` that says its arguments. */
function projectWith(electron: Record<string, string>): string {
  const root = join(home, 'project');
  mkdirSync(join(root, 'node_modules/electron'), { recursive: true });
  mkdirSync(join(root, 'out'));
  cpSync('scripts/start.mjs', join(root, 'scripts/start.mjs'));
  const files = { 'package.json': '{"name":"electron","version":"0.0.0"}', ...electron };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'node_modules/electron', name), text);
  writeFileSync(join(root, 'out/reveille.js'), 'console.log("browser", ...process.argv.slice(2));\n');
  chmodSync(join(root, 'out/reveille.js'), 0o755);
  return root;
}

const ECHO = 'console.log("electron", ...process.argv.slice(2)); process.exitCode = 7;';

test('without a display the app opens in a browser, and Ctrl-C ends it', async () => {
  const { child, said, ended } = start('.', [], {});
  await expect.poll(said).toMatch(/Reveille is at http:/);
  expect(said().split('\n')[0]).toBe('The desktop app opens in a browser: there is no display.');
  // As the terminal does, to the whole group.
  process.kill(-(child.pid as number), 'SIGINT');
  expect(await ended).toEqual({ code: 0, signal: null });
});

test('a signal to it alone reaches the app', async () => {
  const { child, said, ended } = start('.', [], {});
  await expect.poll(said).toMatch(/Reveille is at http:/);
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 143, signal: null });
});

test('--port and --no-open are for a browser, and its status is passed on', async () => {
  const { said, ended } = start('.', ['--port=70000', '--no-open'], { DISPLAY: ':0' });
  expect((await ended).code).toBe(2);
  expect(said()).toContain('in a browser: --port and --no-open are for a browser.');
  expect(said()).toContain('"70000" is none');
});

test('with a display and its binary Electron opens the project', async () => {
  const root = projectWith({ 'path.txt': 'electron', 'cli.js': ECHO });
  const { said, ended } = start(root, ['a.reveille'], { DISPLAY: ':0' });
  expect((await ended).code).toBe(7);
  expect(said()).toMatch(/^electron \S*project\/? a\.reveille\n$/);
});

test('a binary that is not there is fetched where Node can, else a browser opens and says why', async () => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const root = projectWith({ 'cli.js': ECHO, 'install.js': 'process.exitCode = 1;' });
  const { said, ended } = start(root, [], { WAYLAND_DISPLAY: 'wayland-0' });
  expect((await ended).code).toBe(0);
  const reason =
    major > 22 || (major === 22 && minor >= 12)
      ? "Electron's binary could not be fetched"
      : `Electron's binary is not here, and fetching it needs Node 22.12 or later (this is ${process.versions.node})`;
  expect(said()).toBe(`The desktop app opens in a browser: ${reason}.\nbrowser app\n`);
});

test('an app that a signal ends is not a success', async () => {
  const root = projectWith({ 'path.txt': 'electron', 'cli.js': 'process.kill(process.pid, "SIGKILL");' });
  const { ended } = start(root, [], { DISPLAY: ':0' });
  expect((await ended).code).toBe(137);
});

// `npm start`: the desktop app in Electron, or where that cannot be, in a browser; arguments go to `reveille app`.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const [major, minor] = process.versions.node.split('.').map(Number);

const reason = whyNoElectron();
if (reason === null) run(join(electronDirectory(), 'cli.js'), [root, ...args]);
else {
  console.log(`The desktop app opens in a browser: ${reason}.`);
  run(join(root, 'out/reveille.js'), ['app', ...args]);
}

function electronDirectory() {
  return dirname(createRequire(import.meta.url).resolve('electron/package.json'));
}

/** Electron's binary is fetched when it is first started, by a script for Node 22.12 or later. */
function whyNoElectron() {
  if (args.some((arg) => /^--(port(=|$)|no-open$)/.test(arg))) return '--port and --no-open are for a browser';
  if (process.env.DISPLAY === undefined && process.env.WAYLAND_DISPLAY === undefined) return 'there is no display';
  if (existsSync(join(electronDirectory(), 'path.txt'))) return null;
  if (major < 22 || (major === 22 && minor < 12)) {
    return `Electron's binary is not here, and fetching it needs Node 22.12 or later (this is ${process.versions.node})`;
  }
  const fetched = spawnSync(process.execPath, [join(electronDirectory(), 'install.js')], { stdio: 'inherit' });
  return fetched.status === 0 ? null : "Electron's binary could not be fetched";
}

function run(script, scriptArgs) {
  const child = spawn(process.execPath, [script, ...scriptArgs], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the app decides what it means.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // 128 and the number of the signal, as shells say it.
  child.on('exit', (code, signal) => (process.exitCode = code ?? 128 + constants.signals[signal]));
}

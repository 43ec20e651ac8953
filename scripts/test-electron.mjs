// `npm run test:electron`: the tests of the desktop app on Electron itself, where its binary and a display are.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const directory = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
const binary = findBinary();

if (binary === null) console.log(`skipped: Electron's binary is not in ${directory} ("npm start" fetches it)`);
else if (process.env.DISPLAY === undefined && process.env.WAYLAND_DISPLAY === undefined) {
  console.log('skipped: there is no display (xvfb-run gives one)');
} else {
  const { status } = spawnSync('npx', ['vitest', 'run', 'test/electron'], {
    stdio: 'inherit',
    env: { ...process.env, REVEILLE_ELECTRON: binary },
  });
  process.exitCode = status ?? 1;
}

/** As electron/index.js finds it. */
function findBinary() {
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (override !== undefined) return join(override, 'electron');
  const path = join(directory, 'path.txt');
  if (!existsSync(path)) return null;
  const found = join(directory, 'dist', readFileSync(path, 'utf8'));
  return existsSync(found) ? found : null;
}

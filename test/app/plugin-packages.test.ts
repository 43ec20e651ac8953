/** Packages of plugins in the app: those that `reveille plugin pack` makes, and those that nobody should trust. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import { startApp } from './browser-shell';
import { keptMachine } from './kept-machines';
import { appWindows, runCommand } from './windows';

const COMMAND = fileURLToPath(new URL('../../out/reveille.js', import.meta.url));
const MANIFEST = {
  name: 'night-watch',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Lets some CPUs start later.',
  permissions: ['start-up'],
  policies: [{ name: 'night-watch', title: 'Night watch', description: 'Waits.', needs: 'gated' }],
};

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'reveille-packages-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const windows = appWindows(() => startApp(keptMachine({})));

async function showPlugins(ctx: TestContext): Promise<{ page: Page; dialog: Locator }> {
  const page = await windows.open(ctx);
  await page.locator('nav li').first().waitFor();
  await runCommand(page, 'Plugins…');
  return { page, dialog: page.getByRole('dialog', { name: 'Plugins' }) };
}

async function install(dialog: Locator, path: string): Promise<void> {
  await dialog.getByLabel('Path of a plugin').fill(path);
  await dialog.getByRole('button', { name: 'Install' }).click();
}

test('a package shows what it may do before it is enabled; it is disabled, and removed', async (ctx) => {
  execFileSync(process.execPath, [COMMAND, 'plugin', 'new', 'night-watch'], { cwd: folder });
  execFileSync(process.execPath, [COMMAND, 'plugin', 'pack', 'night-watch'], { cwd: folder });
  const { dialog } = await showPlugins(ctx);
  await install(dialog, join(folder, 'night-watch-0.1.0.tgz'));
  const details = dialog.getByRole('region', { name: 'night-watch' });
  await details.getByText('was installed from a package').waitFor();
  await details.getByRole('button', { name: 'Enable…' }).click();
  await details.getByText('Allow it to do this?').waitFor();
  await details.getByText('decide what becomes of INITs and SIPIs').waitFor();
  await details.getByRole('button', { name: 'Not now' }).click();
  const listed = dialog.getByRole('list', { name: 'Plugins' }).getByRole('button', { name: 'night-watch' });
  await expect.poll(() => listed.innerText()).toContain('not enabled');
  await details.getByRole('button', { name: 'Enable…' }).click();
  await details.getByRole('button', { name: 'Allow and enable' }).click();
  await details.getByRole('button', { name: 'Disable' }).click();
  await listed.getByText('disabled').waitFor();
  await details.getByRole('button', { name: 'Remove' }).click();
  await listed.waitFor({ state: 'detached' });
});

/** A package of a plugin's two files, after somebody has changed their folder; `words`: for tar. */
function packed(name: string, change: (plugin: string) => void, ...words: string[]): string {
  const plugin = join(folder, name);
  mkdirSync(plugin);
  writeFileSync(join(plugin, 'reveille-plugin.json'), JSON.stringify(MANIFEST));
  writeFileSync(join(plugin, 'index.ts'), 'export const policies = {};\n');
  change(plugin);
  const file = join(folder, `${name}.tgz`);
  execFileSync('tar', ['-czf', file, ...words, '-C', folder, name]);
  return file;
}

test.for<[string, () => string, RegExp]>([
  [
    'no gzip',
    () => {
      writeFileSync(join(folder, 'text.tgz'), 'hello');
      return join(folder, 'text.tgz');
    },
    /text\.tgz.*cannot be unpacked/,
  ],
  [
    'a path that leads out of it',
    () => packed('outside', () => {}, '-P', '--transform', 's,outside/index.ts,outside/../../evil.ts,'),
    /"outside\/\.\.\/\.\.\/evil\.ts", which is no path inside of a folder/,
  ],
  [
    'a link',
    () => packed('linked', (plugin) => symlinkSync('/etc/passwd', join(plugin, 'link'))),
    /has "linked\/link" of type "2": a plugin is regular files/,
  ],
  [
    'more than there may be',
    () => packed('large', (plugin) => writeFileSync(join(plugin, 'zeros.bin'), Buffer.alloc(40_000_000))),
    /unpacks to more than \d+/,
  ],
  [
    'no manifest',
    () => packed('bare', (plugin) => rmSync(join(plugin, 'reveille-plugin.json'))),
    /there is no reveille-plugin\.json in it/,
  ],
  [
    'another API',
    () =>
      packed('late', (plugin) =>
        writeFileSync(join(plugin, 'reveille-plugin.json'), JSON.stringify({ ...MANIFEST, apiVersion: 9 })),
      ),
    /apiVersion must be 1, the version of the API that this Reveille has, not 9/,
  ],
])('a package with %s is refused with a sentence', async ([, make, sentence], ctx) => {
  const { page, dialog } = await showPlugins(ctx);
  const listed = dialog.getByRole('list', { name: 'Plugins' }).getByRole('button');
  await listed.first().waitFor();
  const before = await listed.count();
  await install(dialog, make());
  await page.getByRole('alert').getByText(sentence).waitFor();
  await expect.poll(() => listed.count()).toBe(before);
});

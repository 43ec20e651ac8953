/** What comes to the app from a person's disk by the window, and a connection that is lost. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page, WebSocketRoute } from 'playwright-core';
import { afterAll, expect, test, type TestContext } from 'vitest';
import { packFiles } from '../../main/plugins/archive';
import { startApp } from './browser-shell';
import { keptMachine } from './kept-machines';
import { appWindows, runCommand } from './windows';

const IMAGE = 'resources/guests/roll-call.bin';
const folder = mkdtempSync(join(tmpdir(), 'reveille-doors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const windows = appWindows(() => startApp(keptMachine({ accelerator: 'wasm' })), { expectsErrors: true });

async function open(ctx: TestContext): Promise<Page> {
  const page = await windows.open(ctx);
  await page.locator('nav li').first().waitFor();
  return page;
}

/** As a file manager does it. */
async function dropFile(page: Page, target: Locator, name: string, bytes: Buffer): Promise<void> {
  const data = await page.evaluateHandle(
    ([base64, file]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], file));
      return transfer;
    },
    [bytes.toString('base64'), name] as const,
  );
  await target.dispatchEvent('dragover', { dataTransfer: data });
  await target.dispatchEvent('drop', { dataTransfer: data });
}

test('an image that is dropped into the form is copied, runs, and goes with its machine', async (ctx) => {
  const page = await open(ctx);
  await page.getByRole('button', { name: 'New machine' }).click();
  const form = page.getByRole('dialog', { name: 'New machine' });
  await form.getByLabel('Name').fill('dropped');
  await form.getByRole('radio', { name: 'Emulator' }).check();
  await dropFile(page, form.getByRole('group', { name: 'Guest' }), 'mine.bin', readFileSync(IMAGE));
  const path = form.getByRole('textbox', { name: 'Path of the image' });
  await expect.poll(() => path.inputValue()).toMatch(/\/images\/[^/]+\/mine\.bin$/);
  const copy = await path.inputValue();
  expect(readFileSync(copy)).toEqual(readFileSync(IMAGE));
  await form.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('heading', { name: 'dropped' }).waitFor();
  await page.getByRole('toolbar', { name: 'Machine' }).getByRole('button', { name: 'Start' }).click();
  await page.getByText(/Ended: /).waitFor();

  await runCommand(page, 'Duplicate');
  await page.getByRole('heading', { name: 'dropped 2' }).waitFor();
  await runCommand(page, 'Delete');
  const question = page.getByRole('dialog');
  await question.getByText('The copy of its guest image stays, since dropped is made from it.').waitFor();
  await question.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('heading', { name: 'dropped 2' }).waitFor({ state: 'detached' });
  expect(existsSync(copy)).toBe(true);

  await page.getByRole('navigation').getByText('dropped', { exact: true }).click();
  await runCommand(page, 'Delete');
  await question.getByText('The copy of its guest image goes, too').waitFor();
  await question.getByRole('button', { name: 'Delete' }).click();
  await expect.poll(() => existsSync(copy)).toBe(false);
  expect(readdirSync(join(windows.app?.dataDirectory ?? '', 'images'))).toEqual([]);
});

test('the package of a plugin is installed, enabled, disabled and removed', async (ctx) => {
  execFileSync(process.execPath, [join(process.cwd(), 'out/reveille.js'), 'plugin', 'new', 'packed'], { cwd: folder });
  const source = join(folder, 'packed');
  const files = readdirSync(source).filter((name) => !name.startsWith('.'));
  const archive = packFiles(files.map((path) => ({ path, bytes: readFileSync(join(source, path)) })));

  const page = await open(ctx);
  await runCommand(page, 'Plugins');
  const dialog = page.getByRole('dialog', { name: 'Plugins' });
  await dropFile(page, dialog.locator('.plugins'), 'packed-0.1.0.tgz', Buffer.from(archive));
  const details = dialog.getByRole('region', { name: 'packed' });
  await details.getByRole('button', { name: 'Enable…' }).click();
  await details.getByRole('button', { name: 'Allow and enable' }).click();
  await details.getByRole('button', { name: 'Disable' }).click();
  await details.getByRole('button', { name: 'Enable…' }).waitFor();
  await details.getByRole('button', { name: 'Remove' }).click();
  await expect.poll(() => dialog.getByRole('list', { name: 'Plugins' }).getByText('packed').count()).toBe(0);
});

test('a policy that is approximate in an interrupt mode says so', async (ctx) => {
  const page = await open(ctx);
  await page.getByRole('button', { name: 'New machine' }).click();
  const form = page.getByRole('dialog', { name: 'New machine' });
  await form.getByRole('button', { name: 'Add a policy' }).click();
  await form.getByRole('list', { name: 'Policies to add' }).getByRole('button', { name: 'Lose a SIPI' }).click();
  // The first of its options has the focus.
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toMatch(/^(INPUT|SELECT)$/);
  expect(await form.getByRole('note').count()).toBe(0);
  await form.getByRole('radio', { name: 'split' }).check();
  await form.getByRole('note').getByText('In the mode split:').waitFor();
});

test('a connection that is lost is told, and the page goes on when it is back', async (ctx) => {
  const page = await open(ctx);
  let live: WebSocketRoute | undefined;
  let reachable = true;
  await page.routeWebSocket(/\/app$/, (socket) => {
    if (!reachable) {
      void socket.close();
      return;
    }
    live = socket;
    socket.connectToServer();
  });
  await page.reload();
  await page.locator('nav li').first().waitFor();
  reachable = false;
  await live?.close();
  const banner = page.getByText('The connection to Reveille was lost.', { exact: true });
  await banner.waitFor();
  reachable = true;
  await banner.waitFor({ state: 'detached' });
  const status = page.getByRole('contentinfo');
  await expect.poll(() => status.innerText()).toContain('Reveille');
  await page.keyboard.press('F5');
  await expect.poll(() => status.innerText()).toContain('machine time');
});

/** The panel with a machine's text screen, and its keyboard. */
import { existsSync, rmSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { screenEcho } from '../support/guest';
import { CHROMIUM, openBrowser, openPage, type RunningApp, startApp } from './browser-shell';
import { keptMachine } from './kept-machines';

const ONE_CPU = { sockets: 1, cores: 1, threads: 1 };
let browser: Browser | null = null;
let home = '';
let app: RunningApp | null = null;

beforeAll(async () => {
  if (existsSync(CHROMIUM)) browser = await openBrowser();
});
afterAll(() => browser?.close());
beforeEach((ctx) => {
  if (browser === null) ctx.skip(`${CHROMIUM} is not installed`);
});
afterEach(async () => {
  await app?.stop();
  app = null;
  rmSync(home, { recursive: true, force: true });
});

async function open(...machine: Parameters<typeof keptMachine>): Promise<{ page: Page; problems: string[] }> {
  home = keptMachine(...machine);
  app = await startApp(home);
  const opened = await openPage(browser as Browser, app);
  await opened.page.getByText('is off. Start it to see what the guest says', { exact: false }).waitFor();
  await opened.page.getByText('Screen', { exact: true }).click();
  await opened.page.keyboard.press('F5');
  return opened;
}

const panel = (page: Page) => page.locator('section[aria-label=Screen]');
const row = (page: Page, n: number) => panel(page).locator('.row').nth(n);

test('text is shown in its colours, keys reach the guest, and the last page stays', async () => {
  const { page, problems } = await open({ accelerator: 'wasm', topology: ONE_CPU }, screenEcho);
  await row(page, 0).filter({ hasText: 'READY' }).waitFor();
  const look = await row(page, 0)
    .locator('span')
    .first()
    .evaluate((element) => {
      const { color, backgroundColor } = getComputedStyle(element);
      return [element.textContent, color, backgroundColor];
    });
  expect(look).toEqual(['READY', 'rgb(255, 255, 255)', 'rgb(0, 0, 170)']);
  await panel(page).locator('.row').nth(24).waitFor();

  await panel(page).getByRole('button', { name: 'Type into the machine' }).click();
  // Set 1: 0x1e and 0x9e; then Shift (0x2a, 0xaa) around another, which a lost focus lets go.
  await page.keyboard.press('a');
  await row(page, 1).filter({ hasText: '▲₧' }).waitFor();
  await page.keyboard.down('Shift');
  await row(page, 1).filter({ hasText: '▲₧*' }).waitFor();
  await page.keyboard.press('Control+Shift+ArrowUp');
  await row(page, 1).filter({ hasText: '▲₧*' }).filter({ hasText: '¬' }).waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  await expect.poll(focused).toBe('Type into the machine');

  await page.keyboard.press('Shift+F5');
  await panel(page).getByText('The machine has ended: this is what it showed last.').waitFor();
  await expect.poll(() => row(page, 0).textContent()).toContain('READY');
  await page.reload();
  await page.getByText('Screen', { exact: true }).click();
  await row(page, 0).filter({ hasText: 'READY' }).waitFor();
  expect(problems).toEqual([]);
});

test('a machine without a VGA says so', async () => {
  const { page, problems } = await open({ accelerator: 'wasm', topology: ONE_CPU, vga: 'none' }, screenEcho);
  await panel(page).getByText('This machine has no screen').waitFor();
  expect(problems).toEqual([]);
});

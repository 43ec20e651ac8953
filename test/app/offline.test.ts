/** The page asks nobody but the app for anything. */
import { expect, test } from 'vitest';
import { openBrowser, startApp } from './browser-shell';
import { needsProgram } from '../support/needs';

test('a page that is used asks for nothing outside the app', async (ctx) => {
  needsProgram(ctx, 'chromium');
  const app = await startApp();
  ctx.onTestFinished(() => app.stop());
  const browser = await openBrowser();
  ctx.onTestFinished(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const asked: string[] = [];
  // Of frames and workers, too.
  context.on('request', (request) => asked.push(request.url()));
  const page = await context.newPage();
  page.on('websocket', (socket) => asked.push(socket.url()));
  const command = async (name: string): Promise<void> => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill(name);
    await page.keyboard.press('Enter');
  };

  await page.goto(app.link);
  await page.getByRole('button', { name: 'Run the example' }).click();
  await page.getByRole('button', { name: 'Start using Reveille' }).click();
  await page.keyboard.press('F5');
  for (let cpu = 0; cpu < 4; cpu++) await page.getByRole('option').nth(cpu).getByText('halted').waitFor();
  await page.getByText('cpu 0 apic 0 beat', { exact: false }).first().waitFor();
  await command('About');
  await page.getByText('What the host says of it').waitFor();
  await page.keyboard.press('Escape');
  await command('Plugins');
  await page.getByRole('heading', { name: 'What it finds' }).waitFor();
  await page.keyboard.press('Escape');
  await page.reload();
  await page.getByRole('option').first().waitFor();

  const { host } = new URL(app.link);
  expect(asked.filter((url) => new URL(url).protocol === 'ws:')).not.toHaveLength(0);
  expect(asked.filter((url) => /^(https?|wss?):/.test(url) && new URL(url).host !== host)).toEqual([]);
});

/** What takes long says that it is under way: the app's answers are held back on their way, as on a host that is slow. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { decodeMessage } from '../../preload/contract/wire';
import { startApp } from './browser-shell';
import { appWindows, runCommand } from './windows';

const windows = appWindows(() => startApp());

/** Holds back answers, not what the app tells by itself, while it is told to. */
async function slowLink(page: Page): Promise<{ hold: () => void; release: () => void }> {
  let held: (() => void)[] | null = null;
  await page.routeWebSocket(/\/app$/, (window) => {
    const app = window.connectToServer();
    window.onMessage((message) => app.send(message));
    app.onMessage((message) => {
      const answers = 'id' in (decodeMessage(new Uint8Array(message as Buffer)) as object);
      if (held !== null && answers) held.push(() => window.send(message));
      else window.send(message);
    });
  });
  await page.reload();
  await page.getByText('is off.', { exact: false }).first().waitFor();
  return {
    hold: () => void (held = []),
    release() {
      for (const send of held ?? []) send();
      held = null;
    },
  };
}

test('an export, an import and a trace that is opened', async (ctx) => {
  const { page } = await windows.openMachine(ctx, { accelerator: 'wasm', cmdline: 'beat=60000' });
  const link = await slowLink(page);
  await page.keyboard.press('F5');
  for (let cpu = 0; cpu < 4; cpu++) await page.getByRole('option').nth(cpu).getByText('halted').waitFor();
  await page.keyboard.press('Shift+F5');
  await page.locator('header').getByText('ended', { exact: true }).waitFor();

  const underWay = async (label: string, done: () => Promise<unknown>): Promise<void> => {
    const task = page.locator('footer').getByRole('status').filter({ hasText: label });
    await task.waitFor({ state: 'visible' });
    link.release();
    await done();
    await task.waitFor({ state: 'detached' });
  };
  link.hold();
  await page.getByTestId('timeline-export').click();
  await page.getByTestId('timeline-export-json-lines').click();
  const download = page.waitForEvent('download');
  await underWay('Exporting the events', () => download);
  const trace = await (await download).path();

  const machine = { name: 'imported', guest: { kind: 'bundled', name: 'heartbeat' } };
  const choose = page.waitForEvent('filechooser');
  await page
    .getByRole('button', { name: /import/i })
    .first()
    .click();
  link.hold();
  const buffer = Buffer.from(JSON.stringify({ reveille: 1, machine }));
  await (await choose).setFiles({ name: 'a.reveille', mimeType: 'application/json', buffer });
  await underWay('Importing', async () => {});

  const chooseTrace = page.waitForEvent('filechooser');
  await runCommand(page, 'Open a trace');
  link.hold();
  await (await chooseTrace).setFiles(trace);
  await underWay('Opening the trace', () => page.getByTestId('timeline-canvas').waitFor());
  await expect.poll(() => page.getByTestId('timeline-shown').innerText()).toMatch(/[1-9][\d,]* events/);
});

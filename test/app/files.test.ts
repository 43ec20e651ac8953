/** Files that go between the app and the command line: a machine's file opens in the app, and what it records is replayed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FIRST_MACHINE, formatMachineFile } from '../../main/app/machine-settings';
import { reveille } from '../support/reveille';
import { enter, openBrowser, openClient, openPage, startApp } from './browser-shell';

test('a machine file on the command line opens as a machine, whose exported events are replayed to the last', async (ctx) => {
  const home = mkdtempSync(join(tmpdir(), 'reveille-files-'));
  ctx.onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const file = join(home, 'roll.reveille');
  const settings = { ...FIRST_MACHINE, name: 'from a file', accelerator: 'wasm' as const, realtime: false };
  writeFileSync(file, formatMachineFile({ ...settings, guest: { kind: 'bundled', name: 'roll-call' } }));
  const app = await startApp(home, [file]);
  ctx.onTestFinished(() => app.stop());
  const browser = await openBrowser();
  ctx.onTestFinished(() => browser.close());
  const { page, problems } = await openPage(browser, app);
  await page.getByRole('button', { name: 'Start using Reveille' }).click();
  await page.getByRole('heading', { name: 'from a file' }).waitFor();
  await page.keyboard.press('F5');
  await page.getByText(/Ended: /).waitFor();
  await page.getByTestId('timeline-export').click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('JSON lines').click()]);
  const { stderr } = await reveille('replay', await download.path());
  expect(stderr).toMatch(/replay: all \d+ events are the same/);
  expect(problems).toEqual([]);
});

test('a machine file is opened by the app that runs already, and one that is none is refused there', async (ctx) => {
  const home = mkdtempSync(join(tmpdir(), 'reveille-files-'));
  ctx.onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const app = await startApp(home);
  ctx.onTestFinished(() => app.stop());
  const { call, close } = await openClient(await enter(app.link));
  ctx.onTestFinished(close);
  const names = async () => (await call('machines.list', null)).map(({ settings }) => settings.name);
  const [first] = await names();

  const file = join(home, 'brought.reveille');
  writeFileSync(file, formatMachineFile({ ...FIRST_MACHINE, name: 'brought along' }));
  await enter(await app.anotherLink([file]));
  expect(await names()).toEqual([first, 'brought along']);
  expect((await call('preferences.get', null)).selected).toBe((await call('machines.list', null))[1].id);

  const bad = join(home, 'bad.reveille');
  writeFileSync(bad, '{');
  await expect(app.anotherLink([bad])).rejects.toThrow('ended with 2');
  await expect(app.anotherLink([join(home, 'none.reveille')])).rejects.toThrow('no such file or directory (ENOENT)');
  expect(await names()).toEqual([first, 'brought along']);
});

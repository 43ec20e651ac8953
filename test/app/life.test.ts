// A machine's life in the app: started, watched, reloaded, lost, recorded. Real machines, a real browser.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { CHROMIUM, openBrowser, openPage, type RunningApp, startApp } from './browser-shell';

const NO_CHROMIUM = `${CHROMIUM} is missing: install Debian's chromium`;
/** A loaded host takes its time. */
const SLOW = 20_000;

let browser: Browser;
let app: RunningApp;
let page: Page;
let problems: string[];

beforeAll(async () => {
  if (existsSync(CHROMIUM)) browser = await openBrowser();
});
afterAll(async () => browser?.close());

beforeEach(async (context) => {
  if (!existsSync(CHROMIUM)) context.skip(NO_CHROMIUM);
  app = await startApp();
  onTestFinished(() => app.stop());
  const opened = await openPage(browser, app);
  ({ page, problems } = opened);
  onTestFinished(() => opened.context.close());
  await page.getByRole('button', { name: 'Start using Reveille' }).click();
});

function cpu(index: number) {
  return page.getByRole('option').nth(index);
}

async function eventsShown(): Promise<number> {
  const text = await page
    .locator('footer')
    .getByText(/^events /)
    .textContent();
  return Number(/events ([\d,]+)/.exec(text ?? '')?.[1].replaceAll(',', ''));
}

async function startAndWait(): Promise<void> {
  await page.keyboard.press('F5');
  for (let n = 0; n < 4; n++) await cpu(n).getByText('halted').waitFor({ timeout: SLOW });
}

test('the machine that is there at the first start wakes its processors, and is powered off', async () => {
  await startAndWait();
  await page.getByTestId('timeline-canvas').waitFor();
  expect(await eventsShown()).toBeGreaterThan(10);
  await page.keyboard.press('Shift+F5');
  await page.locator('header').getByText('ended', { exact: true }).waitFor({ timeout: SLOW });
  expect(problems).toEqual([]);
});

test('a window that is loaded anew finds its machine running, with all of its events', async () => {
  await startAndWait();
  const before = await eventsShown();
  await page.reload();
  await cpu(3).getByText('halted').waitFor({ timeout: SLOW });
  await expect.poll(eventsShown, { timeout: SLOW }).toBeGreaterThanOrEqual(before);
  await page.getByText('Events', { exact: true }).click();
  await page.getByTestId('event-table').waitFor();
  await page.getByTestId('event-row').first().waitFor();
  expect(problems).toEqual([]);
});

test('a machine whose process is killed is shown as crashed, keeps its events, and starts again', async () => {
  await startAndWait();
  const before = await eventsShown();
  const children = readFileSync(`/proc/${app.process.pid}/task/${app.process.pid}/children`, 'utf8').trim().split(' ');
  expect(children).toHaveLength(1);
  process.kill(Number(children[0]), 'SIGKILL');
  await page.locator('header').getByText('crashed', { exact: true }).waitFor({ timeout: SLOW });
  await page
    .getByText(/SIGKILL/)
    .first()
    .waitFor();
  expect(await eventsShown()).toBeGreaterThanOrEqual(before);
  await page
    .getByRole('button', { name: /^restart/i })
    .first()
    .click();
  await cpu(3).getByText('halted').waitFor({ timeout: SLOW });
  expect(problems).toEqual([]);
});

describe('a recorded run', () => {
  test.each(['Perfetto', 'JSON lines'])('is exported as %s and opened again', async (format) => {
    await startAndWait();
    await page.keyboard.press('Shift+F5');
    await page.locator('header').getByText('ended', { exact: true }).waitFor({ timeout: SLOW });
    const events = await allEventsShown();
    await page.getByTestId('timeline-export').click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByText(format).click()]);
    const path = await download.path();
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), openTrace()]);
    await chooser.setFiles(path);
    await page
      .getByTestId('timeline-shown')
      .filter({ hasText: `${events} events` })
      .waitFor({ timeout: SLOW });
    expect(problems).toEqual([]);
  });

  /** The last ones are drawn a moment after the header tells the end. */
  async function allEventsShown() {
    for (let before = await eventsShown(); ;) {
      await page.waitForTimeout(500);
      const now = await eventsShown();
      if (now === before) return now;
      before = now;
    }
  }

  async function openTrace(): Promise<void> {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('open trace');
    await page.keyboard.press('Enter');
  }
});

test('nothing is left behind', async () => {
  await startAndWait();
  const { pid } = app.process;
  await app.stop();
  const left = execFileSync('ps', ['-eo', 'ppid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.trim().startsWith(`${pid} `) || line.includes(app.dataDirectory));
  expect(left).toEqual([]);
  expect(existsSync(`${app.dataDirectory}/running.json`)).toBe(false);
});

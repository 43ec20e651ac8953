// A machine's life in the app: started, watched, reloaded, lost, recorded. Real machines, a real browser.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, test, type TestContext } from 'vitest';
import { type RunningApp, startApp } from './browser-shell';
import { appWindows, runCommand } from './windows';

const windows = appWindows(() => startApp());
let page: Page;

/** A machine like the one that is there at the first start. Gives its id. */
async function startAndWait(ctx: TestContext): Promise<string> {
  const opened = await windows.openMachine(ctx, {});
  ({ page } = opened);
  await start();
  return opened.machine;
}

async function start(): Promise<void> {
  await page.keyboard.press('F5');
  for (let n = 0; n < 4; n++) await cpu(n).getByText('halted').waitFor();
}

async function powerOff(): Promise<void> {
  await page.keyboard.press('Shift+F5');
  await page.locator('header').getByText('ended', { exact: true }).waitFor();
}

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

test('the machine that is there at the first start wakes its processors, and is powered off', async (ctx) => {
  page = await windows.open(ctx);
  await page.getByRole('button', { name: 'Start using Reveille' }).click();
  await start();
  await page.getByTestId('timeline-canvas').waitFor();
  await expect.poll(eventsShown).toBeGreaterThan(10);
  await powerOff();
});

test('a window that is loaded anew finds its machine running, with all of its events', async (ctx) => {
  await startAndWait(ctx);
  const before = await eventsShown();
  await page.reload();
  await cpu(3).getByText('halted').waitFor();
  await expect.poll(eventsShown).toBeGreaterThanOrEqual(before);
  await page.getByText('Events', { exact: true }).click();
  await page.getByTestId('event-table').waitFor();
  await page.getByTestId('event-row').first().waitFor();
});

test('a machine whose process is killed is shown as crashed, keeps its events, and starts again', async (ctx) => {
  await startAndWait(ctx);
  const before = await eventsShown();
  const pid = windows.app?.process.pid;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  expect(children).toHaveLength(1);
  process.kill(Number(children[0]), 'SIGKILL');
  await page.locator('header').getByText('crashed', { exact: true }).waitFor();
  await page
    .getByText(/SIGKILL/)
    .first()
    .waitFor();
  await expect.poll(eventsShown).toBeGreaterThanOrEqual(before);
  await page
    .getByRole('button', { name: /^restart/i })
    .first()
    .click();
  await cpu(3).getByText('halted').waitFor();
});

describe('a recorded run', () => {
  test.for(['Perfetto', 'JSON lines'])('is exported as %s and opened again', async (format, ctx) => {
    const machine = await startAndWait(ctx);
    await powerOff();
    const events = await allEventsShown(ctx, machine);
    await page.getByTestId('timeline-export').click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByText(format).click()]);
    const path = await download.path();
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), openTrace()]);
    await chooser.setFiles(path);
    await expect.poll(() => page.getByTestId('timeline-shown').innerText()).toContain(`${events} events`);
  });

  /** The last ones are drawn a moment after the header tells the end. */
  async function allEventsShown(ctx: TestContext, machine: string): Promise<number> {
    const { call } = await windows.client(ctx);
    const { total } = await call('events.read', { machine, run: 1, from: 0 });
    await expect.poll(eventsShown).toBe(total);
    return total;
  }

  async function openTrace(): Promise<void> {
    await runCommand(page, 'open trace');
  }
});

test('nothing is left behind', async (ctx) => {
  const { call } = await windows.client(ctx);
  await call('preferences.set', { welcomed: true });
  page = await windows.open(ctx);
  await page.locator('nav li').first().waitFor();
  await start();
  // It would say that its connection is lost.
  await page.close();
  const app = windows.app as RunningApp;
  const { pid } = app.process;
  await app.stop();
  const left = execFileSync('ps', ['-eo', 'ppid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.trim().startsWith(`${pid} `) || line.includes(app.dataDirectory));
  expect(left).toEqual([]);
  expect(existsSync(`${app.dataDirectory}/running.json`)).toBe(false);
});

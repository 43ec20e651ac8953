/**
 * Windows of one app, which runs through all tests of a file; each test has a window of its own. They share what the browser
 * has of the page, which takes it a second to load and compile anew.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, expect, type TestContext } from 'vitest';
import type { MachineSettings } from '../../preload/contract/app';
import { FIRST_MACHINE } from '../../main/app/machine-settings';
import { needsProgram } from '../support/needs';
import { type Client, enter, openBrowser, openClient, openPage, type RunningApp } from './browser-shell';

export interface AppWindows {
  /** A new window. */
  open(ctx: TestContext): Promise<Page>;
  /** A new window on a machine, heartbeat but for `change`, which is off; it goes with the test. Gives its id, too. */
  openMachine(
    ctx: TestContext,
    change: Partial<MachineSettings>,
    image?: Uint8Array,
  ): Promise<{ page: Page; machine: string }>;
  /** The app's commands, without a window. */
  client(ctx: TestContext): Promise<Client>;
  /** The app, once a window was opened. */
  readonly app: RunningApp | undefined;
}

/** `expectsErrors`: what a page's console says as an error is no failure, since a hostile page says such things. */
export function appWindows(start: () => Promise<RunningApp>, { expectsErrors = false } = {}): AppWindows {
  let app: RunningApp | undefined;
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;
  let client: Client | undefined;
  let shown: Page | undefined;
  let problems: string[] = [];
  let made = 0;

  afterEach(async () => {
    await shown?.close();
    shown = undefined;
    const said = problems;
    problems = [];
    if (said.length > 0 && !expectsErrors) throw new Error(said.join('\n'));
  });

  afterAll(async () => {
    client?.close();
    await browser?.close();
    await app?.stop();
    if (app === undefined) return;
    rmSync(dirname(app.dataDirectory), { recursive: true, force: true });
    if (app.errors() !== '') throw new Error(app.errors());
  });

  async function running(ctx: TestContext): Promise<RunningApp> {
    needsProgram(ctx, 'chromium');
    app ??= await start();
    return app;
  }

  async function connect(ctx: TestContext): Promise<Client> {
    client ??= await openClient(await enter(await (await running(ctx)).anotherLink()));
    return client;
  }

  async function open(ctx: TestContext): Promise<Page> {
    const ours = await running(ctx);
    browser ??= await openBrowser();
    const opened = await openPage(browser, ours, undefined, context);
    ({ context, page: shown, problems } = opened);
    return shown;
  }

  return {
    open,
    client: connect,
    async openMachine(ctx, change, image) {
      const { call } = await connect(ctx);
      const settings = { ...FIRST_MACHINE, name: `of test ${++made}`, ...change };
      if (image !== undefined) {
        const folder = mkdtempSync(join(tmpdir(), 'reveille-image-'));
        ctx.onTestFinished(() => rmSync(folder, { recursive: true }));
        settings.guest = { kind: 'file', path: join(folder, 'guest.bin') };
        writeFileSync(settings.guest.path, image);
      }
      await call('preferences.set', { welcomed: true });
      const { id: machine } = await call('machines.create', { settings });
      ctx.onTestFinished(() => remove(machine));
      const page = await open(ctx);
      await page.getByRole('navigation', { name: 'Machines' }).getByText(settings.name, { exact: true }).click();
      await page.getByText(`${settings.name} is off.`, { exact: false }).first().waitFor();
      return { page, machine };
    },
    get app() {
      return app;
    },
  };

  async function remove(machine: string): Promise<void> {
    const { call } = client as Client;
    const status = async () => (await call('machines.list', null)).find(({ id }) => id === machine)?.status;
    const live = async () => ['starting', 'running', 'paused', 'stopping'].includes((await status()) ?? 'gone');
    if (await live()) await call('machine.kill', { machine });
    await expect.poll(live).toBe(false);
    await call('machines.delete', { machine });
  }
}

/** Runs the command of the palette that its words find first. */
export async function runCommand(page: Page, words: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search commands' }).fill(words);
  await page.keyboard.press('Enter');
}

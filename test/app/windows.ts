/** Windows of one app, which runs through all tests of a file; each test has a window of its own. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, type TestContext } from 'vitest';
import { needsProgram } from '../support/needs';
import { openBrowser, openPage, type RunningApp } from './browser-shell';

/** Of a page that is quick, in ms; so a test that fails says where. */
const PATIENCE = 10_000;

export interface AppWindows {
  /** A new window. */
  open(ctx: TestContext): Promise<Page>;
  /** The app, once a window was opened. */
  readonly app: RunningApp | undefined;
}

/** `expectsErrors`: what a page's console says as an error is no failure, since a hostile page says such things. */
export function appWindows(
  start: () => Promise<RunningApp>,
  { expectsErrors = false, patience = PATIENCE } = {},
): AppWindows {
  let app: RunningApp | undefined;
  let browser: Browser | undefined;
  let shown: Awaited<ReturnType<typeof openPage>> | undefined;

  afterEach(async () => {
    const problems = shown?.problems ?? [];
    await shown?.context.close();
    shown = undefined;
    if (problems.length > 0 && !expectsErrors) throw new Error(problems.join('\n'));
  });

  afterAll(async () => {
    await browser?.close();
    await app?.stop();
    if (app !== undefined && app.errors() !== '') throw new Error(app.errors());
  });

  return {
    async open(ctx) {
      needsProgram(ctx, 'chromium');
      app ??= await start();
      browser ??= await openBrowser();
      shown = await openPage(browser, app);
      shown.page.setDefaultTimeout(patience);
      return shown.page;
    },
    get app() {
      return app;
    },
  };
}

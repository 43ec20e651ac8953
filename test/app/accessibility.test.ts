/** Every view and dialog against WCAG 2.2 AA, as far as axe-core can tell, in both themes. */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, expect, test, type TestContext } from 'vitest';
import { needsProgram } from '../support/needs';
import { type RunningApp, openBrowser, openPage, startApp } from './browser-shell';
import { runCommand } from './windows';

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

interface Axe {
  run(options: {
    runOnly: string[];
  }): Promise<{ violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[] }>;
}

let app: RunningApp | undefined;
let browser: Browser | undefined;

async function open(ctx: TestContext, colorScheme: 'dark' | 'light'): Promise<Page> {
  needsProgram(ctx, 'chromium');
  app ??= await startApp();
  browser ??= await openBrowser();
  // Nothing moves, so that nothing is judged in between.
  const { page } = await openPage(browser, app, {
    viewport: { width: 1440, height: 900 },
    colorScheme,
    reducedMotion: 'reduce',
  });
  return page;
}

afterAll(async () => {
  await browser?.close();
  await app?.stop();
});

/** What is wrong with the page as it is: rule and element. */
async function violations(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which the page's content security policy does not hinder.
  await page.evaluate(AXE);
  return page.evaluate(async (runOnly) => {
    const { axe } = globalThis as unknown as { axe: Axe };
    const { violations: found } = await axe.run({ runOnly });
    return found.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
    );
  }, RULES);
}

/** Each way to something that is shown; they follow one another in one window. */
const VIEWS: [name: string, show: (page: Page) => Promise<void>][] = [
  [
    'welcome',
    async (page) => {
      await page.getByRole('button', { name: 'Run the example' }).click();
      await page.getByRole('log').getByText('CPU 0 is the BSP').waitFor();
    },
  ],
  [
    'a machine that is off',
    async (page) => {
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
    },
  ],
  ['palette', (page) => page.keyboard.press('Control+k')],
  [
    'about',
    async (page) => {
      await page.keyboard.press('Escape');
      await runCommand(page, 'about');
      await page.getByText('What the host says of it').first().click();
    },
  ],
  [
    'new machine',
    async (page) => {
      await page.keyboard.press('Escape');
      await runCommand(page, 'new machine');
      await page.getByRole('dialog', { name: 'New machine' }).waitFor();
    },
  ],
  [
    'new machine with problems',
    async (page) => {
      const form = page.getByRole('dialog', { name: 'New machine' });
      await form.getByLabel('Image from disk').check();
      await form.getByLabel('Memory').fill('lots');
      await form.getByLabel('Threads a core').fill('20');
      await form.getByLabel('Choose APIC ids').check();
      await form.getByLabel('COM3').selectOption('unix');
      await form.getByRole('button', { name: 'Add virtio console hvc0' }).click();
      await form.getByText('“lots” is no size').waitFor();
      await form.getByText('The socket of COM3 is empty').waitFor();
    },
  ],
  [
    'new machine with policies',
    async (page) => {
      const form = page.getByRole('dialog', { name: 'New machine' });
      await form.getByRole('button', { name: 'Add a policy' }).click();
      await form.getByRole('button', { name: 'Lose a SIPI' }).click();
      await form.getByLabel('How many').fill('0');
      await form.getByText('The option count of drop-sipi').waitFor();
      await form.getByRole('button', { name: 'Add a policy' }).click();
    },
  ],
  [
    'plugins',
    async (page) => {
      await page.keyboard.press('Escape');
      await runCommand(page, 'plugins');
      await page.getByRole('heading', { name: 'absent-ap', exact: true }).first().waitFor();
    },
  ],
  [
    'the menu of a machine',
    async (page) => {
      await page.keyboard.press('Escape');
      await page
        .getByRole('button', { name: /^Actions for/ })
        .first()
        .click();
      await page.getByRole('menuitem', { name: 'Duplicate' }).waitFor();
    },
  ],
  [
    'delete a machine',
    async (page) => {
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await page.getByRole('dialog', { name: /^Delete/ }).waitFor();
    },
  ],
  [
    'snapshots',
    async (page) => {
      await page.keyboard.press('Escape');
      await runCommand(page, 'snapshots');
      await page.getByText('There are none yet.').waitFor();
    },
  ],
  [
    'a machine that runs',
    async (page) => {
      await page.keyboard.press('Escape');
      await page.getByRole('toolbar', { name: 'Machine' }).getByRole('button', { name: 'Start' }).click();
      await page.getByRole('navigation').getByText('running').waitFor();
    },
  ],
  [
    'a machine that stands still, with a CPU in the inspector',
    async (page) => {
      await runCommand(page, 'pause');
      await page.getByRole('listbox').getByRole('option').nth(1).click();
      await page.getByText('General registers').waitFor();
    },
  ],
  [
    'the table of events',
    async (page) => {
      await runCommand(page, 'show events');
      await page.getByTestId('event-row').first().waitFor();
    },
  ],
  [
    'a console of a port that the machine has not',
    async (page) => {
      await runCommand(page, 'resume');
      await runCommand(page, 'show hvc0');
      await page.getByText('has no hvc0').waitFor();
    },
  ],
  [
    'the debug console',
    async (page) => {
      await runCommand(page, 'show debug console');
      await page.getByText('A guest only writes here').waitFor();
    },
  ],
  [
    'the screen of a machine',
    async (page) => {
      await runCommand(page, 'show screen');
      await page.getByRole('application', { name: 'screen and keyboard' }).locator('.row').first().waitFor();
    },
  ],
  [
    'quit',
    async (page) => {
      await runCommand(page, 'quit');
      await page.getByRole('dialog', { name: 'Power off and quit?' }).waitFor();
    },
  ],
  [
    'a machine that has ended, and a message',
    async (page) => {
      await page.getByRole('button', { name: 'Cancel' }).click();
      await runCommand(page, 'power off');
      await page.getByRole('navigation').getByText('Powered off.').waitFor();
      await runCommand(page, 'pause');
      await page.getByRole('status').getByText('This machine does not run.').waitFor();
    },
  ],
];

test.for(['dark', 'light'] as const)('axe finds nothing in any view, %s', async (theme, ctx) => {
  const page = await open(ctx, theme);
  const found: Record<string, string[]> = {};
  for (const [name, show] of VIEWS) {
    await show(page);
    const wrong = await violations(page);
    if (wrong.length > 0) found[name] = wrong;
  }
  await page.context().close();
  expect(found).toEqual({});
});

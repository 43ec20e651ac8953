/** The app without a pointer: every step is a key, and what is wanted is reached by Tab. */
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { startApp } from './browser-shell';
import { appWindows } from './windows';

const windows = appWindows(() => startApp());

/** More than a view has places for the focus. */
const MOST_TABS = 120;

/** Goes on by Tab, or back, until the focus is there. */
async function reach(page: Page, wanted: Locator, key = 'Tab'): Promise<void> {
  await wanted.first().waitFor();
  for (let presses = 0; presses < MOST_TABS; presses++) {
    if (await wanted.first().evaluate((element) => element.matches(':focus'))) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${MOST_TABS} times ${key} do not lead to ${String(wanted)}.`);
}

async function press(page: Page, wanted: Locator, key = 'Enter'): Promise<void> {
  await reach(page, wanted);
  await page.keyboard.press(key);
}

test('a machine is made, started, typed at, paused, inspected, stepped and deleted by keys alone', async (ctx) => {
  const client = await windows.client(ctx);
  await client.call('preferences.set', { welcomed: true });
  const page = await windows.open(ctx);
  const machines = page.getByRole('navigation', { name: 'Machines' });
  await machines.getByRole('listitem').first().waitFor();

  await press(page, page.getByRole('button', { name: 'New machine' }));
  const form = page.getByRole('dialog', { name: 'New machine' });
  await reach(page, form.getByLabel('Name'));
  await page.keyboard.press('Control+a');
  await page.keyboard.type('by keys');
  await reach(page, form.getByLabel('Which'));
  await page.keyboard.type('heart');
  // A beat a minute: nothing scrolls away.
  await reach(page, form.getByLabel('Command line'));
  await page.keyboard.type('beat=60000');
  await reach(page, form.locator('input[name=accelerator]:checked'));
  for (let presses = 0; presses < 4 && !(await form.getByRole('radio', { name: 'Emulator' }).isChecked()); presses++)
    await page.keyboard.press('ArrowDown');
  await press(page, form.getByRole('button', { name: 'Save and start' }));
  await form.waitFor({ state: 'hidden' });

  const tile = (cpu: number, state = '') => page.getByRole('option', { name: new RegExp(`^CPU ${cpu} .*${state}`) });
  for (let cpu = 1; cpu < 4; cpu++) await tile(cpu, 'halted').waitFor();
  const console = page.locator('section[aria-label=COM1]');
  await console.locator('.xterm-rows').filter({ hasText: 'commands: help' }).waitFor();
  await reach(page, page.getByLabel('Console of COM1', { exact: false }));
  await page.keyboard.type('park 2\r');
  await console.locator('.xterm-rows').filter({ hasText: 'cpu 2 is parked' }).waitFor();
  // Tab is the guest's there.
  await page.keyboard.press('Control+Shift+ArrowUp');

  await page.keyboard.press('F6');
  await page.getByText('Paused.', { exact: true }).waitFor();
  await reach(page, tile(0), 'Shift+Tab');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect.poll(() => tile(1).getAttribute('aria-selected')).toBe('true');
  await page.locator('section[aria-label="CPU inspector"]').getByText('General registers').waitFor();
  await page.keyboard.press('F10');
  await page
    .getByText(/CPU 1 .*HALTED/)
    .first()
    .waitFor();

  await page.keyboard.press('Shift+F5');
  await page.locator('header').getByText('ended', { exact: true }).waitFor();
  const row = machines.getByRole('listitem').filter({ hasText: 'by keys' });
  await reach(page, row.getByRole('button').first(), 'Shift+Tab');
  await page.keyboard.press('ContextMenu');
  const remove = page.getByRole('menuitem', { name: 'Delete' });
  for (let presses = 0; presses < 12 && !(await remove.evaluate((item) => item.matches(':focus'))); presses++)
    await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await press(page, page.getByRole('dialog', { name: 'Delete by keys?' }).getByRole('button', { name: 'Delete' }));
  await machines.getByText('by keys').waitFor({ state: 'hidden' });
});

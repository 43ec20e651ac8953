/** Policies and plugins in the app: chosen in the form, at work in a machine, told by hand. */
import type { Locator, Page } from 'playwright-core';
import { expect, test, type TestContext } from 'vitest';
import { startApp } from './browser-shell';
import { needsKvm } from '../support/needs';
import { keptMachine } from './kept-machines';
import { appWindows, runCommand } from './windows';

const windows = appWindows(() =>
  startApp(keptMachine({ accelerator: 'wasm', guest: { kind: 'bundled', name: 'roll-call' } })),
);

async function open(ctx: TestContext): Promise<Page> {
  const page = await windows.open(ctx);
  await page.locator('nav li').first().waitFor();
  return page;
}

async function addPolicy(form: Locator, title: string): Promise<Locator> {
  await form.getByRole('button', { name: 'Add a policy' }).click();
  await form.getByRole('list', { name: 'Policies to add' }).getByRole('button', { name: title }).click();
  return form.getByRole('listitem', { name: title });
}

/** A machine of its own, by the form. */
async function newMachine(page: Page, name: string, accelerator = 'Emulator'): Promise<Locator> {
  await page.getByRole('button', { name: 'New machine' }).click();
  const form = page.getByRole('dialog', { name: 'New machine' });
  await form.getByLabel('Name').fill(name);
  await form.getByLabel('Which').selectOption('roll-call');
  await form.getByRole('radio', { name: accelerator }).check();
  return form;
}

test('policies are added, given options, ordered and kept; what cannot be is said beside the option', async (ctx) => {
  const page = await open(ctx);
  const form = await newMachine(page, 'guided');
  const drop = await addPolicy(form, 'Lose a SIPI');
  await addPolicy(form, 'By hand');
  await drop.getByLabel('First SIPI to lose').fill('0');
  await drop.locator('.reason').getByText('must be a whole number from 1 to 1000').waitFor();
  await expect.poll(() => form.getByRole('button', { name: 'Save', exact: true }).isDisabled()).toBe(true);
  await drop.getByLabel('First SIPI to lose').fill('2');
  await drop.getByLabel('CPUs', { exact: true }).fill('1,9');
  await drop.locator('.reason').getByText('CPUs of this machine').waitFor();
  await drop.getByLabel('CPUs', { exact: true }).fill('1,3');
  await drop.locator('.reason').waitFor({ state: 'hidden' });

  // By keyboard, and the focus stays.
  await form.getByRole('button', { name: 'Ask By hand earlier' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => form.locator('.policy b').allInnerTexts()).toEqual(['By hand', 'Lose a SIPI']);
  await form.getByRole('button', { name: 'Remove By hand' }).click();
  await form.getByRole('button', { name: 'Save', exact: true }).click();
  await form.waitFor({ state: 'hidden' });

  await page.reload();
  await page.getByRole('button', { name: 'Actions for guided' }).click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  const edit = page.getByRole('dialog', { name: 'Edit guided' });
  const kept = edit.getByRole('listitem', { name: 'Lose a SIPI' });
  expect(await kept.innerText()).toContain('nth 2');
  await kept.getByRole('button', { name: 'Lose a SIPI drop-sipi' }).click();
  expect(await kept.getByLabel('CPUs', { exact: true }).inputValue()).toBe('1,3');
});

test('with “manual” every AP waits until it is released, by menu, inspector or palette', async (ctx) => {
  const page = await open(ctx);
  const form = await newMachine(page, 'by hand');
  // It waits for its processors for as long as it takes.
  await form.getByLabel('Which').selectOption('herd');
  await addPolicy(form, 'By hand');
  await form.getByRole('button', { name: 'Save and start' }).click();
  await form.waitFor({ state: 'hidden' });
  const tiles = page.getByRole('listbox', { name: 'CPUs, 4' });
  await tiles.getByText('waiting for SIPI').first().waitFor();
  const tile = (cpu: number): Locator => tiles.getByRole('option').nth(cpu);

  await tile(1).click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Release' }).click();
  await page.getByRole('status').getByText('CPU 1 is released').waitFor();

  await tile(2).focus();
  await page.keyboard.press('ContextMenu');
  await page.getByRole('menuitem', { name: 'Send SIPI' }).click();
  const dialog = page.getByRole('dialog', { name: 'Send SIPI: CPU 2' });
  const vector = dialog.getByLabel('Vector');
  await vector.fill('256');
  await dialog.getByRole('button', { name: 'Send SIPI' }).click();
  const said = dialog.locator('.reason').getByText('must be a whole number from 0 to 255');
  await said.waitFor();
  expect(await vector.getAttribute('aria-invalid')).toBe('true');
  expect((await vector.getAttribute('aria-describedby'))?.split(' ')).toContain(await said.getAttribute('id'));
  await vector.fill('8');
  await dialog.getByRole('button', { name: 'Send SIPI' }).click();
  await page.getByRole('status').getByText('CPU 2 is sent a SIPI with vector 8').waitFor();

  await tile(3).click();
  await page
    .getByRole('group', { name: 'What policies can do with CPU 3' })
    .getByRole('button', { name: 'Hold' })
    .click();
  await page.getByRole('status').getByText('CPU 3 will wait when its SIPI comes').waitFor();
  await runCommand(page, 'manual release all');
  await page.getByText('Ended: CPU 0 wrote 16 to the debug-exit port.').waitFor();
  await expect.poll(() => tiles.getByText('waiting for SIPI').count()).toBe(0);
});

test('a policy steers a machine on KVM, too', async (ctx) => {
  needsKvm(ctx);
  const page = await open(ctx);
  const form = await newMachine(page, 'on KVM', 'KVM');
  await form.getByLabel('Which').selectOption('herd');
  await addPolicy(form, 'By hand');
  await form.getByRole('button', { name: 'Save and start' }).click();
  await form.waitFor({ state: 'hidden' });
  const tiles = page.getByRole('listbox', { name: 'CPUs, 4' });
  await expect.poll(() => tiles.getByText('waiting for SIPI').count()).toBe(3);
  await tiles.getByRole('option').nth(2).click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Release' }).click();
  await page.getByRole('status').getByText('CPU 2 is released').waitFor();
  await expect.poll(() => tiles.getByText('waiting for SIPI').count()).toBe(2);
  await runCommand(page, 'manual release all');
  await page.getByText('Ended: CPU 0 wrote 16 to the debug-exit port.').waitFor();
});

test('the verdict of a policy stands above its run, with its reason', async (ctx) => {
  const page = await open(ctx);
  const form = await newMachine(page, 'judged');
  // It sends one SIPI where two are due.
  await form.getByLabel('Which').selectOption('lost-sipi');
  await addPolicy(form, 'Need the second SIPI');
  await form.getByRole('button', { name: 'Save and start' }).click();
  await form.waitFor({ state: 'hidden' });
  const banner = page.getByRole('status').filter({ hasText: 'says first-sipi-lost' });
  await banner.waitFor();
  expect(await banner.innerText()).toMatch(/^fail CPU \d .*\. says first-sipi-lost$/);

  // It is of that run, and the next one has its own.
  await page.reload();
  await banner.waitFor();
});

import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { AcceleratorName } from '../../preload/contract/machine';
import { needsKvm } from '../support/needs';
import { startApp } from './browser-shell';
import { appWindows } from './windows';

const windows = appWindows(() => startApp());

const inspector = (page: Page) => page.locator('section[aria-label="CPU inspector"]');
const tile = (page: Page, cpu: number) => page.getByRole('option', { name: new RegExp(`^CPU ${cpu} `) });

test.for<AcceleratorName>(['kvm', 'wasm'])(
  'a paused CPU shows its registers, code and memory, and steps, on %s',
  async (accelerator, ctx) => {
    if (accelerator === 'kvm') needsKvm(ctx);
    const { page } = await windows.openMachine(ctx, { accelerator });
    await page.keyboard.press('F5');
    await page.getByRole('option', { name: /^CPU 3 .*halted/ }).waitFor();
    await tile(page, 1).click();
    await inspector(page).getByText('SIPI 0x08 from CPU 0', { exact: true }).first().waitFor();
    await page.keyboard.press('F6');
    await page.getByText('Paused.', { exact: true }).waitFor();
    await inspector(page).getByText('General registers').waitFor();
    await inspector(page).getByText('LME LMA').first().waitFor();
    await inspector(page).getByText('periodic 0x40').waitFor();
    await inspector(page).getByText('x87, SSE and AVX registers').click();
    await inspector(page).getByText('00001f80').waitFor();
    await expect
      .poll(() =>
        inspector(page)
          .getByText(/^ymm\d+$/)
          .count(),
      )
      .toBe(16);

    await inspector(page).getByText('Memory', { exact: true }).click();
    await inspector(page).getByLabel('Address, hexadecimal').fill('nowhere');
    await page.keyboard.press('Enter');
    await inspector(page).getByText("'nowhere' is no address", { exact: false }).waitFor();
    await inspector(page).getByLabel('Address, hexadecimal').fill('8000');
    await page.keyboard.press('Enter');
    await inspector(page).getByText('00008000', { exact: true }).waitFor();

    // It waits for its timer.
    await page.keyboard.press('F10');
    await page
      .getByText(/CPU 1 .*HALTED/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Resume' }).first().click();
    await page.getByText('Paused.', { exact: true }).waitFor({ state: 'detached' });
  },
);

test.for<AcceleratorName>(['kvm', 'wasm'])(
  'a machine pauses where it was told to, and steps from there, on %s',
  async (accelerator, ctx) => {
    if (accelerator === 'kvm') needsKvm(ctx);
    const { page } = await windows.openMachine(ctx, { accelerator });
    await page.keyboard.press('F5');
    await page.getByRole('option', { name: /^CPU 3 .*halted/ }).waitFor();
    await tile(page, 2).click();
    await inspector(page).getByLabel('Pause at').selectOption('first instruction');
    await inspector(page).getByRole('button', { name: 'Add' }).click();
    await inspector(page).getByText('first instruction, any CPU').waitFor();
    await page.reload();
    await inspector(page).getByText('first instruction, any CPU').waitFor();
    await page.getByRole('button', { name: 'Reset' }).first().click();
    const paused = page.getByText(/^Paused: CPU \d is about to execute its first instruction\.$/);
    await paused.waitFor();
    const cpu = Number(/\d/.exec((await paused.textContent()) ?? '')?.[0]);
    await tile(page, cpu).click();
    await inspector(page).getByText('00008000', { exact: true }).first().waitFor();
    await page.keyboard.press('F10');
    await page.getByText(`Paused after a step of CPU ${cpu}.`).waitFor();
    await expect.poll(() => tile(page, cpu).getAttribute('aria-selected')).toBe('true');
  },
);

test('the tiles are one list to the keyboard', async (ctx) => {
  const { page } = await windows.openMachine(ctx, {
    accelerator: 'wasm',
    topology: { sockets: 2, cores: 2, threads: 2 },
  });
  await page.keyboard.press('F5');
  await page.getByRole('option', { name: /^CPU 7 / }).waitFor();
  await tile(page, 0).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await expect.poll(() => tile(page, 6).getAttribute('aria-selected')).toBe('true');
  await inspector(page).getByText('What happened to CPU 6').waitFor();
});

test('four tiles have room for all of their words in a small window', async (ctx) => {
  const { page } = await windows.openMachine(ctx, { accelerator: 'wasm' });
  await page.setViewportSize({ width: 1024, height: 700 });
  await page.keyboard.press('F5');
  for (let cpu = 1; cpu < 4; cpu++) await tile(page, cpu).getByText('SIPI 0x08 from CPU 0').waitFor();
  await tile(page, 3).getByText('halted').waitFor();
  const cut = () =>
    page
      .getByRole('option')
      .locator('.line > *')
      .evaluateAll((parts) =>
        parts.filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.textContent),
      );
  await expect.poll(cut).toEqual([]);
});

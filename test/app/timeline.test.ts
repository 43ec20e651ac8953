/** The timeline of a real run, by its buttons and keys. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startApp } from './browser-shell';
import { appWindows } from './windows';

const windows = appWindows(() => startApp());

test('goes from one start-up IPI to the next, measures, searches, and is exported as a picture and as CSV', async (ctx) => {
  const { page } = await windows.openMachine(ctx, { accelerator: 'wasm', cmdline: 'beat=60000' });
  await page.keyboard.press('F5');
  for (let cpu = 0; cpu < 4; cpu++) await page.getByRole('option').nth(cpu).getByText('halted').waitFor();
  await page.keyboard.press('Shift+F5');
  await page.locator('header').getByText('ended', { exact: true }).waitFor();

  const said = page.getByTestId('timeline-announcement');
  const canvas = page.getByTestId('timeline-canvas');
  await canvas.focus();
  await page.keyboard.press('Home');
  await page.getByTestId('timeline-next-startup').click();
  await expect.poll(() => said.textContent()).toContain('INIT');
  const first = await said.textContent();
  await canvas.focus();
  const press = async (key: string): Promise<void> => {
    const before = await said.textContent();
    await page.keyboard.press(key);
    await expect.poll(() => said.textContent()).not.toBe(before);
  };
  while (!(await said.textContent())?.includes('SIPI')) await press(']');
  while ((await said.textContent()) !== first) await press('[');

  await page.keyboard.press('m');
  await page.keyboard.press('ArrowRight');
  const measures = () => page.getByTestId('timeline-measure').getAttribute('aria-pressed');
  await expect.poll(measures).toBe('true');
  await page.keyboard.press('Escape');
  await expect.poll(measures).toBe('false');

  const shown = page.getByTestId('timeline-shown');
  const before = await shown.innerText();
  await canvas.hover();
  await page.mouse.wheel(0, -300);
  await expect.poll(() => shown.innerText()).not.toBe(before);

  const exported = async (format: string): Promise<Buffer> => {
    await page.getByTestId('timeline-export').click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByTestId(`timeline-export-${format}`).click(),
    ]);
    return readFileSync(await download.path());
  };
  const picture = await exported('png');
  expect(picture.subarray(1, 4).toString()).toBe('PNG');
  expect(picture.readUInt32BE(16)).toBe(await canvas.evaluate((element) => (element as HTMLCanvasElement).width));
  const [, ...lines] = (await exported('csv')).toString().trimEnd().split('\n');
  await expect.poll(() => shown.innerText()).toContain(`${lines.length} events`);

  await page.getByTestId('timeline-search').fill('sipi');
  await page.getByTestId('timeline-next-match').click();
  await expect.poll(() => said.textContent()).toContain('SIPI');
});

test('in a small window all of the filter can be reached, and a filter that is set is taken back', async (ctx) => {
  const { page } = await windows.openMachine(ctx, { accelerator: 'wasm', cmdline: 'beat=60000' });
  await page.setViewportSize({ width: 1024, height: 480 });
  await page.keyboard.press('F5');
  const shown = page.getByTestId('event-filter');
  await shown.click();
  await page.getByRole('checkbox', { name: 'Exits' }).uncheck();
  await expect.poll(() => shown.getAttribute('data-active')).toBe('true');
  await page.getByRole('button', { name: 'Show everything' }).click();
  await expect.poll(() => page.getByRole('checkbox', { name: 'Exits' }).isChecked()).toBe(true);
});

/** Virtio consoles in the window, of a stock Linux kernel on the emulator. */
import { existsSync, readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { needsStockGuests } from '../support/linux';
import { PATIENCE_MS } from '../support/patience';
import { startApp } from './browser-shell';
import { appWindows } from './windows';

/** How long a boot may take on a host with other work to do, in ms; not a measure of anything. */
const BOOT_MS = 5 * PATIENCE_MS;
const LINES = 1000;
const windows = appWindows(() => startApp());

const panel = (page: Page, port: string) => page.locator(`section[aria-label=${port}]`);
const screen = (page: Page, port: string) => panel(page, port).locator('.xterm-rows');
const says = (page: Page, port: string, text: string) => screen(page, port).filter({ hasText: text }).waitFor();
const front = (page: Page, port: string) => page.getByText(port, { exact: true }).click();

async function type(page: Page, port: string, text: string): Promise<void> {
  await page.getByLabel(`Console of ${port}`, { exact: false }).focus();
  await page.keyboard.type(text);
}

test('hvc0 has what a serial port has, and hvc1 may be elsewhere', { timeout: 2 * BOOT_MS }, async (ctx) => {
  const { cloud, initrd } = needsStockGuests(ctx);
  const { page } = await windows.openMachine(ctx, {
    accelerator: 'wasm',
    realtime: false,
    guest: { kind: 'file', path: cloud },
    initrd,
    cmdline: 'console=ttyS0',
    memory: 256 * 2 ** 20,
    topology: { sockets: 1, cores: 1, threads: 1 },
    consoles: [{ kind: 'stdio' }, { kind: 'pty' }],
  });
  await page.keyboard.press('F5');
  await screen(page, 'COM1').filter({ hasText: '~ #' }).waitFor({ timeout: BOOT_MS });
  await type(page, 'COM1', 'sh /etc/virtio; echo all $((2 * 3)) loaded\r');
  await says(page, 'COM1', 'all 6 loaded');
  await type(page, 'COM1', 'cat /dev/hvc0 &\r');
  await type(page, 'COM1', 'echo from the guest > /dev/hvc0\r');
  await front(page, 'hvc0');
  await says(page, 'hvc0', 'from the guest');
  await type(page, 'hvc0', 'to the guest\r');
  await says(page, 'hvc0', 'to the guest');

  await page.keyboard.press('Control+f');
  await page.keyboard.type('guest');
  await panel(page, 'hvc0')
    .getByText(/^\d of 2$/)
    .waitFor();
  await page.keyboard.press('Escape');
  await panel(page, 'hvc0').getByRole('button', { name: 'Times of the lines' }).click();
  await expect.poll(() => panel(page, 'hvc0').locator('.times').innerText()).toMatch(/^\+\d.*\n\+\d/);

  await front(page, 'hvc1');
  expect(existsSync(await page.getByText(/^\/dev\/pts\/\d+$/).innerText())).toBe(true);
  await front(page, 'COM1');
  await says(page, 'COM1', 'to the guest');
  await type(page, 'COM1', `seq ${LINES} > /dev/hvc0; echo all of $((2 * ${LINES / 2}))\r`);
  await says(page, 'COM1', `all of ${LINES}`);
  await page.reload();
  await front(page, 'hvc0');
  await says(page, 'hvc0', `${LINES}`);
  const download = page.waitForEvent('download');
  await panel(page, 'hvc0').getByRole('button', { name: 'Save the log' }).click();
  expect((await download).suggestedFilename()).toMatch(/-hvc0\.log$/);
  const log = readFileSync(await (await download).path(), 'utf8');
  const counted = Array.from({ length: LINES }, (_, n) => `${n + 1}\r\n`).join('');
  expect(log).toBe(`from the guest\r\nto the guest\r\n${counted}`);
});

test('a machine without a virtio console says so, and has one after a change', async (ctx) => {
  const { page } = await windows.openMachine(ctx, { accelerator: 'wasm' });
  await front(page, 'hvc0');
  await panel(page, 'hvc0').getByText('has no hvc0: its settings offer virtio consoles.').waitFor();
  await panel(page, 'hvc0').getByRole('button', { name: 'Edit the machine' }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('button', { name: 'Add virtio console hvc0' }).click();
  await form.getByRole('button', { name: 'Add virtio console hvc1' }).click();
  await form.getByRole('button', { name: 'Remove hvc1' }).click();
  await form.getByRole('button', { name: 'Save', exact: true }).click();
  await form.waitFor({ state: 'hidden' });
  await panel(page, 'hvc0').getByText('is off. Start it to see what the guest says on hvc0').waitFor();
  expect(await panel(page, 'hvc0').getByRole('button', { name: 'Edit the machine' }).count()).toBe(0);
});

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { AcceleratorName } from '../../preload/contract/machine';
import { DEBUG_CONSOLE, FIRST_CONSOLE_PORT, PORTS } from '../../preload/contract/ports';
import { LINE, lines } from '../support/guest';
import { needsKvm } from '../support/needs';
import { startApp } from './browser-shell';
import { appWindows } from './windows';

const windows = appWindows(() => startApp());

const screen = (page: Page) => page.locator('section[aria-label=COM1] .xterm-rows');
const says = (page: Page, text: string) => screen(page).filter({ hasText: text }).waitFor();
const input = (page: Page) => page.getByLabel('Console of COM1', { exact: false });
const log = (machine: string): string =>
  readFileSync(join(windows.app?.dataDirectory ?? '', 'machines', machine, 'logs', 'com1.log'), 'utf8');

test.for<AcceleratorName>(['kvm', 'wasm'])(
  'what is typed reaches the guest, and a reload shows what was said, on %s',
  async (accelerator, ctx) => {
    if (accelerator === 'kvm') needsKvm(ctx);
    // A beat a minute: nothing scrolls away.
    const { page } = await windows.openMachine(ctx, { accelerator, cmdline: 'beat=60000' });
    await page.keyboard.press('F5');
    await says(page, 'commands: help');
    await input(page).focus();
    await page.keyboard.type('park 1\r');
    await says(page, 'cpu 1 is parked');
    await page.reload();
    await says(page, 'commands: help');
    await says(page, 'cpu 1 is parked');
    expect(await screen(page).getByText('left out').count()).toBe(0);
  },
);

test('the keys of the console: search, and the way out', async (ctx) => {
  const { page } = await windows.openMachine(ctx, { accelerator: 'wasm' });
  await page.keyboard.press('F5');
  await says(page, 'commands: help');
  await input(page).focus();
  await page.keyboard.press('Control+f');
  await page.keyboard.type('processors');
  await page.getByText('1 of 1', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => input(page).evaluate((element) => element === document.activeElement)).toBe(true);
  await page.keyboard.press('Control+Shift+ArrowUp');
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  await expect.poll(focused).toBe('Search (Ctrl+F)');
});

test('what is selected is copied, what is pasted reaches the guest; the screen is cleared, and the log saved whole', async (ctx) => {
  const { page } = await windows.openMachine(ctx, { accelerator: 'wasm', cmdline: 'beat=60000' });
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.keyboard.press('F5');
  await says(page, 'commands: help');
  await screen(page).getByText('commands: help').click({ clickCount: 3, force: true });
  await page.keyboard.press('Control+Shift+C');
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await expect.poll(copied).toContain('commands: help');

  await page.evaluate(() => navigator.clipboard.writeText('park 1\r'));
  await input(page).focus();
  await page.keyboard.press('Control+Shift+V');
  await says(page, 'cpu 1 is parked');

  const tools = page.getByRole('toolbar', { name: 'COM1 console' });
  const saved = page.waitForEvent('download');
  await tools.getByRole('button', { name: 'Save the log' }).click();
  const text = readFileSync(await (await saved).path(), 'utf8');
  expect(text).toContain('commands: help');
  expect(text).toContain('cpu 1 is parked');

  await tools.getByRole('button', { name: 'Clear' }).click();
  await expect.poll(() => screen(page).innerText()).not.toContain('commands: help');
});

test('lines have their times where these are wanted', async (ctx) => {
  const { page } = await windows.openMachine(ctx, { accelerator: 'wasm' });
  await page.keyboard.press('F5');
  await says(page, 'beat 2');
  await page.locator('section[aria-label=COM1]').getByRole('button', { name: 'Times of the lines' }).click();
  const times = page.locator('section[aria-label=COM1] .times');
  await expect.poll(() => times.innerText()).toMatch(/^(\+[\d.]+ (ns|us|ms|s)\n){4}/);
});

test('a guest that floods loses nothing in its log, and the window can be used', async (ctx) => {
  const count = 32_768;
  const { page, machine } = await windows.openMachine(ctx, { accelerator: 'wasm', topology: ONE_CPU }, lines(count));
  await page.keyboard.press('F5');
  await says(page, LINE);
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText(/Ended: /).waitFor();
  const said = log(machine);
  expect(said.length).toBe(count * 64);
  expect(said).toBe(`${LINE}\r\n`.repeat(count));
});

test('what is typed at a port that is none, or that no guest reads, is refused, and the machine goes on', async (ctx) => {
  const { page, machine } = await windows.openMachine(ctx, { accelerator: 'wasm', cmdline: 'beat=60000' });
  await page.keyboard.press('F5');
  await says(page, 'commands: help');
  const { call } = await windows.client(ctx);
  const type = (port: number) => call('serial.input', { machine, port, text: 'x' });
  await expect(type(DEBUG_CONSOLE)).rejects.toThrow('A guest does not read at the debug console.');
  await expect(type(FIRST_CONSOLE_PORT)).rejects.toThrow('This machine has no hvc0.');
  await expect(type(PORTS)).rejects.toThrow('The command serial.input was refused');
  await expect(call('serial.read', { machine, run: 1, port: FIRST_CONSOLE_PORT, from: 0 })).rejects.toThrow('no hvc0');
  await expect(call('serial.log', { machine, port: FIRST_CONSOLE_PORT })).rejects.toThrow('hvc0 has no log');
  await input(page).focus();
  await page.keyboard.type('park 1\r');
  await says(page, 'cpu 1 is parked');
});

test('a port that goes elsewhere says where', async (ctx) => {
  const stdio = { kind: 'stdio' } as const;
  const { page } = await windows.openMachine(ctx, {
    accelerator: 'wasm',
    serial: [stdio, { kind: 'pty' }, { kind: 'none' }, stdio],
  });
  await page.keyboard.press('F5');
  await says(page, 'commands: help');
  await page.getByText('COM2', { exact: true }).click();
  expect(existsSync(await page.getByText(/^\/dev\/pts\/\d+$/).innerText())).toBe(true);
  await page.getByText('COM3', { exact: true }).click();
  await page.getByText('COM3 is connected to nothing', { exact: false }).waitFor();
});

const ONE_CPU = { sockets: 1, cores: 1, threads: 1 };

/** The desktop app from its entry on: main process, preload script, page and machines' processes. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../app/browser-shell';
import { BINARY, type Desktop, openAgain, openDesktop } from './desktop';

const SLOW = { timeout: 20_000 };

let home: string;
let desktop: Desktop;

/** What the page may ask, by its own bridge. */
function call<Result>(page: Page, name: string, argument: unknown = null): Promise<Result> {
  return page.evaluate(`window.reveille.call(${JSON.stringify(name)}, ${JSON.stringify(argument)})`);
}

async function result<Result>(page: Page, name: string, argument: unknown = null): Promise<Result> {
  return (await call<{ result: Result }>(page, name, argument)).result;
}

interface Listed {
  id: string;
  status: string;
  settings: { name: string };
}

async function machines(): Promise<Listed[]> {
  return result(desktop.page, 'machines.list');
}

async function open(...args: string[]): Promise<void> {
  desktop = await openDesktop(home, args);
  await result(desktop.page, 'preferences.set', { welcomed: true });
  await desktop.page.reload();
  await expect.poll(() => desktop.page.getByRole('listbox').count(), SLOW).toBeGreaterThan(-1);
}

async function startMachine(): Promise<void> {
  await desktop.page.getByRole('toolbar', { name: 'Machine' }).getByRole('button', { name: 'Start' }).click();
  await expect.poll(async () => (await machines())[0].status, SLOW).toBe('running');
}

/** A machine that runs on the emulator, in step with the host's time, says something again and again. */
async function consoleText(): Promise<string> {
  return desktop.page.getByRole('region', { name: 'COM1' }).innerText();
}

/** Processes of machines that this app has. */
async function machineProcesses(): Promise<number[]> {
  const children = readFileSync(`/proc/${desktop.process.pid}/task/${desktop.process.pid}/children`, 'utf8');
  return children
    .trim()
    .split(' ')
    .filter((pid) => pid !== '' && /machine-process|Reveille machine/.test(commandLine(pid)))
    .map(Number);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Answers the next question of the app. */
function answer(response: number): Promise<void> {
  return desktop.evaluate(({ dialog }, chosen) => {
    const kept = globalThis as { asked?: string[] };
    kept.asked ??= [];
    dialog.showMessageBox = ((_window: unknown, { message }: { message: string }) => {
      kept.asked?.push(message);
      return Promise.resolve({ response: chosen, checkboxChecked: false });
    }) as typeof dialog.showMessageBox;
  }, response);
}

function closeWindow(): Promise<void> {
  return desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close());
}

describe.skipIf(false)('the desktop app', () => {
  beforeEach((ctx) => {
    if (BINARY === undefined && !existsSync(CHROMIUM)) ctx.skip(`${CHROMIUM} is not installed`);
    home = mkdtempSync(join(tmpdir(), 'reveille-desktop-'));
  });

  afterEach(async () => {
    if (desktop.process.exitCode === null) {
      await desktop.evaluate(({ app }) => app.exit(0)).catch(() => {});
      await desktop.ended;
    }
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });

  test('wakes a machine, carries its events and its console, and catches up after a reload', async () => {
    await open();
    const { page } = desktop;
    expect(await page.title()).toContain('Reveille');
    await startMachine();
    const [{ id }] = await machines();

    // Frames come by the port of the machine's process.
    const cpus = page.getByRole('region', { name: 'CPUs' }).getByRole('option');
    await expect.poll(() => cpus.count(), SLOW).toBe(4);
    await expect
      .poll(async () => (await cpus.allInnerTexts()).every((text) => /runnable|running|halted/i.test(text)), SLOW)
      .toBe(true);
    await expect.poll(consoleText, SLOW).toMatch(/CPU|beat/i);

    await page.getByRole('region', { name: 'COM1' }).getByRole('textbox').first().focus();
    await page.keyboard.type('help\n');
    await expect.poll(consoleText, SLOW).toContain('park');

    await page.reload();
    await expect.poll(consoleText, SLOW).toContain('park');
    const before = await result<{ total: number }>(page, 'events.read', { machine: id, run: 1, from: 0 });
    await expect
      .poll(
        async () => (await result<{ total: number }>(page, 'events.read', { machine: id, run: 1, from: 0 })).total,
        SLOW,
      )
      .toBeGreaterThan(before.total);
    expect(await page.getByRole('alert').allInnerTexts()).toEqual(['', '']);

    await result(page, 'machine.stop', { machine: id });
    await expect.poll(machineProcesses, SLOW).toEqual([]);
    expect((await machines())[0].status).toBe('ended');
  });
});

/** Plugins in the app: installed, enabled with what they may do, changed while they work, and their panels. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Frame, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import { startApp } from './browser-shell';
import { keptMachine } from './kept-machines';
import { appWindows, runCommand } from './windows';

let folder: string;
/** What a panel must not reach. */
let network: Server;
const requests: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reveille-plugin-'));
  network = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => network.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  network.close();
  rmSync(folder, { recursive: true, force: true });
});

// Hooks run in reverse: the app ends before what it uses is taken away.
const windows = appWindows(
  () =>
    startApp(
      keptMachine({
        accelerator: 'wasm',
        guest: { kind: 'bundled', name: 'heartbeat' },
        policies: [{ policy: 'mine', options: {} }],
      }),
    ),
  { expectsErrors: true },
);

async function open(ctx: TestContext): Promise<Page> {
  const page = await windows.open(ctx);
  await page.locator('nav li').first().waitFor();
  return page;
}

function save(file: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), text);
}

/** A policy that marks every SIPI with a word, and tells its panel. */
function source(word: string): string {
  return `import type { Policies } from 'reveille';
export const policies: Policies = {
  mine: {
    start(machine) {
      machine.log('${word}');
      return {
        sipi({ cpu }) {
          machine.mark('${word}', cpu);
        },
        commands: {
          hello: () => {
            machine.tell({ word: '${word}' });
            return '${word} was told';
          },
        },
      };
    },
  },
};
`;
}

const MANIFEST = {
  name: 'mine',
  version: '0.1.0',
  apiVersion: 1,
  description: 'A plugin of these tests.',
  permissions: ['start-up', 'observe'],
  policies: [{ name: 'mine', title: 'Mine', description: 'Marks every SIPI.', needs: 'gated' }],
  commands: [{ name: 'hello', title: 'Say hello' }],
  panels: [{ name: 'panel', title: 'My panel', file: 'panel.html' }],
  guests: [{ name: 'beat', description: 'Beats.', file: 'beat.bin', cmdline: 'beat=20' }],
};

async function showPlugins(page: Page): Promise<Locator> {
  await runCommand(page, 'Plugins…');
  return page.getByRole('dialog', { name: 'Plugins' });
}

/** Tries all that a panel must not do, then talks through its port. What it found out is its title. */
function hostilePanel(port: number): string {
  const outside = `http://127.0.0.1:${port}`;
  return `<!doctype html><title></title><p id="said">nothing</p><script>
    const reached = [];
    const attempt = (name, work) => { try { const got = work(); if (got !== undefined && got !== null) reached.push(name); } catch {} };
    attempt('parent document', () => parent.document);
    attempt('parent location', () => parent.location.href);
    attempt('top navigation', () => { top.location = '${outside}/top'; });
    attempt('cookies', () => document.cookie || undefined);
    attempt('local storage', () => localStorage);
    attempt('databases', () => indexedDB.open('x') && undefined);
    attempt('popup', () => open('${outside}/popup'));
    fetch('${outside}/fetch').then(() => reached.push('fetch'), () => {});
    fetch('/').then(() => reached.push('the app'), () => {});
    attempt('beacon', () => { navigator.sendBeacon('${outside}/beacon'); });
    attempt('socket', () => { const s = new WebSocket('ws://127.0.0.1:${port}/socket'); s.onopen = () => reached.push('socket'); });
    attempt('worker', () => { new Worker(URL.createObjectURL(new Blob(['fetch("${outside}/worker")']))); });
    attempt('image', () => { new Image().src = '${outside}/image'; });
    attempt('form', () => { const f = document.createElement('form'); f.action = '${outside}/form'; document.body.append(f); f.submit(); });
    attempt('frame', () => { const f = document.createElement('iframe'); f.src = '${outside}/frame'; document.body.append(f); });
    attempt('script', () => { const s = document.createElement('script'); s.src = '${outside}/script'; document.head.append(s); });
    attempt('eval', () => eval('1'));
    for (const forged of [{ call: 'app.quit', id: 1, argument: { force: true } }, { type: 'machine' }]) parent.postMessage(forged, '*');
    addEventListener('message', ({ ports: [port] }) => {
      const answers = [];
      port.onmessage = ({ data }) => {
        // The first events stand for all.
        if (data.type === 'events' && answers.some(({ type }) => type === 'events')) return;
        answers.push(data);
        document.getElementById('said').textContent = JSON.stringify({ reached, answers });
      };
      port.postMessage({ call: 'machines.delete', id: 1 });
      port.postMessage({ type: 'command', id: 2, command: 'release', args: { cpu: 1 }, author: 2, machine: 'another' });
      port.postMessage({ type: 'command', id: 3, command: 'hello', machine: 'another' });
    }, { once: true });
  </script>`;
}

test('a plugin is installed from its folder, shows what it may do, and is enabled', async (ctx) => {
  const page = await open(ctx);
  save('reveille-plugin.json', JSON.stringify(MANIFEST));
  save('index.ts', source('first'));
  save('README.md', '# Mine\n\nIt **marks** <b>every</b> SIPI.');
  copyFileSync('resources/guests/heartbeat.bin', join(folder, 'beat.bin'));
  save('panel.html', hostilePanel((network.address() as AddressInfo).port));
  const dialog = await showPlugins(page);
  await dialog.getByRole('button', { name: 'drop-sipi' }).click();
  await dialog.getByRole('heading', { name: 'drop-sipi 1.0.0' }).waitFor();

  await dialog.getByLabel('Path of a plugin').fill('/nowhere');
  await dialog.getByRole('button', { name: 'Install' }).click();
  await page.getByRole('alert').getByText('/nowhere cannot be read').waitFor();
  await dialog.getByLabel('Path of a plugin').fill(folder);
  await dialog.getByRole('button', { name: 'Install' }).click();
  const details = dialog.getByRole('region', { name: 'mine' });
  await details.getByText('It marks <b>every</b> SIPI.').waitFor();
  await details.getByRole('button', { name: 'Enable…' }).click();
  await details.getByText('Allow it to do this?').waitFor();
  await details.getByText('decide what becomes of INITs and SIPIs').waitFor();
  await details.getByRole('button', { name: 'Allow and enable' }).click();
  await details.getByRole('button', { name: 'Disable' }).waitFor();
  expect(await details.locator('b').count()).toBe(0);
});

test('the guest of a plugin that is enabled is chosen in the form, with its command line', async (ctx) => {
  const page = await open(ctx);
  await page.getByRole('button', { name: 'New machine' }).click();
  const form = page.getByRole('dialog', { name: 'New machine' });
  await form.getByLabel('Name').fill('beating');
  await form.getByLabel('Which').selectOption('mine/beat');
  await form.getByText('Beats.').waitFor();
  expect(await form.getByLabel('Command line').inputValue()).toBe('beat=20');
  const keep = form.getByRole('button', { name: 'Save', exact: true });
  await expect.poll(() => keep.isDisabled()).toBe(false);
  await keep.click();
  await form.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Actions for beating' }).click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  const edit = page.getByRole('dialog', { name: 'Edit beating' });
  expect(await edit.getByLabel('Which').inputValue()).toBe('mine/beat');
  await edit.getByRole('button', { name: 'Cancel' }).click();
  await page.locator('nav li').first().click();
});

test('a saved file is at work in a running machine, and one that cannot be compiled is not', async (ctx) => {
  const page = await open(ctx);
  await page.keyboard.press('F5');
  const tiles = page.getByRole('listbox', { name: 'CPUs, 4' });
  // Between two beats a processor is halted, and no window need draw the moment of a beat.
  await tiles
    .getByText(/running|halted/)
    .first()
    .waitFor();
  await runCommand(page, 'Say hello');
  await page.getByRole('status').getByText('first was told').waitFor();

  save('index.ts', source('second'));
  await page.getByRole('searchbox', { name: 'Search events' }).fill('source is asked from now on');
  await page.locator('output.found').getByText('1', { exact: true }).waitFor();
  await runCommand(page, 'Say hello');
  await page.getByRole('status').getByText('second was told').waitFor();

  save('index.ts', `${source('third')}\nconst = 3;`);
  await page
    .getByText(/index\.ts:\d+:\d+: /)
    .first()
    .waitFor();
  await runCommand(page, 'Say hello');
  await page.getByRole('status').getByText('second was told').first().waitFor();

  save('index.ts', source('fourth'));
  await page.getByText(/has problems in its source/).waitFor({ state: 'hidden' });
  save('index.ts', source('fifth').replace('start(machine)', 'start(machine: string)'));
  await page
    .getByText(/index\.ts:4:\d+: /)
    .first()
    .waitFor();
  const told = page.getByRole('status').locator('div', { hasText: 'has problems in its source' });
  const fits = await told.evaluate(
    (box) => box.getBoundingClientRect().right <= (box.parentElement as Element).getBoundingClientRect().right,
  );
  expect(fits).toBe(true);
  save('index.ts', source('sixth'));
  await page.getByText(/has problems in its source/).waitFor({ state: 'hidden' });
  // The page may know of the new source before the machine has it.
  await expect
    .poll(
      async () => {
        await runCommand(page, 'Say hello');
        return page.getByRole('status').allInnerTexts();
      },
      { interval: 1000 },
    )
    .toContainEqual(expect.stringMatching('sixth was told'));
});

test('a panel is told of its machine, calls its plugin’s commands, and reaches nothing else', async (ctx) => {
  const page = await open(ctx);
  await runCommand(page, 'Show My panel');
  const frame = page.frameLocator('iframe[title^="My panel"]');
  const said = frame.locator('#said');
  // Answers, what is told and events come in any order; what it does not await has been tried before.
  await expect
    .poll(() => said.innerText())
    .toMatch(/^(?=.*"id":2)(?=.*"id":3)(?=.*"type":"told")(?=.*"type":"events")/s);
  const { reached, answers } = JSON.parse(await said.innerText()) as {
    reached: string[];
    answers: { type: string; id?: number; text?: string; error?: string; data?: unknown; cpus?: unknown[] }[];
  };
  expect(reached).toEqual([]);
  expect(requests).toEqual([]);
  expect(answers[0]).toMatchObject({ type: 'machine', policies: ['mine'] });
  expect(answers[0].cpus).toHaveLength(4);
  expect(answers.some(({ type }) => type === 'events')).toBe(true);
  expect(answers.find(({ id }) => id === 1)).toBeUndefined();
  expect(answers.find(({ id }) => id === 2)?.error).toBe('No policy of mine that runs here has a command "release".');
  expect(answers.find(({ id }) => id === 3)?.text).toBe('sixth was told');
  expect(answers.find(({ type }) => type === 'told')?.data).toEqual({ word: 'sixth' });
  // The app is where it was, and runs.
  expect(page.context().pages()).toHaveLength(1);
  await page.getByRole('heading', { name: 'heartbeat' }).waitFor();

  const inner = page.frames().find((candidate: Frame) => candidate.url().includes('/plugin-panel/')) as Frame;
  await inner.evaluate(
    (outside) => {
      location.href = outside;
    },
    `http://127.0.0.1:${(network.address() as AddressInfo).port}/self`,
  );
  await page.getByText('This panel of mine has left its page, and was closed.').waitFor();
  expect(requests).toEqual([]);
});

test('a policy that fails is named above the run with the line at fault, and the machine runs on', async (ctx) => {
  const page = await open(ctx);
  save(
    'index.ts',
    source('seventh').replace('machine.mark(', "throw new Error('on purpose');\n          machine.mark("),
  );
  await runCommand(page, 'Reset');
  const fault = page.getByRole('status').filter({ hasText: 'mine failed' });
  await fault.waitFor();
  expect(await fault.innerText()).toMatch(
    /mine failed and is asked no more, what it held was delivered: .*on purpose\.\s+.*index\.ts:8:/s,
  );
  const tiles = page.getByRole('listbox', { name: 'CPUs, 4' });
  await expect.poll(() => tiles.getByText('waiting for SIPI').count()).toBe(0);
  await page
    .getByText(/machine time/)
    .first()
    .waitFor();
});

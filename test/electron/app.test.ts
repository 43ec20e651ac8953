/** The desktop app from its entry on: main process, preload script, page and machines' processes. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Frame, Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHROMIUM } from '../app/browser-shell';
import { BINARY, type Desktop, openAgain, openDesktop } from './desktop';

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
}

async function startMachine(): Promise<void> {
  await desktop.page.getByRole('toolbar', { name: 'Machine' }).getByRole('button', { name: 'Start' }).click();
  await expect.poll(async () => (await machines())[0].status).toBe('running');
}

/** What the guest has said on COM1; xterm draws it on a canvas, where no test can read it. */
async function consoleText(machine: string): Promise<string> {
  const { bytes } = await result<{ bytes: Uint8Array }>(desktop.page, 'serial.read', {
    machine,
    run: 1,
    port: 0,
    from: 0,
  });
  return Buffer.from(bytes).toString('latin1');
}

/** Notes, before the page's own scripts, where each batch of events that comes by a port begins and how many it holds. */
const RECORD_FRAMES = `
  window.eventFrames = [];
  window.addEventListener('message', ({ ports }) => ports[0]?.addEventListener('message', ({ data }) => {
    if (data.type === 'events') window.eventFrames.push({ first: data.first, records: data.bytes.length / 32 });
  }));`;

function recorded(page: Page): Promise<{ first: number; records: number }[]> {
  return page.evaluate('window.eventFrames');
}

/** Processes of machines that this app has: on the double its children, in Electron its zygote's. */
async function machineProcesses(): Promise<number[]> {
  return descendants(desktop.process.pid as number).filter((pid) =>
    /machine-process|node\.mojom\.NodeService/.test(textOf(`/proc/${pid}/cmdline`)),
  );
}

function descendants(pid: number): number[] {
  // A thread's children are listed with it.
  const threads = existsSync(`/proc/${pid}`) ? readdirSync(`/proc/${pid}/task`) : [];
  const children = threads.flatMap((thread) => textOf(`/proc/${pid}/task/${thread}/children`).split(' '));
  return children.filter(Boolean).flatMap((child) => [Number(child), ...descendants(Number(child))]);
}

/** Processes come and go. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** In Electron it is for the zygote to bury them, which may follow the app's own end. */
async function expectGone(processes: readonly number[]): Promise<void> {
  await expect.poll(() => processes.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
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

/** By the palette. */
async function command(words: string): Promise<void> {
  await desktop.page.keyboard.press('Control+k');
  await desktop.page.getByRole('combobox', { name: 'Search commands' }).fill(words);
  await desktop.page.keyboard.press('Enter');
}

/** With a panel that asks its policy for a word. */
function writePlugin(folder: string): void {
  const files = {
    'reveille-plugin.json': JSON.stringify({
      name: 'greeter',
      version: '1.0.0',
      apiVersion: 1,
      description: 'A plugin of this test.',
      permissions: ['start-up'],
      policies: [{ name: 'greeter', title: 'Greeter', description: 'Greets.', needs: 'gated' }],
      commands: [{ name: 'greet', title: 'Greet' }],
      panels: [{ name: 'greetings', title: 'Greetings', file: 'panel.html' }],
    }),
    'index.ts': `export const policies = { greeter: { start: () => ({ commands: { greet: () => 'good morning' } }) } };`,
    'panel.html': `<!doctype html><title></title><p id="said"></p><script>
      addEventListener('message', ({ ports: [port] }) => {
        let cpus = 0;
        port.onmessage = ({ data }) => {
          if (data.type === 'machine') cpus = data.cpus.length;
          if (data.type === 'answer') said.textContent = cpus + ' CPUs, ' + (data.text ?? data.error);
        };
        port.postMessage({ type: 'command', id: 1, command: 'greet' });
      }, { once: true });
    </script>`,
  };
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

function closeWindow(): Promise<void> {
  return desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close());
}

describe('the desktop app', () => {
  beforeEach((ctx) => {
    if (BINARY === undefined && !existsSync(CHROMIUM)) ctx.skip(`${CHROMIUM} is not installed`);
    home = mkdtempSync(join(tmpdir(), 'reveille-desktop-'));
  });

  afterEach(async () => {
    if (desktop?.process.exitCode === null) {
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
    await expect.poll(() => cpus.count()).toBe(4);
    const awake = async (): Promise<number> =>
      (await cpus.allInnerTexts()).filter((text) => /runnable|running|halted/i.test(text)).length;
    await expect.poll(awake).toBe(4);
    await expect.poll(() => consoleText(id)).toMatch(/beat/);

    await page.getByRole('region', { name: 'COM1' }).getByRole('textbox').first().focus();
    await page.keyboard.type('help\n');
    await expect.poll(() => consoleText(id)).toContain('park N');

    await page.addInitScript(RECORD_FRAMES);
    await page.reload();
    await expect.poll(awake).toBe(4);
    await expect.poll(async () => (await recorded(page)).length).toBeGreaterThan(3);
    const frames = await recorded(page);
    const { total } = await result<{ total: number }>(page, 'events.read', { machine: id, run: 1, from: 0 });
    expect(frames[0].first).toBeGreaterThan(0);
    expect(frames[0].first).toBeLessThan(total);
    frames.slice(1).forEach(({ first }, i) => expect(first).toBe(frames[i].first + frames[i].records));
    expect((await page.getByRole('alert').allInnerTexts()).join('')).toBe('');

    await result(page, 'machine.stop', { machine: id });
    await expect.poll(machineProcesses).toEqual([]);
    expect((await machines())[0].status).toBe('ended');
  });

  test('keeps its page where it is: no other address, no other window, no permission', async () => {
    await open();
    const { page } = desktop;
    await desktop.evaluate(({ shell }) => {
      shell.openExternal = (address) => {
        (globalThis as { opened?: string }).opened = address;
        return Promise.resolve();
      };
    });
    const own = page.url();

    await page.evaluate("location.href = 'https://example.com/'");
    await page.evaluate("void window.open('https://example.org/spec')");
    await expect
      .poll(() => desktop.evaluate(() => (globalThis as { opened?: string }).opened))
      .toBe('https://example.org/spec');
    expect(page.url()).toBe(own);
    expect(await desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);

    for (const name of ['geolocation', 'notifications', 'camera', 'clipboard-read']) {
      const state = await page.evaluate(`navigator.permissions.query({ name: '${name}' }).then(({ state }) => state)`);
      expect(`${name}: ${state}`).toBe(`${name}: denied`);
    }
    expect(await page.evaluate('typeof require + typeof process')).toBe('undefinedundefined');
    const preferences = await desktop.evaluate(({ BrowserWindow }) =>
      (
        BrowserWindow.getAllWindows()[0].webContents as unknown as { getLastWebPreferences(): object }
      ).getLastWebPreferences(),
    );
    expect(preferences).toMatchObject({ sandbox: true, contextIsolation: true, nodeIntegration: false });
    await expect(page.evaluate("fetch('/../package.json').then(({ status }) => status)")).resolves.toBe(404);
    await expect(page.evaluate("fetch('/%2e%2e%2fpackage.json').then(({ status }) => status)")).resolves.toBe(404);
    await expect(page.evaluate("fetch('/none%').then(({ status }) => status)")).resolves.toBe(404);
    await expect(page.evaluate("fetch('https://example.com/')")).rejects.toThrow('fetch');
  });

  test('hears the main frame of its own page alone', async (ctx) => {
    if (BINARY !== undefined) ctx.skip('a frame has no way to main in real Electron, so nothing can be sent from one');
    await open();
    const answered = await desktop.page.evaluate(`(() => {
      const frame = document.body.appendChild(document.createElement('iframe'));
      return new Promise((resolve) => setTimeout(resolve, 0))
        .then(() => frame.contentWindow.electronDouble({ channel: 'reveille:call', args: ['app.quit', { force: true }] }));
    })()`);
    expect(answered).toEqual({ error: 'Only the app’s own page may send commands.' });
    expect((await call<{ error: string }>(desktop.page, 'constructor')).error).toBe(
      'There is no command "constructor".',
    );
    expect((await call<{ error: string }>(desktop.page, 'machine.stop', { machine: 7 })).error).toMatch(/was refused/);
  });

  test('opens machine files, its own and those that a second start brings', async () => {
    await open();
    const [first] = await machines();
    const { text } = await result<{ text: string }>(desktop.page, 'machines.export', { machine: first.id });
    writeFileSync(join(home, 'other.reveille'), text.replace('"heartbeat"', '"brought along"'));
    await desktop.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows();
      window.minimize();
      window.on('focus', () => ((globalThis as { focused?: boolean }).focused = true));
    });

    expect(await openAgain(home, ['other.reveille'], home)).toBe(0);
    await expect.poll(() => desktop.page.getByRole('heading', { level: 1 }).innerText()).toBe('brought along');
    const minimized = () => desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].isMinimized());
    await expect.poll(minimized).toBe(false);

    writeFileSync(join(home, 'bad.reveille'), '{');
    await openAgain(home, [join(home, 'bad.reveille')], home);
    await expect
      .poll(() => desktop.page.getByRole('alert').allInnerTexts())
      .toContainEqual(expect.stringMatching(/JSON|file/));
    expect((await machines()).map(({ settings }) => settings.name)).toEqual(['heartbeat', 'brought along']);

    await closeWindow();
    expect(await desktop.ended).toBe(0);
    desktop = await openDesktop(home, [join(home, 'other.reveille')]);
    await expect.poll(async () => (await machines()).length).toBe(3);
  });

  test('comes back where it was, and asks before it ends machines', async () => {
    await open();
    await desktop.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0].setBounds({ x: 40, y: 30, width: 1000, height: 700 }),
    );
    await startMachine();
    await answer(1);
    await closeWindow();
    expect(await desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
    const asked = () => desktop.evaluate(() => (globalThis as { asked?: string[] }).asked);
    await expect.poll(asked).toEqual(['heartbeat is still running.']);
    const processes = await machineProcesses();
    expect(processes).toHaveLength(1);

    await answer(0);
    await closeWindow();
    expect(await desktop.ended).toBe(0);
    await expectGone(processes);
    expect(existsSync(join(home, 'data/reveille/running.json'))).toBe(false);

    desktop = await openDesktop(home);
    const bounds = await desktop.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].getNormalBounds());
    expect(bounds).toEqual({ x: 40, y: 30, width: 1000, height: 700 });
  });

  test('ends by a command, asked for where machines run', async () => {
    await open();
    await startMachine();
    const refused = await call<{ error: string }>(desktop.page, 'app.quit', { force: false });
    expect(refused.error).toBe('heartbeat is still running.');
    await desktop.page.evaluate("void window.reveille.call('app.quit', { force: true })");
    expect(await desktop.ended).toBe(0);
  });

  test('a signal that asks it to end ends it and its machines, when the person agrees', async () => {
    await open();
    await startMachine();
    const processes = await machineProcesses();
    await answer(0);
    desktop.process.kill('SIGTERM');
    expect(await desktop.ended).toBe(0);
    await expectGone(processes);
  });

  test('has its data for itself: the browser shell does not open them beside it', async () => {
    await open();
    const { status, stderr } = spawnSync(process.execPath, ['out/reveille.js', 'app', '--no-open', '--port', '0'], {
      env: { ...process.env, XDG_DATA_HOME: join(home, 'data') },
      encoding: 'utf8',
    });
    expect(status).toBe(5);
    expect(stderr).toMatch(/Reveille runs already, as process \d+, in a window of its own/);
  });

  test('its menu speaks to the page', async () => {
    await open();
    await desktop.evaluate(({ Menu }) => Menu.getApplicationMenu()?.items[0].submenu?.items[0].click());
    await expect.poll(() => desktop.page.getByRole('dialog').count()).toBe(1);
  });

  test('installs a plugin by its own file dialog and shows its panel, which stays in its frame', async () => {
    const folder = join(home, 'greeter');
    writePlugin(folder);
    await open();
    await desktop.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = ((...[options]: [{ properties: string[] }]) => {
        (globalThis as { picked?: string[] }).picked = options.properties;
        return Promise.resolve({ canceled: false, filePaths: [chosen] });
      }) as unknown as typeof dialog.showOpenDialog;
    }, folder);
    const { page } = desktop;
    await command('Plugins…');
    const plugins = page.getByRole('dialog', { name: 'Plugins' });
    await plugins.getByRole('button', { name: 'Folder…' }).click();
    const details = plugins.getByRole('region', { name: 'greeter' });
    await details.getByRole('button', { name: 'Enable…' }).click();
    await details.getByRole('button', { name: 'Allow and enable' }).click();
    await details.getByRole('button', { name: 'Disable' }).waitFor();
    expect(await desktop.evaluate(() => (globalThis as { picked?: string[] }).picked)).toEqual(['openDirectory']);
    await page.keyboard.press('Escape');

    const [{ id, settings }] = await machines();
    const policies = [{ policy: 'greeter', options: {} }];
    await result(page, 'machines.update', { machine: id, settings: { ...settings, policies } });
    await startMachine();
    await command('Show Greetings');
    const said = page.frameLocator('iframe[title^="Greetings"]').locator('#said');
    await expect.poll(() => said.innerText()).toBe('4 CPUs, good morning');

    const panel = page.frames().find((frame) => frame.url().includes('/plugin-panel/')) as Frame;
    await expect(panel.evaluate("fetch('/').then(({ status }) => status)")).rejects.toThrow('fetch');
    const own = page.url();
    await panel.evaluate("top.location = 'https://example.com/'").catch(() => {});
    await panel.evaluate("location = 'https://example.com/'").catch(() => {});
    expect(page.url()).toBe(own);
    expect(page.frames().filter((frame) => frame.url().includes('example.com'))).toEqual([]);
  });

  test('says why it cannot start', async (ctx) => {
    if (BINARY !== undefined) ctx.skip('the box with the reason waits for a person');
    const data = join(home, 'data/reveille');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'machines.json'), '[{}]');
    expect(await openAgain(home, [], home)).toBe(1);
  });

  test('a machine that dies is a crashed machine', async () => {
    await open();
    await startMachine();
    const [pid] = await machineProcesses();
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await machines())[0].status).toBe('crashed');
    await expect
      .poll(() => desktop.page.getByRole('alert').allInnerTexts())
      .toContainEqual(expect.stringMatching(/died/));
  });
});

/** The app as a person has it: `reveille app` as a process, its page in Chromium. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core';
import { WebSocket } from 'ws';
import type { Argument, CommandName, Result } from '../../preload/contract/channels';
import { decodeMessage, encodeMessage, type ToWindow } from '../../preload/contract/wire';
import { PATIENCE_MS } from '../support/patience';

export const CHROMIUM = '/usr/bin/chromium';

/** Those that run, so that none outlives us, however we end: a bench whose output nobody reads any more gets EPIPE. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGTERM');
});

export interface RunningApp {
  /** Opens the app once. */
  link: string;
  dataDirectory: string;
  process: ChildProcess;
  /** All that it said on stderr. */
  errors: () => string;
  /** Another link, as `reveille app FILE...` gives it while the app runs. */
  anotherLink(files?: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** `data`: XDG_DATA_HOME of an app that ran before; by default one of its own, which goes with it. `files`: of machines. */
export async function startApp(data?: string, files: string[] = []): Promise<RunningApp> {
  const home = data ?? mkdtempSync(join(tmpdir(), 'reveille-test-'));
  const { child, link, errors } = await launch(home, files);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    link,
    dataDirectory: join(home, 'reveille'),
    process: child,
    errors,
    anotherLink: async (more = []) => (await launch(home, more)).link,
    async stop() {
      child.kill('SIGTERM');
      await closed;
      if (data === undefined) rmSync(home, { recursive: true, force: true });
    },
  };
}

function launch(
  home: string,
  files: string[] = [],
): Promise<{ child: ChildProcess; link: string; errors: () => string }> {
  const child = spawn(process.execPath, ['out/reveille.js', 'app', '--port', '0', '--no-open', ...files], {
    env: { ...process.env, XDG_DATA_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  child.once('close', () => children.delete(child));
  let said = '';
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += String(chunk)));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`reveille app said no address: ${said}${errors}`)), PATIENCE_MS);
    child.once('exit', (code) => reject(new Error(`reveille app ended with ${code}: ${said}${errors}`)));
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      const link = /http:\S+/.exec(said)?.[0];
      if (link === undefined) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve({ child, link, errors: () => errors });
    });
  });
}

export interface Entered {
  origin: string;
  host: string;
  port: number;
  cookie: string;
  /** Of the WebSocket. */
  socket: string;
}

/** Opens a link as a browser does: trades its token for the cookie. */
export async function enter(link: string): Promise<Entered> {
  const { origin, host, port } = new URL(link);
  const response = await fetch(link, { redirect: 'manual' });
  const cookie = response.headers.get('set-cookie')?.split(';')[0];
  if (response.status !== 303 || cookie === undefined) throw new Error(`${response.status}: ${await response.text()}`);
  return { origin, host, port: Number(port), cookie, socket: `ws://${host}/app` };
}

/** A connection of our own, as a page has it. */
export interface Client {
  call<Name extends CommandName>(name: Name, argument: Argument<Name>): Promise<Result<Name>>;
  close(): void;
}

export async function openClient({ socket: url, cookie, origin }: Entered): Promise<Client> {
  const socket = new WebSocket(url, { headers: { cookie, origin } });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  socket.on('message', (data: Buffer) => {
    // Not a Buffer, whose slices are no copies.
    const message = decodeMessage(new Uint8Array(data)) as ToWindow;
    if (!('id' in message)) return;
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if ('error' in message) asked?.reject(new Error(message.error));
    else asked?.resolve(message.result as never);
  });
  let next = 1;
  return {
    call: (call, argument) =>
      new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        socket.send(encodeMessage({ call, id, argument }));
      }),
    close: () => socket.close(),
  };
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    timeout: PATIENCE_MS,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
}

/**
 * A window on the app; what its console says at level error fails whoever looks at `problems`. `known`: where there was one
 * already, which let the browser in and has the page in its cache.
 */
export async function openPage(
  browser: Browser,
  app: RunningApp,
  options: Parameters<Browser['newContext']>[0] = { viewport: { width: 1440, height: 900 } },
  known?: BrowserContext,
): Promise<{ page: Page; context: BrowserContext; problems: string[] }> {
  const context = known ?? (await browser.newContext(options));
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error.stack)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(known === undefined ? await app.anotherLink() : new URL(app.link).origin);
  return { page, context, problems };
}

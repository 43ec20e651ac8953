/** The desktop app as a test has it: on real Electron, or on the double of it (double/electron.mjs says what that proves). */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as Electron from 'electron';
import { _electron, type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { PATIENCE_MS } from '../support/patience';

/** Set by `npm run test:electron`: Electron's own binary. */
export const BINARY = process.env.REVEILLE_ELECTRON;

type InMain<Argument, Result> = (electron: typeof Electron, argument: Argument) => Result | Promise<Result>;

export interface Desktop {
  page: Page;
  process: ChildProcess;
  /** Runs a function in the main process, which knows nothing of what is around it here. */
  evaluate<Result, Argument = null>(inMain: InMain<Argument, Result>, argument?: Argument): Promise<Result>;
  /** The status that it ended with. */
  ended: Promise<number | null>;
}

/** `home`: a directory for all that it keeps. */
export async function openDesktop(home: string, args: string[] = []): Promise<Desktop> {
  return BINARY === undefined ? openDouble(home, args) : openElectron(BINARY, home, args);
}

/** The app once more, which finds itself running; its status. */
export function openAgain(home: string, args: string[], cwd: string): Promise<number | null> {
  const [program, ...rest] = BINARY === undefined ? doubled() : [BINARY, process.cwd()];
  const child = spawn(program, [...rest, ...args], {
    env: environment(home),
    stdio: ['ignore', 'inherit', 'inherit'],
    cwd,
  });
  return statusOf(child);
}

async function openElectron(executablePath: string, home: string, args: string[]): Promise<Desktop> {
  const app = await _electron.launch({ executablePath, args: ['.', ...args], env: environment(home) });
  const child = app.process();
  return {
    page: await app.firstWindow(),
    process: child,
    evaluate: (inMain, argument) => app.evaluate(inMain as never, argument) as never,
    ended: statusOf(child),
  };
}

async function openDouble(home: string, args: string[]): Promise<Desktop> {
  const [program, ...rest] = doubled();
  const child = spawn(program, [...rest, ...args], {
    env: environment(home),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const ended = statusOf(child);
  let next = 1;
  const evaluate: Desktop['evaluate'] = (inMain, argument) => {
    const id = next++;
    return new Promise((resolve, reject) => {
      const receive = (message: { id: number; result: never; error?: string }): void => {
        if (message.id !== id) return;
        child.off('message', receive);
        if (message.error === undefined) resolve(message.result);
        else reject(new Error(message.error));
      };
      child.on('message', receive);
      void ended.then(() => reject(new Error('The app has ended.')));
      child.send({ id, source: inMain.toString(), argument: argument ?? null });
    });
  };
  try {
    return { page: await pageOf(home, child), process: child, evaluate, ended };
  } catch (error) {
    child.disconnect();
    throw error;
  }
}

/** A second client of the double's Chromium. */
async function pageOf(home: string, child: ChildProcess): Promise<Page> {
  const file = join(home, 'config/reveille/chromium/DevToolsActivePort');
  let browser: Browser | undefined;
  await expect
    .poll(
      async () => {
        if (child.exitCode !== null) throw new Error(`the app ended with ${child.exitCode}`);
        const [port] = readFileSync(file, 'utf8').split('\n');
        browser ??= await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
        return browser.contexts()[0]?.pages()[0]?.url();
      },
      { interval: 200 },
    )
    .toMatch(/^https:/);
  const [context] = (browser as Browser).contexts();
  context.setDefaultTimeout(PATIENCE_MS);
  const [page] = context.pages();
  return page;
}

function doubled(): [string, ...string[]] {
  const register = new URL('./double/register.mjs', import.meta.url).href;
  return [process.execPath, '--import', register, join(process.cwd(), 'out/main.js')];
}

function environment(home: string): Record<string, string> {
  return {
    ...(process.env as Record<string, string>),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CONFIG_HOME: join(home, 'config'),
  };
}

function statusOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve));
}

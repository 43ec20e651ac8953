/** `reveille app`: the desktop app in a browser. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve as fullPath } from 'node:path';
import { parseArgs } from 'node:util';
import { App } from '../../app/app';
import { dataDirectory } from '../../app/data-directory';
import { startMachineProcess } from '../../app/forked-machine';
import { BrowserServer } from '../browser/server';
import { becomeInstance } from '../../app/single-instance';
import type { Installation } from './installation';
import { Status } from './outcome';
import { UsageError } from './usage';

const DEFAULT_PORT = 7333;
const MAX_PORT = 65_535;

export async function app(args: string[], installation: Installation): Promise<number> {
  const { port, open, explicit, files } = parseAppOptions(args);
  const directory = dataDirectory();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const instance = await becomeInstance(directory, files);
  if ('link' in instance) {
    announce(instance.link, open, 'Reveille is running already; another window opens at');
    return Status.SUCCESS;
  }
  let finish!: () => void;
  const quit = new Promise<void>((resolve) => (finish = resolve));
  try {
    const desktop = new App({
      shell: 'browser',
      dataDirectory: directory,
      guests: installation.guests,
      packageJson: installation.packageJson,
      plugins: installation.plugins,
      typeChecker: installation.typeChecker,
      startProcess: () => startMachineProcess(installation.machineProcess, true),
      pickImage: null,
      pickPlugin: null,
      quit: finish,
    });
    for (const file of files) desktop.importFile(file);
    // From here on a signal ends it properly.
    const ended = untilEnd(desktop, quit);
    const server = await listen(desktop, { port, explicit, pages: installation.pages, secret: instance.secret });
    instance.announce(server.port);
    announce(server.link(), open, 'Reveille is at');
    const status = await ended;
    await desktop.shutdown();
    await server.close();
    return status;
  } finally {
    instance.release();
  }
}

interface ListenOptions {
  port: number;
  /** The port was asked for, so no other will do. */
  explicit: boolean;
  pages: URL;
  secret: string;
}

async function listen(desktop: App, { explicit, ...options }: ListenOptions): Promise<BrowserServer> {
  try {
    return await BrowserServer.listen(desktop, options);
  } catch (error) {
    if (explicit) throw error;
    return BrowserServer.listen(desktop, { ...options, port: 0 });
  }
}

/** Ends by the window's wish or by a signal; machines that run are a reason to ask for a second one. */
function untilEnd(desktop: App, quit: Promise<void>): Promise<number> {
  return new Promise((resolve) => {
    void quit.then(() => resolve(Status.SUCCESS));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      let asked = false;
      process.on(signal, () => {
        const running = desktop.machines.live();
        if (asked || running.length === 0 || signal !== 'SIGINT') {
          resolve(signal === 'SIGINT' ? Status.SUCCESS : Status[signal]);
          return;
        }
        asked = true;
        const names = running.map(({ settings }) => settings.name).join(', ');
        process.stderr.write(`Still running: ${names}. Ctrl-C again powers off and ends Reveille.\n`);
      });
    }
  });
}

function announce(link: string, open: boolean, words: string): void {
  process.stdout.write(`${words} ${link}\n`);
  const display = process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY;
  if (!open || display === undefined) return;
  const browser = spawn('xdg-open', [link], { stdio: 'ignore', detached: true });
  browser.on('error', () =>
    process.stderr.write('No browser could be opened (xdg-open is missing): open that address yourself.\n'),
  );
  browser.unref();
}

interface AppOptions {
  port: number;
  open: boolean;
  explicit: boolean;
  /** Of machines, whole paths. */
  files: string[];
}

function parseAppOptions(args: string[]): AppOptions {
  let values: { port?: string | undefined; 'no-open'?: boolean | undefined };
  let positionals: string[];
  try {
    const options = { port: { type: 'string' }, 'no-open': { type: 'boolean' } } as const;
    ({ values, positionals } = parseArgs({ args, options, allowPositionals: true }));
  } catch (error) {
    throw new UsageError(
      `${(error as Error).message.split('\n')[0]}; app takes --port N, --no-open and .reveille files`,
    );
  }
  const stranger = positionals.find((file) => !file.endsWith('.reveille'));
  if (stranger !== undefined) {
    throw new UsageError(
      `app opens machines' files, which end in .reveille, so not "${stranger}"; it takes --port N and --no-open`,
    );
  }
  const { port } = values;
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= MAX_PORT)) {
    throw new UsageError(`--port takes a number from 0 to ${MAX_PORT}, where 0 is any free one; "${port}" is none`);
  }
  return {
    port: port === undefined ? DEFAULT_PORT : Number(port),
    open: values['no-open'] !== true,
    explicit: port !== undefined,
    files: positionals.map((file) => fullPath(file)),
  };
}

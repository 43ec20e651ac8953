/**
 * A double of the Electron modules that the app uses, for hosts without Electron's binary. The app's own build runs on it:
 * main, preload script, page and the machines' processes; a window is a page of Chromium.
 *
 * What it does not prove: that Chromium's sandbox holds and the context bridge isolates (the preload script runs in the
 * page's own world here), what Electron's structured clone and its node do with koffi and shared memory, permissions
 * beyond what Chromium is granted at start, menus and dialogs as they look, the fuses, and the package. It behaves as
 * Electron's documentation says; where that is wrong or changes, so is this.
 */
import { EventEmitter } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import { BrowserWindow, startChromium, stopChromium } from './browser-window.mjs';
import { ipcMain, MessageChannelMain } from './ipc.mjs';
import { utilityProcess } from './utility-process.mjs';

export { BrowserWindow, ipcMain, MessageChannelMain, utilityProcess };

const userData = join(process.env.XDG_CONFIG_HOME, 'reveille');
const lock = join(userData, 'lock.sock');
const handlers = {};

class App extends EventEmitter {
  #ready = null;
  #owner = false;
  #told = Promise.resolve();

  requestSingleInstanceLock() {
    mkdirSync(userData, { recursive: true });
    if (existsSync(lock)) {
      this.#told = new Promise((resolve) => {
        connect(lock)
          .end(JSON.stringify([process.argv, process.cwd()]))
          .once('close', resolve);
      });
      return false;
    }
    this.#owner = true;
    createServer((socket) => {
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      socket.on('end', () => this.emit('second-instance', {}, ...JSON.parse(text)));
    }).listen(lock);
    return true;
  }

  whenReady() {
    this.#ready ??= startChromium({ userData, handlers, session: session.defaultSession });
    return this.#ready;
  }

  quit() {
    this.emit('before-quit', {});
    BrowserWindow.quitting = true;
    for (const window of BrowserWindow.getAllWindows()) window.close();
    BrowserWindow.quitting = false;
    if (BrowserWindow.getAllWindows().length > 0) return;
    let prevented = false;
    this.emit('will-quit', { preventDefault: () => (prevented = true) });
    if (!prevented) void this.exit(0);
  }

  async exit(status) {
    await this.#told;
    await stopChromium();
    if (this.#owner) rmSync(lock, { force: true });
    process.exit(status);
  }
}

export const app = new App();
BrowserWindow.events = app;

export const session = {
  defaultSession: {
    setPermissionRequestHandler(handler) {
      this.request = handler;
    },
    setPermissionCheckHandler(handler) {
      this.check = handler;
    },
  },
};

export const protocol = {
  registerSchemesAsPrivileged(schemes) {
    for (const { scheme, privileges } of schemes) handlers[scheme] = { privileges, handle: null };
  },
  handle(scheme, handle) {
    handlers[scheme].handle = handle;
  },
};

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

export const net = {
  /** Of files alone. */
  async fetch(url) {
    const path = fileURLToPath(url);
    const bytes = await readFile(path).catch(() => {
      throw new Error('net::ERR_FILE_NOT_FOUND');
    });
    return new Response(bytes, { headers: { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' } });
  },
};

/** Nobody is there to answer: a test puts its own answer here, as Playwright's users do with the real one. */
export const dialog = {
  showMessageBox: async (_window, { cancelId }) => ({ response: cancelId }),
  showOpenDialog: async () => ({ canceled: true, filePaths: [] }),
  showErrorBox: (title, content) => process.stderr.write(`${title}: ${content}\n`),
};

export const shell = { openExternal: async () => {} };

export const screen = {
  getDisplayMatching: () => ({ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }),
};

export const Menu = {
  applicationMenu: null,
  buildFromTemplate: (template) => ({
    items: template.map(({ submenu, ...item }) =>
      submenu === undefined ? item : { ...item, submenu: Menu.buildFromTemplate(submenu) },
    ),
  }),
  setApplicationMenu: (menu) => (Menu.applicationMenu = menu),
  getApplicationMenu: () => Menu.applicationMenu,
};

// What Playwright's ElectronApplication.evaluate does: a function of the test, run here.
process.on('message', ({ id, source, argument }) => {
  const electron = { app, BrowserWindow, dialog, ipcMain, Menu, shell };
  Promise.resolve()
    .then(() => runInThisContext(`(${source})`)(electron, argument))
    .then(
      (result) => process.send({ id, result }),
      (error) => process.send({ id, error: String(error?.stack) }),
    );
});
// As Electron takes them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => app.quit());

// A test that is gone leaves no app behind.
process.on('disconnect', () => void app.exit(1));
process.channel?.unref();

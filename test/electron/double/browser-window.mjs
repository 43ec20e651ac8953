/** BrowserWindow and its webContents: a page of Chromium, whose requests go to the protocol's handler. */
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { closePort, ipcMain, posted } from './ipc.mjs';
import { runPreload } from './page-shim.mjs';

/** Chromium knows no scheme of ours: `app://reveille/` is a secure origin here. */
const SCHEME = 'app://reveille';
const ORIGIN = 'https://reveille.test';
const toApp = (url) => (url.startsWith(`${ORIGIN}/`) ? SCHEME + url.slice(ORIGIN.length) : url);
const toTest = (url) => (url.startsWith(`${SCHEME}/`) ? ORIGIN + url.slice(SCHEME.length) : url);

/** By Chromium's name and by Electron's. */
const PERMISSIONS = {
  'clipboard-write': 'clipboard-sanitized-write',
  'clipboard-read': 'clipboard-read',
  geolocation: 'geolocation',
  notifications: 'notifications',
  camera: 'media',
  microphone: 'media',
};

let context = null;
let session = null;
let handlers = null;

export async function startChromium(options) {
  ({ session, handlers } = options);
  context = await chromium.launchPersistentContext(join(options.userData, 'chromium'), {
    executablePath: '/usr/bin/chromium',
    timeout: 0,
    viewport: { width: 1440, height: 900 },
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    args: ['--remote-debugging-port=0', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  });
}

export async function stopChromium() {
  await context?.close();
}

class WebContents extends EventEmitter {
  #page = null;
  #preload;
  #preferences;
  #openHandler = () => ({ action: 'allow' });
  #waiting = [];
  #sending = false;
  /** Whether a document is there that listens. */
  #alive = false;
  #ports = new Set();

  constructor({ preload, ...preferences }) {
    super();
    this.#preload = readFileSync(preload, 'utf8');
    this.#preferences = preferences;
  }

  getLastWebPreferences() {
    return this.#preferences;
  }

  setWindowOpenHandler(handler) {
    this.#openHandler = handler;
  }

  send(channel, ...args) {
    this.#post({ channel, args, transfer: [] });
  }

  postMessage(channel, message, transfer = []) {
    this.#post({ channel, args: [message], transfer: transfer.map(({ id }) => id) });
    for (const port of transfer) {
      this.#ports.add(port.id);
      port.moveTo({
        deliver: (id, data) => this.#post({ port: id, data }),
        closed: (id) => this.#post({ closed: id }),
      });
      if (!this.#alive) port.close();
    }
  }

  async load(url) {
    const page = context.pages()[0];
    this.#page = page;
    await this.#permit();
    await context.exposeBinding('electronDouble', ({ frame }, { channel, args, port, data }) =>
      port === undefined ? ipcMain.invoke(frame, toApp, channel, args) : posted(port, data),
    );
    await context.addInitScript(`(${runPreload.toString()})(function (require) {${this.#preload}\n})`);
    await context.route('**/*', (route, request) => this.#respond(route, request));
    page.on('framenavigated', (frame) => {
      if (frame !== page.mainFrame()) return;
      this.#leave();
      this.#alive = true;
    });
    page.on('load', () => this.emit('did-finish-load'));
    await page.goto(toTest(url), { waitUntil: 'commit', timeout: 0 });
  }

  close() {
    this.#leave();
    void this.#page?.close();
  }

  /** Its document is gone, and its ports with it. */
  #leave() {
    this.#alive = false;
    this.#waiting.length = 0;
    for (const id of this.#ports) closePort(id);
    this.#ports.clear();
  }

  async #permit() {
    const granted = Object.entries(PERMISSIONS).filter(([, name]) => {
      let answer = false;
      session.request(this, name, (yes) => (answer = yes));
      return answer && session.check(this, name);
    });
    await context.grantPermissions(
      granted.map(([name]) => name),
      { origin: ORIGIN },
    );
  }

  /** In order, as many at once as have come while the last ones went. */
  #post(message) {
    if (!this.#alive) return;
    this.#waiting.push(message);
    if (!this.#sending) void this.#send();
  }

  async #send() {
    this.#sending = true;
    while (this.#waiting.length > 0) {
      const messages = this.#waiting.splice(0);
      // A document that goes meanwhile takes them with it.
      await this.#page.evaluate((all) => window.electronDeliver(all), messages).catch(() => {});
    }
    this.#sending = false;
  }

  async #respond(route, request) {
    if (request.isNavigationRequest() && !this.#mayNavigate(request)) {
      await route.abort('aborted');
      return;
    }
    const { scheme, handle } = { scheme: SCHEME.slice(0, -'://reveille'.length), ...handlers.app };
    const url = toApp(request.url());
    if (!url.startsWith(`${scheme}://`) || handle === null) {
      await route.abort('internetdisconnected');
      return;
    }
    try {
      const response = await handle(new Request(url, { method: request.method() }));
      const body = Buffer.from(await response.arrayBuffer());
      // A content security policy names the app's own origin.
      const headers = [...response.headers].map(([name, value]) => [name, value.replaceAll(SCHEME, ORIGIN)]);
      await route.fulfill({ status: response.status, headers: Object.fromEntries(headers), body });
    } catch {
      await route.abort('failed');
    }
  }

  #mayNavigate(request) {
    const frame = frameOf(request);
    if (frame === null || frame.page() !== this.#page) {
      const { action } = this.#openHandler({ url: request.url() });
      if (action === 'deny') void frame?.page().close();
      return action !== 'deny';
    }
    const url = toApp(request.url());
    const isMainFrame = frame.parentFrame() === null;
    if (isMainFrame && (url === toApp(frame.url()) || frame.url() === 'about:blank')) return true;
    let prevented = false;
    const event = { url, isMainFrame, preventDefault: () => (prevented = true) };
    this.emit('will-frame-navigate', event);
    if (isMainFrame) this.emit('will-navigate', event);
    return !prevented;
  }
}

/** Null for a page that is about to be. */
function frameOf(request) {
  try {
    return request.frame();
  } catch {
    return null;
  }
}

export class BrowserWindow extends EventEmitter {
  /** The app, which hears of windows. */
  static events = null;
  static quitting = false;
  static #all = new Set();
  #bounds;
  #maximized = false;
  #minimized = false;

  static getAllWindows() {
    return [...BrowserWindow.#all];
  }

  constructor({ x = 0, y = 0, width, height, webPreferences }) {
    super();
    this.#bounds = { x, y, width, height };
    this.webContents = new WebContents(webPreferences);
    BrowserWindow.#all.add(this);
    BrowserWindow.events.emit('web-contents-created', {}, this.webContents);
    this.webContents.once('did-finish-load', () => this.emit('ready-to-show'));
  }

  loadURL(url) {
    return this.webContents.load(url);
  }

  close() {
    let prevented = false;
    this.emit('close', { preventDefault: () => (prevented = true) });
    if (prevented) return;
    BrowserWindow.#all.delete(this);
    this.webContents.close();
    this.emit('closed');
    if (BrowserWindow.#all.size === 0 && !BrowserWindow.quitting) BrowserWindow.events.emit('window-all-closed');
  }

  isDestroyed() {
    return !BrowserWindow.#all.has(this);
  }

  setBounds(bounds) {
    this.#bounds = { ...this.#bounds, ...bounds };
  }

  getNormalBounds() {
    return this.#bounds;
  }

  maximize() {
    this.#maximized = true;
  }

  isMaximized() {
    return this.#maximized;
  }

  minimize() {
    this.#minimized = true;
  }

  isMinimized() {
    return this.#minimized;
  }

  restore() {
    this.#minimized = false;
  }

  show() {}

  focus() {
    this.emit('focus');
  }
}

/** The window, and where it was last. */
import { BrowserWindow, dialog, screen, type Rectangle } from 'electron';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { ReveilleError } from '../../app/errors';
import { readJson, writeJson } from '../../app/json-file';
import { ORIGIN } from './security';

const DEFAULT = { width: 1440, height: 900 };
const SMALLEST = { minWidth: 720, minHeight: 480 };

const kept = v.object({
  bounds: v.object({ x: v.number(), y: v.number(), width: v.number(), height: v.number() }),
  maximized: v.boolean(),
});

export function openWindow(options: {
  preload: URL;
  /** File that keeps the window's place. */
  stateFile: string;
  /** Names of machines that run: the person is asked before they end with the window. */
  running: () => string[];
}): BrowserWindow {
  const state = v.safeParse(kept, lastState(options.stateFile));
  const window = new BrowserWindow({
    ...DEFAULT,
    ...SMALLEST,
    ...(state.success && isVisible(state.output.bounds) ? state.output.bounds : {}),
    show: false,
    backgroundColor: '#0f1216',
    title: 'Reveille',
    webPreferences: {
      preload: fileURLToPath(options.preload),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  if (state.success && state.output.maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  let agreed = false;
  window.on('close', (event) => {
    keepState(window, options.stateFile);
    const running = options.running();
    if (agreed || running.length === 0) return;
    event.preventDefault();
    void confirmEnd(window, running).then((yes) => {
      if (!yes) return;
      agreed = true;
      window.close();
    });
  });
  void window.loadURL(`${ORIGIN}/`);
  return window;
}

/** Where the window was is no reason not to open or close it. */
function lastState(file: string): unknown {
  try {
    return readJson(file);
  } catch (error) {
    complain(error);
    return undefined;
  }
}

function keepState(window: BrowserWindow, file: string): void {
  try {
    writeJson(file, { bounds: window.getNormalBounds(), maximized: window.isMaximized() });
  } catch (error) {
    complain(error);
  }
}

function complain(error: unknown): void {
  if (!(error instanceof ReveilleError)) throw error;
  process.stderr.write(`reveille: ${error.message}\n`);
}

async function confirmEnd(window: BrowserWindow, running: string[]): Promise<boolean> {
  const { response } = await dialog.showMessageBox(window, {
    type: 'question',
    message: `${running.join(', ')} ${running.length === 1 ? 'is' : 'are'} still running.`,
    detail: 'Closing Reveille powers them off.',
    buttons: ['Power off and close', 'Cancel'],
    defaultId: 1,
    cancelId: 1,
  });
  return response === 0;
}

/** Screens come and go: a window must not come back where none is. */
function isVisible(bounds: Rectangle): boolean {
  const { workArea } = screen.getDisplayMatching(bounds);
  return (
    bounds.x < workArea.x + workArea.width &&
    bounds.y < workArea.y + workArea.height &&
    bounds.x + bounds.width > workArea.x
  );
}

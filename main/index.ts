/** The desktop app in Electron: its composition root. */
import { app as electron, BrowserWindow, dialog } from 'electron';
import { join } from 'node:path';
import { App } from './app/app';
import { dataDirectory } from './app/data-directory';
import { setMenu } from './shell/electron/menu';
import { declarePages, servePages } from './shell/electron/pages';
import { restrictContents } from './shell/electron/security';
import { UtilityMachine } from './shell/electron/utility-machine';
import { openWindow } from './shell/electron/window';
import { WindowLink } from './shell/electron/window-link';

const OUT = new URL('./', import.meta.url);

declarePages();
if (electron.requestSingleInstanceLock()) void start();
else electron.quit();

async function start(): Promise<void> {
  await electron.whenReady();
  restrictContents();
  servePages(new URL('renderer/', OUT));
  const directory = dataDirectory();
  const app = new App({
    shell: 'electron',
    dataDirectory: directory,
    guests: new URL('../resources/guests/', OUT),
    packageJson: new URL('../package.json', OUT),
    startProcess: () => new UtilityMachine(new URL('machine-process.js', OUT)),
    pickImage,
    quit: () => BrowserWindow.getAllWindows().forEach((window) => window.close()),
  });
  const link = new WindowLink(app);
  app.machines.onStart(({ machine, run, process }) => link.started(machine, run, process as UtilityMachine));
  setMenu((command) => app.invoke(command));
  const window = openWindow({
    preload: new URL('preload/index.cjs', OUT),
    stateFile: join(directory, 'window.json'),
    running: () => app.machines.live().map(({ settings }) => settings.name),
    onClose: () => void app.machines.shutdown(),
  });
  link.connect(window);
  openFiles(app, process.argv.slice(1));
  electron.on('second-instance', (_event, argv) => {
    if (window.isMinimized()) window.restore();
    window.focus();
    openFiles(app, argv.slice(1));
  });
  electron.on('window-all-closed', () => {
    void app.machines.shutdown().then(() => electron.quit());
  });
}

/** Machine files that a double click in a file manager has put on the command line. */
function openFiles(app: App, args: string[]): void {
  for (const path of args) if (path.endsWith('.reveille')) app.openFile(path);
}

async function pickImage(): Promise<string | null> {
  const { filePaths } = await dialog.showOpenDialog({ title: 'Choose a guest image', properties: ['openFile'] });
  return filePaths[0] ?? null;
}

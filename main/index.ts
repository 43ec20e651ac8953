/** The desktop app in Electron: its composition root. */
import { app as electron, dialog, shell } from 'electron';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { App } from './app/app';
import { dataDirectory } from './app/data-directory';
import { ReveilleError } from './app/errors';
import { becomeInstance } from './app/single-instance';
import { setMenu } from './shell/electron/menu';
import { packagedEsbuild, unpacked } from './shell/electron/packaged';
import { declarePages, servePages } from './shell/electron/pages';
import { restrictContents } from './shell/electron/security';
import { UtilityMachine } from './shell/electron/utility-machine';
import { openWindow } from './shell/electron/window';
import { WindowLink } from './shell/electron/window-link';

const OUT = new URL('./', import.meta.url);
const UNPACKED = unpacked(OUT);

declarePages();
if (electron.requestSingleInstanceLock()) start().catch(fail);
else electron.quit();

async function start(): Promise<void> {
  await electron.whenReady();
  const directory = dataDirectory();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const files = machineFiles(process.argv.slice(1), process.cwd());
  const instance = await becomeInstance(directory, files);
  if ('link' in instance) {
    // The browser shell has these machines, and opens the files: another window of it.
    await shell.openExternal(instance.link);
    electron.quit();
    return;
  }
  restrictContents();
  const esbuild = packagedEsbuild(OUT);
  if (esbuild !== null) process.env.ESBUILD_BINARY_PATH = esbuild;
  const app = new App({
    shell: 'electron',
    dataDirectory: directory,
    guests: new URL('../resources/guests/', UNPACKED),
    packageJson: new URL('../package.json', OUT),
    plugins: new URL('../plugins/', UNPACKED),
    typeChecker: new URL('typecheck-worker.js', UNPACKED),
    startProcess: () => new UtilityMachine(new URL('machine-process.js', UNPACKED)),
    pickImage,
    pickPlugin,
    // Who asked for it has agreed to the end of what runs, or nothing does.
    quit: () => void app.shutdown().then(() => electron.quit()),
  });
  servePages(new URL('renderer/', OUT), (path) => app.plugins.panel(path));
  endWith(app, () => instance.release());
  const link = new WindowLink(app);
  app.machines.onStart(({ machine, run, process }) => link.started(machine, run, process as UtilityMachine));
  setMenu((command) => app.invoke(command));
  const window = openWindow({
    preload: new URL('preload/index.cjs', OUT),
    stateFile: join(directory, 'window.json'),
    running: () => app.machines.live().map(({ settings }) => settings.name),
  });
  link.connect(window);
  for (const file of files) app.openFile(file);
  electron.on('second-instance', (_event, argv, workingDirectory) => {
    if (window.isDestroyed()) return;
    if (window.isMinimized()) window.restore();
    window.focus();
    for (const file of machineFiles(argv.slice(1), workingDirectory)) app.openFile(file);
  });
}

/** However it ends, by the window, a command or a signal: the machines say goodbye first. */
function endWith(app: App, release: () => void): void {
  electron.on('window-all-closed', () => electron.quit());
  electron.on('will-quit', (event) => {
    event.preventDefault();
    void app.shutdown().then(() => {
      release();
      // Not quit(): where no machine ran, this is still inside the event, and Electron lets a second quit() fall.
      electron.exit();
    });
  });
}

/** There is no window yet that could tell it. */
function fail(error: Error): void {
  dialog.showErrorBox('Reveille cannot start', error instanceof ReveilleError ? error.message : String(error.stack));
  electron.exit(1);
}

/** Machine files that a double click in a file manager has put on the command line. */
function machineFiles(args: string[], workingDirectory: string): string[] {
  return args.filter((path) => path.endsWith('.reveille')).map((path) => resolve(workingDirectory, path));
}

async function pickImage(): Promise<string | null> {
  const { filePaths } = await dialog.showOpenDialog({
    title: 'Choose a file for the machine',
    properties: ['openFile'],
  });
  return filePaths[0] ?? null;
}

async function pickPlugin(kind: 'folder' | 'package'): Promise<string | null> {
  const { filePaths } = await dialog.showOpenDialog(
    kind === 'folder'
      ? { title: 'Choose the folder of a plugin', properties: ['openDirectory'] }
      : {
          title: 'Choose the package of a plugin',
          properties: ['openFile'],
          filters: [{ name: 'Packages', extensions: ['tgz'] }],
        },
  );
  return filePaths[0] ?? null;
}

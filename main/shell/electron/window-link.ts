/** What goes between a window and the app: commands and notices by ipcMain, streams by ports of the machines' processes. */
import { type BrowserWindow, ipcMain, MessageChannelMain } from 'electron';
import { type Answer, CALL_CHANNEL, NOTICE_CHANNEL, STREAM_CHANNEL } from '../../../preload/contract/electron';
import type { Notice } from '../../../preload/contract/channels';
import type { App } from '../../app/app';
import { ReveilleError, sentence } from '../../app/errors';
import { isOurs } from './security';
import type { UtilityMachine } from './utility-machine';

interface Stream {
  run: number;
  process: UtilityMachine;
}

export class WindowLink {
  readonly #app: App;
  readonly #streams = new Map<string, Stream>();
  #window: BrowserWindow | null = null;
  /** Notices for a page that does not listen yet; null: it does. */
  #held: Notice[] | null = [];

  constructor(app: App) {
    this.#app = app;
    ipcMain.handle(CALL_CHANNEL, (event, name: unknown, argument: unknown): Promise<Answer> => {
      if (event.senderFrame === null || !isOurs(event.senderFrame.url) || event.senderFrame.parent !== null) {
        return Promise.resolve({ error: 'Only the app’s own page may send commands.' });
      }
      this.#release();
      return this.#answer(name, argument);
    });
    app.onNotice((notice) => {
      if (this.#held === null) this.#window?.webContents.send(NOTICE_CHANNEL, notice);
      else this.#held.push(notice);
    });
  }

  /** A machine's process has begun. */
  started(machine: string, run: number, process: UtilityMachine): void {
    const stream = { run, process };
    this.#streams.set(machine, stream);
    void process.closed.then(() => {
      if (this.#streams.get(machine) === stream) this.#streams.delete(machine);
    });
    this.#connect(machine, stream);
  }

  /** The page has loaded, for the first time or again: it gets ports to all machines that run. */
  connect(window: BrowserWindow): void {
    this.#window = window;
    window.once('closed', () => (this.#window = null));
    window.webContents.on('did-finish-load', () => {
      for (const [machine, stream] of this.#streams) this.#connect(machine, stream);
    });
  }

  /** A page that sends commands listens. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const notice of held) this.#window?.webContents.send(NOTICE_CHANNEL, notice);
  }

  #connect(machine: string, { run, process }: Stream): void {
    if (this.#window === null) return;
    const { port1, port2 } = new MessageChannelMain();
    process.attach(port1, { machine, run });
    this.#window.webContents.postMessage(STREAM_CHANNEL, { machine, run }, [port2]);
  }

  async #answer(name: unknown, argument: unknown): Promise<Answer> {
    try {
      return { result: await this.#app.call(name, argument) };
    } catch (error) {
      if (!(error instanceof ReveilleError)) process.stderr.write(`reveille: ${(error as Error).stack}\n`);
      return { error: sentence((error as Error).message) };
    }
  }
}

/** A machine's process as Electron makes it: a utilityProcess, which can give a window a port of its own. */
import { type MessagePortMain, utilityProcess, type UtilityProcess } from 'electron';
import { fileURLToPath } from 'node:url';
import type { MachineCommand, MachineMessage } from '../../../preload/contract/machine';
import { MachineProcess, yieldToWindow } from '../../app/machine-process';

export class UtilityMachine extends MachineProcess {
  readonly closed: Promise<void>;
  readonly #child: UtilityProcess;
  #spawned = false;

  /** `entry`: the built machine-process.js, outside an archive: its threads cannot read in one. */
  constructor(entry: URL) {
    super();
    const child = utilityProcess.fork(fileURLToPath(entry), [], {
      stdio: ['ignore', 'ignore', 'inherit'],
      serviceName: 'Reveille machine',
    });
    this.#child = child;
    child.once('spawn', () => {
      this.#spawned = true;
      yieldToWindow(child.pid);
    });
    child.on('message', (message: MachineMessage) => {
      this.deliver(message);
      // It waits for this, so that nothing it said is lost with it.
      if (message.type === 'ended' || message.type === 'failed') child.postMessage({ type: 'goodbye' });
    });
    this.closed = new Promise((resolve) => {
      child.once('exit', (code) => {
        this.gone(`it exited with status ${code}`);
        resolve();
      });
    });
  }

  send(command: MachineCommand): void {
    this.#child.postMessage(command);
  }

  /** Gives the process a port to a window, for the streams. */
  attach(port: MessagePortMain, stream: { machine: string; run: number }): void {
    this.#child.postMessage({ type: 'attach', stream }, [port]);
  }

  protected terminate(): void {
    // Nobody can be killed before they are there.
    if (this.#spawned) this.#child.kill();
    else this.#child.once('spawn', () => this.#child.kill());
  }
}

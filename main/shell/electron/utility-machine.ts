/** A machine's process as Electron has it: a utilityProcess, which can give a window a port of its own. */
import { type MessagePortMain, utilityProcess, type UtilityProcess } from 'electron';
import { fileURLToPath } from 'node:url';
import type { MachineCommand, MachineMessage } from '../../../preload/contract/machine';
import type { MachineProcess, ProcessEnd } from '../../app/machine-process';
import { Emitter } from '../../base/emitter';

export class UtilityMachine implements MachineProcess {
  readonly closed: Promise<ProcessEnd>;
  readonly #child: UtilityProcess;
  readonly #messages = new Emitter<MachineMessage>();
  #finished = false;
  #killed = false;

  readonly onMessage = this.#messages.event;

  constructor(entry: URL) {
    this.#child = utilityProcess.fork(fileURLToPath(entry), [], { stdio: 'inherit', serviceName: 'Reveille machine' });
    this.#child.on('message', (message: MachineMessage) => this.#deliver(message));
    this.closed = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        if (!this.#finished && !this.#killed) {
          this.#deliver({
            type: 'failed',
            kind: 'internal',
            message: `The machine's process died without a word: it exited with status ${code}. This is a fault of Reveille, not of the guest.`,
          });
        }
        resolve({ code, signal: null });
      });
    });
  }

  send(command: MachineCommand): void {
    this.#child.postMessage(command);
  }

  kill(): void {
    this.#killed = true;
    this.#child.kill();
  }

  /** Gives the process a port to a window, for the streams. */
  attach(port: MessagePortMain, stream: { machine: string; run: number }): void {
    this.#child.postMessage({ type: 'attach', stream }, [port]);
  }

  #deliver(message: MachineMessage): void {
    if (message.type === 'ended' || message.type === 'failed') this.#finished = true;
    this.#messages.fire(message);
  }
}

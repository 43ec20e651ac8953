/** The process that made this one: plain Node's fork, or Electron's utilityProcess. */
import type { MachineCommand, MachineMessage } from '../../preload/contract/machine';
import { Viewers, type ViewerPort } from './viewers';

export interface Parent {
  send(message: MachineMessage): void;
  /** Sends it and lets the process end with this status when it is on its way. */
  sendLast(message: MachineMessage, status: number): void;
  onCommand(listener: (command: MachineCommand) => void): void;
}

/** Null where nobody made this process to be a machine's. */
export function openParent(): Parent | null {
  const { parentPort } = process as unknown as { parentPort?: ElectronParentPort };
  if (parentPort !== undefined) return new ElectronParent(parentPort);
  return process.send === undefined ? null : new ForkParent();
}

class ForkParent implements Parent {
  constructor() {
    // The shell is gone: nobody is left to tell anything. A killed shell must leave no machine behind.
    process.on('disconnect', () => process.exit(0));
    // It may have gone while this process was loading: then nobody says so any more.
    if (!process.connected) process.exit(0);
  }

  send(message: MachineMessage): void {
    process.send?.(message);
  }

  sendLast(message: MachineMessage, status: number): void {
    process.send?.(message, () => (status === 0 ? process.disconnect() : process.exit(status)));
  }

  onCommand(listener: (command: MachineCommand) => void): void {
    process.on('message', listener);
  }
}

/** Electron's process.parentPort (electronjs.org, "parentPort"), as far as it is used here. */
interface ElectronParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown; ports: ViewerPort[] }) => void): void;
}

/** What Electron's main process says besides commands: a window's port, and that it has the last message. */
type FromMain = MachineCommand | { type: 'attach'; stream: { machine: string; run: number } } | { type: 'goodbye' };

class ElectronParent implements Parent {
  readonly #port: ElectronParentPort;
  readonly #viewers = new Viewers();
  #status = 0;

  constructor(port: ElectronParentPort) {
    this.#port = port;
  }

  send(message: MachineMessage): void {
    this.#port.postMessage(message);
    this.#viewers.send(message);
  }

  sendLast(message: MachineMessage, status: number): void {
    // A message that was posted may still be in this process: it goes when main says that it has it.
    this.#status = status;
    this.send(message);
  }

  onCommand(listener: (command: MachineCommand) => void): void {
    this.#port.on('message', ({ data, ports }) => {
      const message = data as FromMain;
      if (message.type === 'attach') this.#viewers.attach(ports[0], message.stream);
      else if (message.type === 'goodbye') process.exit(this.#status);
      else listener(message);
    });
  }
}

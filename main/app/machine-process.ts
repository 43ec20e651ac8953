/**
 * One machine, one process: forks it, carries commands and messages, and tells how it went away.
 * Structured clone (`serialization: 'advanced'`) carries event batches and serial bytes as they are.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MachineCommand, MachineMessage } from '../../preload/contract/machine';
import { Emitter, type Event } from '../base/emitter';

interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface MachineProcess {
  /** Every message of the machine. The last one is `ended` or `failed`, unless `kill` was called. */
  readonly onMessage: Event<MachineMessage>;
  /** Settles when the process is gone and all that it sent has been delivered; never rejects. */
  readonly closed: Promise<ProcessEnd>;
  /**
   * Event batches are acknowledged when every listener has returned. In between, a listener whose own receiver is slow keeps
   * the machine from sending more: its ring fills, and what does not fit is counted as lost (KVM) or waited for (emulator).
   */
  holdEvents(): void;
  releaseEvents(): void;
  /** Commands to a process that is gone are dropped: `onMessage` has told, or will. */
  send(command: MachineCommand): void;
  /** Ends the process at once (SIGKILL). */
  kill(): void;
}

/**
 * Starts a machine's process; `entry` is the built machine-process.js.
 * It leads a session of its own, so that the terminal's Ctrl-C reaches the shell alone, which then decides. When the
 * shell dies, the IPC channel closes and the process ends by that.
 */
export function startMachineProcess(entry: URL): MachineProcess {
  const child = fork(fileURLToPath(entry), [], {
    serialization: 'advanced',
    // A guest's bytes go to the shell's stdout; whatever else is printed in there must not get between them.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
    detached: true,
  });
  return new ForkedMachine(child);
}

class ForkedMachine implements MachineProcess {
  readonly closed: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #messages = new Emitter<MachineMessage>();
  #finished = false;
  #held = false;
  /** Bytes of event batches to acknowledge. */
  #delivered = 0;

  readonly onMessage = this.#messages.event;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) => this.#deliver(message as MachineMessage));
    this.closed = this.#watch();
  }

  send(command: MachineCommand): void {
    // The callback takes the error of a channel that closes meanwhile; without one it would be thrown.
    if (this.#child.connected) this.#child.send(command, () => {});
  }

  holdEvents(): void {
    this.#held = true;
  }

  releaseEvents(): void {
    this.#held = false;
    this.#acknowledge();
  }

  kill(): void {
    this.#finished = true;
    this.#child.kill('SIGKILL');
  }

  #deliver(message: MachineMessage): void {
    if (message.type === 'ended' || message.type === 'failed') this.#finished = true;
    this.#messages.fire(message);
    if (message.type !== 'events') return;
    this.#delivered += message.batch.byteLength;
    this.#acknowledge();
  }

  #acknowledge(): void {
    if (this.#held || this.#delivered === 0) return;
    this.send({ type: 'events-ack', count: this.#delivered });
    this.#delivered = 0;
  }

  async #watch(): Promise<ProcessEnd> {
    const child = this.#child;
    const gone = new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
      child.once('error', (error) => {
        // Also emitted where a kill fails; only a process that never came to be ends here.
        if (child.pid !== undefined) return;
        this.#fail(`The machine's process could not be started: ${error.message}.`);
        resolve({ code: null, signal: null });
      });
    });
    // Messages may still be in the channel when the process is gone: it disconnects after the last one.
    const drained = new Promise<void>((resolve) => child.once('disconnect', resolve));
    const end = await gone;
    if (child.connected) await drained;
    this.#fail(
      `The machine's process died without a word: ${describeEnd(end)}. This is a fault of Reveille, not of the guest.`,
    );
    return end;
  }

  #fail(message: string): void {
    if (this.#finished) return;
    this.#deliver({ type: 'failed', kind: 'internal', message });
  }
}

function describeEnd({ code, signal }: ProcessEnd): string {
  return signal === null ? `it exited with status ${code}` : `it was ended by ${signal}`;
}

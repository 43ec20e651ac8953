/** One machine, one process: what a shell knows of it, however the process was made. */
import { writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { MachineCommand, MachineMessage } from '../../preload/contract/machine';
import { Emitter, type Event } from '../base/emitter';

/** How long a machine may take to say goodbye before it is killed, in ms; its threads end one after the other. */
export function goodbyeTime(cpus: number): number {
  return 2000 + 60 * cpus;
}

/**
 * Niceness of a machine's process beside a window, setpriority(2): a guest takes what processors it can get, and the window
 * that shows it comes before. Its threads inherit it, so it is set before there are any.
 */
const NICE = 5;
/** Linux takes one niceness of a session in so many ms from whom it does not trust, and has no time for more (EAGAIN). */
const SESSION_PAUSE_MS = 100;

export function yieldToWindow(pid: number | undefined): void {
  if (pid !== undefined) setPriority(pid, NICE);
}

/**
 * The same for one that leads a session: between sessions Linux does not look at the niceness of processes, but at the
 * sessions' own (sched(7), "The autogroup feature").
 */
export async function yieldToWindowAsSession(pid: number | undefined): Promise<void> {
  yieldToWindow(pid);
  for (;;) {
    try {
      await writeFile(`/proc/${pid}/autogroup`, String(NICE));
      return;
    } catch (error) {
      // Else this kernel has no sessions of its own kind for it, or the process has gone.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
    }
    await setTimeout(SESSION_PAUSE_MS);
  }
}

export abstract class MachineProcess {
  /** Settles when the process is gone and all that it sent has been delivered; never rejects. */
  abstract readonly closed: Promise<void>;
  readonly #messages = new Emitter<MachineMessage>();
  #finished = false;
  #held = false;
  /** Bytes of event batches to acknowledge. */
  #delivered = 0;

  /** Every message of the machine. The last one is `ended` or `failed`, unless `kill` was called. */
  readonly onMessage: Event<MachineMessage> = this.#messages.event;

  /** Commands to a process that is gone are dropped: `onMessage` has told, or will. */
  abstract send(command: MachineCommand): void;

  /** Ends the process at once. */
  kill(): void {
    this.#finished = true;
    this.terminate();
  }

  /**
   * Event batches are acknowledged when every listener has returned. In between, a listener whose own receiver is slow keeps
   * the machine from sending more: its ring fills, and what does not fit is counted as lost (KVM) or waited for (emulator).
   */
  holdEvents(): void {
    this.#held = true;
  }

  releaseEvents(): void {
    this.#held = false;
    this.#acknowledge();
  }

  protected abstract terminate(): void;

  protected deliver(message: MachineMessage): void {
    if (message.type === 'ended' || message.type === 'failed') this.#finished = true;
    this.#messages.fire(message);
    if (message.type !== 'events' && message.type !== 'digest') return;
    this.#delivered += message.batch.byteLength;
    this.#acknowledge();
  }

  /** The process is gone; says so where it has not said its last word itself. */
  protected gone(how: string): void {
    this.fail(`The machine's process died without a word: ${how}. This is a fault of Reveille, not of the guest.`);
  }

  protected fail(message: string): void {
    if (!this.#finished) this.deliver({ type: 'failed', kind: 'internal', message });
  }

  #acknowledge(): void {
    if (this.#held || this.#delivered === 0) return;
    this.send({ type: 'events-ack', count: this.#delivered });
    this.#delivered = 0;
  }
}

/** The threads of a machine's policies: one for each, so that each can be ended. */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { createMailbox, SandboxServer } from '../plugins/mailbox';
import type { SandboxWorkerData } from '../plugins/sandbox-worker';
import type { PolicyProgram } from '../../preload/contract/policies';

/** Of a thread's own JavaScript, in MiB; what a plugin has is QuickJS's memory, which has its own limit. */
const HEAP_LIMIT = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };

export class SandboxThreads {
  /** Of each policy, in the machine's order: what a SandboxClient, on any thread, asks through. */
  readonly mailboxes: SharedArrayBuffer[] = [];
  readonly #workers: Worker[] = [];
  readonly #built: URL;
  readonly #wasm: WebAssembly.Module;

  /** `built`: where the build has put the threads' code and QuickJS. */
  constructor(programs: PolicyProgram[], built = new URL('./', import.meta.url)) {
    this.#built = built;
    this.#wasm = new WebAssembly.Module(readFileSync(new URL('./quickjs.wasm', built)));
    for (const [index, program] of programs.entries()) this.#start(index, program);
  }

  /** A new thread for a changed program. The mailbox is a new one, too: the old one's asker finds it closed. */
  replace(index: number, program: PolicyProgram): SharedArrayBuffer {
    void this.terminate(index);
    return this.#start(index, program);
  }

  /** Ends the thread, whatever it executes. */
  async terminate(index: number): Promise<void> {
    await this.#workers[index].terminate();
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #start(index: number, program: PolicyProgram): SharedArrayBuffer {
    const mailbox = createMailbox();
    const data: SandboxWorkerData = { program, mailbox, wasm: this.#wasm };
    const worker = new Worker(new URL('./plugin-sandbox.cjs', this.#built), {
      workerData: data,
      resourceLimits: HEAP_LIMIT,
    });
    const server = new SandboxServer(mailbox);
    worker.on('error', (error) => server.abandon(`Its thread has ended: ${String(error)}`));
    worker.on('exit', () => server.abandon('Its thread has ended.'));
    this.mailboxes[index] = mailbox;
    this.#workers[index] = worker;
    return mailbox;
  }
}

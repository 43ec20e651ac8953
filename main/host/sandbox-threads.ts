/**
 * The thread of a machine's policies: all of them have their sandboxes there, one is asked at a time, and no sandbox can keep
 * it to itself (plugins/meter.ts). A policy that is replaced gets another thread, beside which the old program ends.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { createMailboxes, type MailboxMemory, SandboxServer } from '../plugins/mailbox';
import { REHEARSAL_POLICY } from '../plugins/rehearsal-policy';
import type { SandboxData, SandboxTask } from '../plugins/sandbox-worker';
import type { PolicyProgram } from '../../preload/contract/policies';

/**
 * Of a thread's own JavaScript: what plugins have is QuickJS's memory, which has its own limit; here are their scripts and source
 * maps, and for a moment the texts of an exception.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 1024 };

/**
 * V8 compiles a function of WebAssembly once more, to run fast, when it has executed this much of it (in bytes, roughly). By its
 * own measure QuickJS's interpreter is due while sandboxes start: that takes some 100 ms of the processors which a machine that
 * starts needs, too, and by one a hundred times as large it would be due between an INIT and its SIPI. By the largest one there
 * is it is due after some hundred questions, where a policy that is asked so much gains by it.
 */
const TIERING_BUDGET = 2 ** 31 - 1;
/** V8's own, of Node 20 and of those after it, for everything that is compiled later. */
const USUAL_TIERING_BUDGET = Number.parseInt(process.versions.v8, 10) < 12 ? 1_800_000 : 13_000_000;

function compileQuickJs(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    setFlagsFromString(`--wasm-tiering-budget=${USUAL_TIERING_BUDGET}`);
  }
}

export class SandboxThreads {
  /** Of each policy, in the machine's order: what a SandboxClient, on any thread, asks through. */
  mailboxes: MailboxMemory[] = [];
  /** Of REHEARSAL_POLICY; null: there is none. */
  rehearsal: MailboxMemory | null = null;
  readonly #workers = new Set<Worker>();
  readonly #built: URL;
  #spare: Worker | null = null;
  #wasm: WebAssembly.Module | null = null;

  /** `built`: where the build has put the threads' code and QuickJS. */
  constructor(built = new URL('./', import.meta.url)) {
    this.#built = built;
  }

  /** A thread loads its code while it is found out which policies there will be. */
  prepare(): void {
    this.#spare ??= this.#newWorker();
  }

  /** `rehearses`: with a sandbox in which its thread's work is rehearsed (machine/policy-rehearsal.ts). */
  load(programs: readonly PolicyProgram[], rehearses = false): void {
    if (programs.length === 0) return;
    const mailboxes = this.#start(rehearses ? [...programs, REHEARSAL_POLICY] : programs);
    this.mailboxes = mailboxes.slice(0, programs.length);
    this.rehearsal = mailboxes.at(programs.length) ?? null;
  }

  /** Has its sandbox in a new thread. The mailbox is a new one, too; its asker closes the old one when it takes this. */
  replace(index: number, program: PolicyProgram): MailboxMemory {
    const [mailbox] = this.#start([program]);
    // A list of its own: the end of the old thread is for the mailboxes that it had.
    this.mailboxes = this.mailboxes.with(index, mailbox);
    return mailbox;
  }

  /** Ends all threads, whatever they execute. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #start(programs: readonly PolicyProgram[]): MailboxMemory[] {
    const worker = this.#spare ?? this.#newWorker();
    this.#spare = null;
    const mailboxes = createMailboxes(programs.length);
    const abandon = (fault: string): void => {
      for (const mailbox of mailboxes) new SandboxServer(mailbox).abandon(fault);
    };
    worker.on('error', (error) => abandon(`The policies' thread has ended: ${String(error)}`));
    worker.on('exit', () => abandon("The policies' thread has ended."));
    const task: SandboxTask = programs.map((program, index) => ({ program, mailbox: mailboxes[index] }));
    worker.postMessage(task);
    return mailboxes;
  }

  #newWorker(): Worker {
    this.#wasm ??= compileQuickJs(readFileSync(new URL('./quickjs.wasm', this.#built)));
    const image = fileURLToPath(new URL('./sandbox.image', this.#built));
    const worker = new Worker(new URL('./plugin-sandbox.cjs', this.#built), {
      workerData: { wasm: this.#wasm, image } satisfies SandboxData,
      resourceLimits: RESOURCE_LIMITS,
    });
    this.#workers.add(worker);
    worker.on('exit', () => this.#workers.delete(worker));
    return worker;
  }
}

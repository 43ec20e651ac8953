/** The thread of a machine's sandboxes: it answers questions from their mailboxes until their askers want no more. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { PolicyProgram } from '../../preload/contract/policies';
import { type MailboxMemory, SandboxServer, serve, type Served } from './mailbox';
import { SandboxMaker } from './sandbox';

/** A message to this thread, its only one. All mailboxes have one bell. */
export type SandboxTask = { program: PolicyProgram; mailbox: MailboxMemory }[];

if (parentPort === null) throw new Error('sandbox-worker is the code of a worker thread; run "reveille" instead.');
const port = parentPort;
/** QuickJS, metered (meter.ts), so that no sandbox keeps the thread from the others for long, and the file of its image. */
export interface SandboxData {
  wasm: WebAssembly.Module;
  image: string;
}
const { wasm, image } = workerData as SandboxData;
const maker = SandboxMaker.from(wasm, readFileSync(image));

// It listens as long as it makes sandboxes: Node would hold a thread that has nothing but promises left until V8's compiler has
// done all its background work.
port.on('message', (task: SandboxTask) => {
  void makeAll(task).then((all) => {
    serve(all, task[0].mailbox.bell);
    port.close();
  });
});

async function makeAll(task: SandboxTask): Promise<Served[]> {
  const all: Served[] = [];
  for (const { program, mailbox } of task) {
    const sandbox = await maker.make(program);
    sandbox.load();
    all.push({ server: new SandboxServer(mailbox), answer: (request) => sandbox.answer(request) });
    // Whoever asks one that is there does not wait for the others.
    for (const { server, answer } of all) server.look(answer);
  }
  return all;
}

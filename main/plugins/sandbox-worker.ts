/** The thread of a machine's sandboxes: it answers questions from their mailboxes until their askers want no more. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PolicyProgram } from '../../preload/contract/policies';
import { type MailboxMemory, SandboxServer, serve, type Served } from './mailbox';
import { SandboxMaker } from './sandbox';

/** A message to this thread, its only one. All mailboxes have one bell. */
export type SandboxTask = { program: PolicyProgram; mailbox: MailboxMemory }[];

if (parentPort === null) throw new Error('sandbox-worker is the code of a worker thread; run "reveille" instead.');
const port = parentPort;
/** `workerData`: QuickJS, metered (meter.ts), so that none of them keeps the thread from the others for long. */
const maker = SandboxMaker.create(workerData as WebAssembly.Module);

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
    const sandbox = await (await maker).make(program);
    sandbox.load();
    all.push({ server: new SandboxServer(mailbox), answer: (request) => sandbox.answer(request) });
  }
  return all;
}

/** The thread of one sandbox: it answers questions from its mailbox until the asker wants no more. */
import { workerData } from 'node:worker_threads';
import type { PolicyProgram } from '../../preload/contract/policies';
import { SandboxServer } from './mailbox';
import { Sandbox } from './sandbox';

export interface SandboxWorkerData {
  program: PolicyProgram;
  mailbox: SharedArrayBuffer;
  /** QuickJS, compiled once for all sandboxes. */
  wasm: WebAssembly.Module;
}

const { program, mailbox, wasm } = workerData as SandboxWorkerData;
void Sandbox.create(wasm, program).then((sandbox) => {
  const server = new SandboxServer(mailbox);
  server.hello();
  sandbox.load();
  server.serve((request) => sandbox.answer(request));
});

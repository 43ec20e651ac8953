/** A callback between two threads, and sandboxes as they start: the classes themselves, without a machine around them. */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build, transformSync } from 'esbuild';

const CALLS = 5000;
/** V8 compiles QuickJS once more, which takes a while, only when it is called often (main/host/sandbox-threads.ts). */
const SETTLE_MS = 500;
const LIMIT_MS = 10_000;
const out = new URL('../../out/', import.meta.url);

const file = fileURLToPath(new URL('bench-policies.mjs', out));
const { SandboxThreads, SandboxClient, createMailboxes } = await bundled();
process.on('exit', () => rmSync(file));

const DELIVERS = `export const policies = { policy: { start: () => ({ sipi() {} }) } };`;
const DECIDES = `export const policies = { policy: { start: (machine) => ({
  sipi(ipi) { return ipi.count === 1 ? { do: 'delay', by: 1000 * (1 + machine.random()), reason: 'late' } : undefined; },
}) } };`;
const START = {
  ask: 'start',
  now: 0,
  states: Array(64).fill('UNINITIALIZED'),
  facts: {
    cpus: Array.from({ length: 64 }, (_, cpu) => ({ cpu, apicId: cpu, bsp: cpu === 0 })),
    bsp: 0,
    accelerator: 'wasm',
    irqchip: 'exact',
    seed: 1,
  },
};
const SIPI = {
  ask: 'sipi',
  now: 123_456_789,
  source: 0,
  vector: 8,
  targets: [3],
  counts: [1],
  states: ['INIT_RECEIVED'],
};

/** `note` takes a name and a value. */
export async function measureSandboxes(note) {
  await echo(note);
  await callbacks(note, 'a policy that delivers', DELIVERS);
  await callbacks(note, 'a policy that delays, by a random number and with a reason', DECIDES);
  for (const count of [1, 10]) {
    await emptyThreads(note, count);
    await sandboxes(note, count);
  }
}

/** The classes under measurement, from their sources, for a program that is not built. */
async function bundled() {
  await build({
    stdin: {
      contents: `export * from './main/host/sandbox-threads'; export * from './main/plugins/mailbox';`,
      resolveDir: fileURLToPath(new URL('../..', import.meta.url)),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile: file,
  });
  return import(file);
}

function program(source) {
  const { code, map } = transformSync(source, {
    loader: 'ts',
    format: 'iife',
    globalName: 'plugin',
    sourcemap: 'external',
  });
  return {
    plugin: 'bench',
    policy: 'policy',
    options: {},
    aps: [],
    permissions: [],
    needs: 'gated',
    commands: [],
    code,
    sourceMap: map,
  };
}

/** Asks call by call, after some time in which the compiler settles. */
function report(note, name, client) {
  const times = [];
  const settled = performance.now() + SETTLE_MS;
  while (times.length < CALLS) {
    const start = performance.now();
    const answer = client.ask(SIPI, LIMIT_MS);
    if (start > settled) times.push((performance.now() - start) * 1000);
    if (answer.fault !== undefined) throw new Error(answer.fault);
  }
  times.sort((a, b) => a - b);
  note(`us a question of ${name}, median`, times[CALLS >> 1]);
  note(`us a question of ${name}, 95th percentile`, times[Math.floor(CALLS * 0.95)]);
}

/** What the way to another thread and back takes, without a sandbox at its end. */
async function echo(note) {
  const [mailbox] = createMailboxes(1);
  const code = `const { module, mailbox } = require('node:worker_threads').workerData;
    import(module).then(({ SandboxServer, serve }) => {
      serve([{ server: new SandboxServer(mailbox), answer: () => '' }], mailbox.bell);
    });`;
  const worker = new Worker(code, { eval: true, workerData: { module: file, mailbox } });
  report(note, 'a thread that answers at once', new SandboxClient(mailbox, 'The echo'));
  await worker.terminate();
}

async function callbacks(note, name, source) {
  const threads = new SandboxThreads(out);
  threads.load([program(source)]);
  const client = new SandboxClient(threads.mailboxes[0], 'The policy');
  client.ask(START, LIMIT_MS);
  report(note, name, client);
  await threads.close();
}

async function sandboxes(note, count) {
  const programs = Array(count).fill(program(DELIVERS));
  const start = performance.now();
  const threads = new SandboxThreads(out);
  threads.load(programs);
  const clients = threads.mailboxes.map((mailbox) => new SandboxClient(mailbox, 'The policy'));
  for (const client of clients) client.ask(START, LIMIT_MS);
  note(`ms until ${count} sandboxes have answered \`start\``, performance.now() - start);
  await threads.close();
}

/** What Node alone takes for as many threads. */
async function emptyThreads(note, count) {
  const code = `const words = require('node:worker_threads').workerData;
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);`;
  const words = new Int32Array(new SharedArrayBuffer(4));
  const start = performance.now();
  const workers = Array.from({ length: count }, () => new Worker(code, { eval: true, workerData: words }));
  for (let up = 0; up < count; up = Atomics.load(words, 0)) Atomics.wait(words, 0, up);
  note(`ms until ${count} threads of Node that do nothing are up`, performance.now() - start);
  await Promise.all(workers.map((worker) => worker.terminate()));
}

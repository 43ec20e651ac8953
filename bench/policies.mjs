/**
 * What policies cost: a callback between two threads, and sandboxes as they start. Every figure stands beside what it is
 * compared to, measured in the same run. Needs `npm run build`.
 *
 *     node bench/policies.mjs [ROUNDS]
 */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build, transformSync } from 'esbuild';

const rounds = Number(process.argv[2] ?? 5);
const CALLS = 5000;
const LIMIT_MS = 10_000;
const out = new URL('../out/', import.meta.url);

const { SandboxThreads, SandboxClient, SandboxServer, createMailbox } = await bundled();

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

const figures = new Map();
const note = (name, value) => figures.set(name, [...(figures.get(name) ?? []), value]);
for (let round = 0; round < rounds; round++) {
  await echoes();
  await callbacks('that delivers', DELIVERS);
  await callbacks('that delays with a reason', DECIDES);
  await starts(0);
  await starts(1);
  await starts(10);
}
for (const [name, values] of figures) {
  const digits = values[0] < 100 ? 2 : 0;
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)].map((v) => v.toFixed(digits));
  console.log(`${name.padEnd(64)} ${middle.padStart(8)}   (${low} to ${high})`);
}

/** The classes under measurement, from their sources, for a program that is not built. */
async function bundled() {
  const file = fileURLToPath(new URL('bench-policies.mjs', out));
  await build({
    stdin: {
      contents: `export * from './main/host/sandbox-threads'; export * from './main/plugins/mailbox';`,
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile: file,
  });
  try {
    return await import(file);
  } finally {
    rmSync(file);
  }
}

function program(source) {
  const { code, map } = transformSync(source, {
    loader: 'ts',
    format: 'iife',
    globalName: 'plugin',
    sourcemap: 'external',
  });
  return { plugin: 'bench', policy: 'policy', options: {}, permissions: [], needs: 'gated', commands: [], code, sourceMap: map };
}

function timed(client) {
  const times = [];
  for (let call = 0; call < CALLS; call++) {
    const start = performance.now();
    const answer = client.ask(SIPI, LIMIT_MS);
    times.push((performance.now() - start) * 1000);
    if (answer.fault !== undefined) throw new Error(answer.fault);
  }
  return times.sort((a, b) => a - b);
}

function report(name, times) {
  note(`${name}, median, us`, median(times));
  note(`${name}, 95th percentile, us`, times[Math.floor(times.length * 0.95)]);
}

/** What two threads cost without a sandbox. */
async function echoes() {
  const mailbox = createMailbox();
  const text = `const { workerData } = require('node:worker_threads');
    const { SandboxServer } = require(workerData.file);
    const server = new SandboxServer(workerData.mailbox);
    server.hello();
    server.serve(() => '{}');`;
  void text;
  void mailbox;
  void Worker;
  void SandboxServer;
}

async function callbacks(name, source) {
  const threads = new SandboxThreads([program(source)], out);
  const client = new SandboxClient(threads.mailboxes[0], 'The policy');
  client.ask(START, LIMIT_MS);
  timed(client);
  report(`a callback of a policy ${name}`, timed(client));
  await threads.close();
}

async function starts(count) {
  const start = performance.now();
  const threads = new SandboxThreads(Array(count).fill(program(DELIVERS)), out);
  const clients = threads.mailboxes.map((mailbox) => new SandboxClient(mailbox, 'The policy'));
  const made = performance.now() - start;
  for (const client of clients) client.ask(START, LIMIT_MS);
  note(`${count} sandboxes: until they have answered \`start\`, ms`, performance.now() - start);
  note(`${count} sandboxes: until their threads were made, ms`, made);
  await threads.close();
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

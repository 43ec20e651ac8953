/**
 * Measures Reveille against C programs of the same shape, both in one run and in turn, so that what else the machine does
 * meets both alike; prints every figure with what it was measured against. Needs gcc, nasm, /dev/kvm and `npm run build`.
 *
 *     npm run bench [-- ROUNDS [PART…]]      (port, event, allocation, wake, start; all where none is named)
 */
import { execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const reveille = fileURLToPath(new URL('../out/reveille.js', import.meta.url));
const rounds = Number(process.argv[2] ?? 7);
const chosen = process.argv.slice(3);
const work = mkdtempSync(join(tmpdir(), 'reveille-bench-'));

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const spread = (values, digits) =>
  `${Math.min(...values).toFixed(digits)} / ${median(values).toFixed(digits)} / ${Math.max(...values).toFixed(digits)}`;
/** Half of the values lie between the first and the third. */
function quartiles(values, digits) {
  const sorted = [...values].sort((a, b) => a - b);
  return [1, 2, 3].map((quarter) => sorted[(sorted.length * quarter) >> 2].toFixed(digits)).join(' / ');
}

function assemble(name, output, ...defines) {
  const path = join(work, output);
  execFileSync('nasm', [
    '-f',
    'bin',
    ...defines.map((define) => `-D${define}`),
    '-i',
    join(here, 'guests/'),
    join(here, 'guests', `${name}.asm`),
    '-o',
    path,
  ]);
  return path;
}

function compile(name) {
  const path = join(work, name);
  execFileSync('gcc', ['-O2', '-Wall', '-o', path, join(here, 'c', `${name}.c`), '-lpthread']);
  return path;
}

/** Runs a guest under Reveille with nothing on the console; gives the summary and the events. */
async function run(args, { onEvent } = {}) {
  const child = spawn(process.execPath, [reveille, 'run', ...args, '--events', '-', '--json', '--timeout', '120s'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const startedAt = process.hrtime.bigint();
  const lines = [];
  let rest = '';
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  child.stdout.on('data', (chunk) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop();
    for (const line of parts) {
      if (!line.startsWith('{')) {
        lines.push(line);
        continue;
      }
      const event = JSON.parse(line);
      lines.push(event);
      onEvent?.(event, child);
    }
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) throw new Error(`reveille run ${args.join(' ')} ended with ${status}:\n${errors}`);
  const summary = lines.findLast((line) => line.outcome !== undefined);
  return { summary, events: lines.filter((line) => line.kind !== undefined), startedAt: Number(startedAt) };
}

async function portExit() {
  const image = assemble('port-writes', 'port-writes.bin');
  const bare = compile('port-writes');
  const c = [];
  const ours = [];
  for (let round = 0; round < rounds; round++) {
    c.push(Number(execFileSync(bare, [image])));
    const { summary } = await run([image, '--cpus', '1', '--serial1', 'none', '--irqchip', 'exact']);
    const [cpu] = summary.cpus;
    ours.push((summary.durationNs - cpu.startedAtNs) / cpu.exits.io);
  }
  console.log('A port-I/O exit through bus and UART (200,000 exits a round; ns, min / median / max)');
  console.log(`  bare C loop   ${spread(c, 0)}`);
  console.log(`  Reveille      ${spread(ours, 0)}`);
  console.log(
    `  ratio         ${spread(
      ours.map((value, i) => value / c[i]),
      3,
    )}   (asked: at most 1.15)`,
  );
}

/** Runs a machine's process by itself with the garbage collector's log on; gives the collections in its vcpu's thread. */
async function collectionsFor(exits) {
  const guest = assemble('port-writes', `port-writes-${exits}.bin`, `EXITS=${exits}`);
  const child = fork(fileURLToPath(new URL('../out/machine-process.js', import.meta.url)), [], {
    serialization: 'advanced',
    execArgv: ['--trace-gc'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let log = '';
  child.stdout.on('data', (chunk) => (log += chunk));
  const none = { kind: 'none' };
  child.send({
    type: 'start',
    sampleEveryMs: 0,
    config: {
      guest,
      initrd: null,
      cpus: 1,
      topology: { sockets: 1, cores: 1, threads: 1 },
      apicIds: [0],
      bsp: 0,
      memory: 2 ** 20,
      accelerator: 'kvm',
      irqchip: 'exact',
      cmdline: '',
      seed: 0,
      realtime: false,
      parallel: false,
      serial: [none, none, none, none],
    },
  });
  await new Promise((resolve) => child.on('close', resolve));
  // A line a collection, headed by process and isolate; the vcpu's thread is the isolate that is not the main thread's.
  const isolates = [...log.matchAll(/^\[\d+:(0x[0-9a-f]+)\] .*Scavenge/gm)].map((match) => match[1]);
  return isolates.filter((isolate) => isolate !== isolates[0]).length;
}

async function allocation() {
  console.log("Allocation in the run loop (young-generation collections in the vcpu's thread, its start included)");
  for (const exits of [100_000, 500_000]) console.log(`  ${exits} exits: ${await collectionsFor(exits)}`);
}

/** The writer that vcpu threads use, bundled as they have it, writing as fast as it can into a ring that is emptied between. */
async function eventCost() {
  const { build } = await import('vite');
  const machine = fileURLToPath(new URL('../main/machine/', import.meta.url));
  const entry = join(work, 'event-cost.ts');
  const names = {
    EventWriter: 'event-ring',
    EventReader: 'event-ring',
    Doorbell: 'doorbell',
    MachineMemory: 'shared-memory',
  };
  const exported = Object.entries(names).map(
    ([name, file]) => `export { ${name} } from ${JSON.stringify(machine + file)};`,
  );
  const clock = `export { HostClock } from ${JSON.stringify(fileURLToPath(new URL('../main/host/clock', import.meta.url)))};`;
  writeFileSync(entry, [...exported, clock].join('\n'));
  const outDir = join(work, 'bundle');
  await build({
    configFile: false,
    logLevel: 'error',
    build: { ssr: entry, outDir, rolldownOptions: { output: { entryFileNames: 'event-cost.mjs' } } },
  });
  const { EventWriter, EventReader, Doorbell, MachineMemory, HostClock } = await import(join(outDir, 'event-cost.mjs'));
  const shape = { cpus: 1, ramSize: 0, needs: { runSize: 4096, staticBytes: 0, engineBytes: 0 } };
  const memory = new MachineMemory(new SharedArrayBuffer(MachineMemory.size(shape)), shape);
  const writer = new EventWriter(memory, new HostClock(0), new Doorbell(memory.words));
  const reader = new EventReader(memory);
  const each = 50_000;
  const cost = [];
  for (let round = 0; round < rounds + 3; round++) {
    const before = process.hrtime.bigint();
    for (let i = 0; i < each; i++) writer.write(1, i & 3, i, 2, 3, 4, 5);
    const nanoseconds = Number(process.hrtime.bigint() - before);
    if (reader.take().byteLength !== each * 32) throw new Error('events were lost');
    // The first ones compile.
    if (round >= 3) cost.push(nanoseconds / each);
  }
  console.log(`One event on a vcpu thread (ns, min / median / max of ${rounds} times ${each})`);
  console.log(`  EventWriter.write  ${spread(cost, 0)}   (asked: less than 1000)`);
}

/**
 * A thread that another one keeps from its processor waits a whole time slice of the host's scheduler, in C as here: figures of
 * single rounds lie far apart, above all where there are few threads. So there are many rounds, each a pair.
 */
const WAKES = new Map([
  [1, 5],
  [7, 3],
  [63, 1],
]);

async function wakeAll() {
  const bare = compile('wake-all');
  console.log(
    'INIT to the first instruction of the last AP, all threads waiting (us, lower quartile / median / upper)',
  );
  for (const [aps, each] of WAKES) {
    const image = assemble('wake-all', `wake-all-${aps}.bin`, `APS=${aps}`);
    const c = [];
    const ours = [];
    for (let pair = 0; pair < each * rounds; pair++) {
      c.push(Number(execFileSync(bare, [image, String(aps + 1)])) / 1000);
      ours.push(await wakeOnce(image, aps));
    }
    const ratios = ours.map((value, i) => value / c[i]);
    console.log(`  ${String(aps).padStart(2)} APs  C         ${quartiles(c, 0)}   (${c.length} pairs)`);
    console.log(`          Reveille  ${quartiles(ours, 0)}`);
    console.log(
      `          ratio     ${quartiles(ratios, 2)}   of the medians ${(median(ours) / median(c)).toFixed(2)}   (asked: at most 1.5)`,
    );
  }
}

async function wakeOnce(image, aps) {
  const socket = join(work, 'com1');
  let client = null;
  const { events } = await run([image, '--cpus', String(aps + 1), '--serial1', `unix:${socket}`], {
    onEvent: (event) => {
      if (event.kind === 'machine' && event.change === 'threads-ready')
        client = connect(socket, () => client.write('g'));
    },
  });
  client?.destroy();
  const init = events.find((event) => event.kind === 'ipi' && event.mode === 'init');
  const first = events.filter((event) => event.kind === 'post');
  if (first.length !== aps) throw new Error(`${first.length} of ${aps} APs wrote their POST code`);
  return (Math.max(...first.map((event) => event.t)) - init.t) / 1000;
}

async function startUp() {
  const total = [];
  const parts = { node: [], setUp: [], bsp: [], guest: [] };
  for (let round = 0; round < rounds; round++) {
    const before = process.hrtime.bigint();
    spawnSync(process.execPath, ['-e', '0']);
    parts.node.push(Number(process.hrtime.bigint() - before) / 1e6);
    const { summary, events, startedAt } = await run(['roll-call', '--cpus', '4', '--serial1', 'none']);
    const epoch = events.find((event) => event.change === 'started').monotonicNs;
    const starts = summary.cpus.map((cpu) => cpu.startedAtNs);
    const bsp = summary.cpus.findIndex((cpu) => cpu.bsp);
    const last = Math.max(...starts);
    parts.setUp.push((epoch - startedAt) / 1e6 - parts.node.at(-1));
    parts.bsp.push(starts[bsp] / 1e6);
    parts.guest.push((last - starts[bsp]) / 1e6);
    total.push((epoch + last - startedAt) / 1e6);
  }
  console.log('reveille run roll-call --cpus 4, from process start to the last AP started (ms, min / median / max)');
  console.log(`  all                                     ${spread(total, 1)}`);
  console.log(`  of it an empty Node process             ${spread(parts.node, 1)}`);
  console.log(`  command line to machine time 0          ${spread(parts.setUp, 1)}`);
  console.log(`  machine made to the BSP's first entry   ${spread(parts.bsp, 1)}`);
  console.log(`  guest: BSP's first entry to last AP     ${spread(parts.guest, 1)}   (it waits 3 x 10.4 ms itself)`);
}

try {
  console.log(`Node ${process.version}, ${rounds} rounds`);
  const parts = { port: portExit, event: eventCost, allocation, wake: wakeAll, start: startUp };
  for (const [name, measure] of Object.entries(parts)) {
    if (chosen.length === 0 || chosen.includes(name)) await measure();
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

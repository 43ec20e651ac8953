/**
 * Measures what an exit of the emulator costs: a machine on this thread, without a process, threads or a reader of its
 * streams, executes one access to a device again and again; and two CPUs send IPIs to and fro (guests/workloads/ping-pong).
 * Prints ns of processor time for each, the smallest of ROUNDS. Needs nasm and `npm run build`.
 *
 *     node bench/exits.mjs [ROUNDS [NAME…]]      (a part of a measurement's name)
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const rounds = Number(process.argv[2] ?? 5);
const chosen = process.argv.slice(3);
const work = mkdtempSync(join(tmpdir(), 'reveille-bench-'));

const COUNT = 300_000;
/** Thousands of round trips. */
const TRIPS = 200;
/** Machine time between two looks at the rings, which hold more than a machine writes in it. */
const STEP_NS = 1e6;
const END_NS = 60e9;

const ACCESSES = {
  'port write': 'port_write',
  'port read': 'port_read',
  'I/O APIC register write': 'ioapic_write',
  'I/O APIC register read': 'ioapic_read',
  'local APIC register write (LDR)': 'lapic_write',
  'local APIC register read (LDR)': 'lapic_read',
  'local APIC end of interrupt': 'lapic_eoi',
  'local APIC task priority': 'lapic_tpr',
  'IPI to itself, taken and ended': 'ipi_to_itself',
  'the same, ending a HLT': 'ipi_ends_hlt',
};

function assemble(source, ...defines) {
  const image = join(work, 'image');
  const directory = join(root, 'bench/guests', source.includes('/') ? source.split('/')[0] : '');
  const file = source.split('/').at(-1);
  const all = defines.map((one) => `-D${one}`);
  execFileSync('nasm', ['-f', 'bin', ...all, `${file}.asm`, '-o', image], { cwd: directory });
  return readFileSync(image);
}

async function load() {
  const entry = Object.fromEntries(
    ['machine', 'emulated-machine', 'configuration'].map((name) => [name, join(root, `main/machine/${name}.ts`)]),
  );
  await build({
    configFile: false,
    logLevel: 'error',
    build: { ssr: true, outDir: work, minify: false, rolldownOptions: { input: entry } },
    ssr: { noExternal: ['valibot'], external: ['koffi'] },
  });
  const module = (name) => import(pathToFileURL(join(work, `${name}.js`)).href);
  return { ...(await module('machine')), ...(await module('emulated-machine')), ...(await module('configuration')) };
}

try {
  const { Machine, EmulatedMachine, completeConfiguration } = await load();
  const core = new WebAssembly.Module(readFileSync(join(root, 'resources/core.wasm')));

  /** Runs an image to its end: ns of processor time, events, exits. */
  function measure(image, cpus, ends) {
    const config = completeConfiguration({ guest: 'bench', accelerator: 'wasm', cpus, memory: 128 << 20 });
    const clock = { now: () => 0 };
    const machine = new Machine({ config, image, core, clock, epoch: 0, wallClock: 0 });
    const emulated = new EmulatedMachine(machine.descriptor(config.bsp), clock);
    emulated.powerOn();
    let output = '';
    const before = process.cpuUsage();
    for (let at = STEP_NS; emulated.turns.run(at) && at < END_NS; at += STEP_NS) {
      machine.events.take();
      output += Buffer.from(machine.serial[0].take()).toString('latin1');
      if (ends !== undefined && ends.test(output)) break;
    }
    const used = process.cpuUsage(before);
    const ns = (used.user + used.system) * 1000;
    machine.events.take();
    return {
      ns,
      events: machine.events.taken,
      machineTime: machine.summary().durationNs,
      cpus: machine.summary().cpus,
    };
  }

  const wanted = (name) => chosen.length === 0 || chosen.some((text) => name.includes(text));
  const print = (name, ns, rest) => console.log(name.padEnd(40) + ns.toFixed(0).padStart(7) + (rest ?? ''));
  console.log(`Node ${process.version}, smallest of ${rounds}, ns of processor time`);
  for (const [name, access] of Object.entries(ACCESSES)) {
    if (!wanted(name)) continue;
    const image = assemble('exits', `COUNT=${COUNT}`, `ACCESS=${access}`);
    const times = Array.from({ length: rounds }, () => measure(image, 1).ns / COUNT);
    print(name, Math.min(...times));
  }
  const name = 'round trip of two IPIs';
  if (wanted(name)) {
    const image = assemble('workloads/ping-pong', 'BITS_=32', `ROUNDS=${TRIPS}`);
    const runs = Array.from({ length: rounds }, () => measure(image, 2, /E[0-9a-f]{8}/));
    const trips = TRIPS * 1000;
    const best = runs.reduce((a, b) => (a.ns < b.ns ? a : b));
    print(
      name,
      best.ns / trips,
      `   (${(best.events / trips).toFixed(2)} events, ${(best.machineTime / trips).toFixed(0)} ns of machine time; exits ` +
        `${JSON.stringify(best.cpus.map(({ exits }) => exits))})`,
    );
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

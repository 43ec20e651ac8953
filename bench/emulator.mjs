/**
 * Measures Reveille's emulator against Bochs, npm's v86 and QEMU's TCG in one run on one machine, in turn: all execute the same
 * images (guests/workloads), and the time is the host's between the guest's two marks on COM1. Needs nasm and
 * `npm run build`; an emulator that is not there is not measured, and the bench says how to get it.
 *
 *     node bench/emulator.mjs [ROUNDS [WORKLOAD…]]      (a part of a workload's name)
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';
import { EMULATORS } from './emulators.mjs';

const workloads = fileURLToPath(new URL('guests/workloads/', import.meta.url));
const coreModule = fileURLToPath(new URL('../main/accelerator/emulator/core-module.ts', import.meta.url));
const reveille = fileURLToPath(new URL('../out/reveille.js', import.meta.url));
const rounds = Number(process.argv[2] ?? 5);
const chosen = process.argv.slice(3);
const work = mkdtempSync(join(tmpdir(), 'reveille-bench-'));

/** Where a workload does not end: some emulators only wait for what never comes. */
const GIVE_UP_MS = 120_000;
/** Each emulator gets as much of a workload as it does in about this time. */
const SECONDS = 1;
const MOST_WORK = 500;
const FLOPPY = 1_474_560;
/** Where an image has its count of instructions. */
const INSTRUCTIONS = 8;

const WORKLOADS = [
  { name: 'integer loop', source: 'integer', rounds: 3 },
  { name: 'recursive calls', source: 'recursion', rounds: 6 },
  { name: 'sieve, 16 MiB', source: 'sieve', rounds: 1 },
  { name: 'CRC32 table', source: 'crc32', rounds: 60 },
  { name: 'SHA-256', source: 'sha256', rounds: 8 },
  { name: 'rep movs/stos (dwords)', source: 'copy-rep', rounds: 1 },
  { name: 'copy by loop', source: 'copy-loop', rounds: 1 },
  { name: '64 hot pages', source: 'pages', rounds: 1, defines: ['PAGES=64'] },
  { name: '8,192 pages, 4 KiB stride', source: 'pages', rounds: 1, defines: ['PAGES=8192'] },
  { name: '16,384 pages, 4 KiB stride', source: 'pages', rounds: 1, defines: ['PAGES=16384'] },
  { name: 'CR3 reloads', source: 'cr3', rounds: 1 },
  { name: 'matrix product, x87', source: 'matrix-x87', rounds: 4 },
  { name: 'integer loop, 64-bit', source: 'integer', rounds: 3, bits: 64 },
  { name: 'sieve, 64-bit', source: 'sieve', rounds: 1, bits: 64 },
  { name: 'SHA-256, 64-bit', source: 'sha256', rounds: 8, bits: 64 },
  { name: 'matrix product, SSE2, 64-bit', source: 'matrix-sse2', rounds: 20, bits: 64, needs: 'SSE2' },
  { name: 'matrix product, AVX2, 64-bit', source: 'matrix-avx2', rounds: 20, bits: 64, needs: 'AVX2' },
  { name: 'copy by SSE, 16 MiB, 64-bit', source: 'copy-sse', rounds: 2, bits: 64, needs: 'SSE2' },
  { name: 'AES-128 counter mode, 64-bit', source: 'aes', rounds: 4, bits: 64, needs: 'AES' },
  { name: 'system calls (thousand/s)', source: 'system-calls', rounds: 1, bits: 64, operations: true },
  { name: 'page faults (thousand/s)', source: 'page-faults', rounds: 1, bits: 64, operations: true },
  { name: 'context switches (thousand/s)', source: 'context-switches', rounds: 1, bits: 64, operations: true },
  { name: 'IPI ping-pong (thousand round trips/s)', source: 'ping-pong', rounds: 10, cpus: 2, operations: true },
];

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const geometric = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

function assemble(workload, scale) {
  const { source, bits = 32, defines = [] } = workload;
  const image = join(work, `${workload.name.replace(/\W+/g, '-')}-${scale}.img`);
  const all = [`BITS_=${bits}`, `ROUNDS=${workload.rounds * scale}`, ...defines];
  execFileSync('nasm', ['-f', 'bin', ...all.map((one) => `-D${one}`), `${source}.asm`, '-o', image], {
    cwd: workloads,
  });
  const floppy = image.replace(/img$/, 'floppy');
  copyFileSync(image, floppy);
  truncateSync(floppy, FLOPPY);
  return { image, floppy, instructions: Number(readFileSync(image).readBigUInt64LE(INSTRUCTIONS)) };
}

/** One run: seconds between the marks, and what the guest came to. */
async function measure(emulator, workload, { image, floppy }) {
  const file = emulator.name === 'Reveille' ? image : floppy;
  const started = await emulator.start(file, workload.cpus ?? 1, work, workload.needs);
  const { child, output } = started;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS);
  let text = '';
  let start = 0;
  let end = 0;
  const stream = await Promise.race([output, ended.then(() => null)]);
  if (stream !== null) {
    await Promise.race([
      ended,
      new Promise((resolve) =>
        stream.on('data', (chunk) => {
          const now = performance.now();
          text += chunk;
          if (start === 0 && text.includes('S')) start = now;
          if (end === 0 && text.includes('E')) end = now;
          if (/E[0-9a-f]{8}/.test(text)) resolve();
        }),
      ),
    ]);
    stream.destroy();
  }
  clearTimeout(timer);
  if (emulator.name === 'Reveille') child.kill('SIGTERM');
  else child.kill('SIGKILL');
  await ended;
  const result = /SE([0-9a-f]{8})/.exec(text)?.[1];
  if (result === undefined)
    throw new Error(`${emulator.name} did not come to the end of ${workload.name}: ${JSON.stringify(text)}`);
  return { seconds: (end - start) / 1000, result };
}

/** Whether it can run the workload at all; the reason where not. */
function reasonNot(emulator, { bits = 32, cpus = 1, needs }) {
  if (!emulator.bits.includes(bits)) return 'no 64-bit';
  if (needs !== undefined && !emulator.announces.includes(needs)) return `no ${needs}`;
  return cpus > emulator.cpus ? 'one CPU' : null;
}

/** Has all do the same once, which has to come to the same; then says how much each is to do. */
async function chooseWork(able, workload) {
  const first = assemble(workload, 1);
  const images = new Map();
  let expected = null;
  for (const emulator of able) {
    const { seconds, result } = await measure(emulator, workload, first);
    expected ??= result;
    if (result !== expected) throw new Error(`${workload.name}: ${emulator.name} came to ${result}, not ${expected}`);
    const scale = Math.min(MOST_WORK, Math.max(1, Math.round(SECONDS / seconds)));
    images.set(emulator, assemble(workload, scale));
  }
  return images;
}

/** Exits to the host for an operation: what a larger run has more than a smaller one, which leaves out its start and end. */
function exitsEach(workload) {
  const [few, many] = [1, 2].map((scale) => {
    const { image, instructions } = assemble(workload, scale);
    const { stdout } = spawnSync(
      process.execPath,
      [reveille, 'run', image, '--cpus', String(workload.cpus ?? 1), '--accel', 'wasm', '--serial1', 'none', '--json'],
      { encoding: 'utf8' },
    );
    const { cpus } = JSON.parse(stdout);
    const exits = cpus.flatMap((cpu) => Object.values(cpu.exits)).reduce((sum, count) => sum + count, 0);
    return { exits, operations: instructions };
  });
  return (many.exits - few.exits) / (many.operations - few.operations);
}

async function compare(present) {
  const width = 40;
  const column = (text) => String(text).padStart(15);
  console.log(`\nMillion guest instructions a second, workload only (medians of ${rounds})`);
  const ratioNames = present.filter((one) => one.name !== 'Reveille').map((one) => one.name);
  console.log(
    ''.padEnd(width) + present.map((one) => column(one.name)).join('') + '   Reveille / ' + ratioNames.join(' / '),
  );
  const ratios = new Map(ratioNames.map((name) => [name, []]));
  for (const workload of WORKLOADS) {
    if (chosen.length > 0 && !chosen.some((text) => workload.name.includes(text))) continue;
    const able = present.filter((emulator) => reasonNot(emulator, workload) === null);
    const images = await chooseWork(able, workload);
    const rates = new Map(present.map((one) => [one.name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const emulator of able) {
        const image = images.get(emulator);
        const { seconds } = await measure(emulator, workload, image);
        rates.get(emulator.name).push(image.instructions / seconds / (workload.operations ? 1e3 : 1e6));
      }
    }
    const rate = (name) => median(rates.get(name));
    const cells = present.map((one) =>
      column(reasonNot(one, workload) ?? rate(one.name).toFixed(workload.operations ? 1 : 0)),
    );
    const own = ratioNames.map((name) => {
      if (rates.get(name).length === 0 || rates.get('Reveille').length === 0) return '-';
      const ratio = rate('Reveille') / rate(name);
      // Operations are no instructions, and stand by themselves.
      if (!workload.operations) ratios.get(name).push(ratio);
      return ratio.toFixed(2);
    });
    console.log(workload.name.padEnd(width) + cells.join('') + '   ' + own.map((text) => text.padStart(6)).join(' '));
    if (workload.operations)
      console.log(
        `  in Reveille: ${(1e6 / rate('Reveille')).toFixed(0)} ns and ${exitsEach(workload).toFixed(2)} exits each`,
      );
  }
  for (const [name, values] of ratios) {
    if (values.length === 0) continue;
    const minimum = Math.min(...values).toFixed(2);
    console.log(
      `  Reveille / ${name.padEnd(14)} geometric mean ${geometric(values).toFixed(2)}, minimum ${minimum}${ASKED[name] ?? ''}`,
    );
  }
}

const ASKED = {
  Bochs: '   (asked: 1.00 and 0.60)',
  'v86 -compiler': '   (asked: more than 1)',
};

/** roll-call without its own delays, from process start to end. */
async function startUp() {
  const args = ['roll-call', '--cpus', '4', '--cmdline', 'delay=none', '--serial1', 'none', '--json'];
  const times = { kvm: [], wasm: [] };
  for (let round = 0; round < rounds; round++) {
    for (const accel of ['kvm', 'wasm']) {
      const before = performance.now();
      const child = spawn(process.execPath, [reveille, 'run', ...args, '--accel', accel], { stdio: 'ignore' });
      const status = await new Promise((resolve) => child.on('exit', resolve));
      if (status !== 0) {
        if (accel === 'wasm') throw new Error(`roll-call on wasm ended with ${status}`);
        continue;
      }
      times[accel].push(performance.now() - before);
    }
  }
  console.log('\nreveille run roll-call --cpus 4 --cmdline delay=none, process start to end (ms, min / median / max)');
  const spread = (values) =>
    `${Math.min(...values).toFixed(0)} / ${median(values).toFixed(0)} / ${Math.max(...values).toFixed(0)}`;
  for (const accel of ['kvm', 'wasm']) {
    console.log(
      `  ${accel.padEnd(5)} ${times[accel].length === 0 ? 'not measured: KVM does not work here' : spread(times[accel])}`,
    );
  }
  if (times.kvm.length > 0) {
    console.log(`  ratio ${(median(times.wasm) / median(times.kvm)).toFixed(2)}   (asked: at most 1.5)`);
  }
}

/** Resident memory of a machine's process, in MB, while a guest of four CPUs runs. */
async function residentMemory(accel) {
  const child = spawn(process.execPath, [reveille, 'run', 'heartbeat', '--cpus', '4', '--accel', accel], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let text = '';
  await Promise.race([
    ended,
    new Promise((resolve) => child.stdout.on('data', (chunk) => (text += chunk).includes('beat 3') && resolve())),
  ]);
  if (child.exitCode !== null) return null;
  const machine = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0];
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${machine}/status`, 'utf8'));
  child.kill('SIGTERM');
  await ended;
  return (Number(resident[1]) * 1024) / 1e6;
}

async function memory() {
  await build({
    configFile: false,
    logLevel: 'error',
    build: { lib: { entry: coreModule, formats: ['es'], fileName: 'core-module' }, outDir: work, emptyOutDir: false },
  });
  const { coreLayout } = await import(pathToFileURL(join(work, 'core-module.js')).href);
  const kvm = await residentMemory('kvm');
  const wasm = await residentMemory('wasm');
  console.log('\nMemory of the engine for 4 CPUs beside 128 MiB of guest RAM (MB; asked: below 64)');
  console.log(`  by its layout, all used              ${(coreLayout(4, 128 << 20).size / 1e6).toFixed(1)}`);
  console.log(`  resident, process of heartbeat       ${wasm.toFixed(1)}`);
  if (kvm !== null) console.log(`  of which more than the same on KVM   ${(wasm - kvm).toFixed(1)}`);
}

try {
  console.log(`Node ${process.version}, ${rounds} rounds`);
  const present = EMULATORS.filter((emulator) => {
    const missing = emulator.missing();
    if (missing !== null) console.log(`${emulator.name}: not measured (${missing})`);
    return missing === null;
  });
  await compare(present);
  await startUp();
  await memory();
} finally {
  rmSync(work, { recursive: true, force: true });
}

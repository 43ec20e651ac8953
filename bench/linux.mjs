/**
 * Measures how long a stock Linux kernel takes from the start of the program to the first line of userspace: Reveille's
 * emulator against Debian's QEMU with TCG, in turn, as a ratio; then where the time goes: by parts of the boot, exits, instructions
 * and functions. Needs `npm run build`, `npm run guests:fetch` and qemu-system-x86_64.
 *
 *     node bench/linux.mjs [--kernel cloud|generic] [--cpus N] [--rounds N]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';
import { instructionMix } from './instruction-mix.mjs';
import { stockGuests } from '../scripts/stock-guests.mjs';

const reveille = fileURLToPath(new URL('../out/reveille.js', import.meta.url));
const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: 'cloud' },
    cpus: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
  },
});
const guests = stockGuests();
if (guests === null) throw new Error('Debian’s kernels are not in the cache: npm run guests:fetch');
const kernel = guests[values.kernel];
const plain = 'console=ttyS0';
/** The kernel speaks from its first line on. */
const early = `${plain} earlyprintk=serial,ttyS0,115200`;

/** Lines that the console says in this order, and what has been done by then. */
const MARKS = [
  ['Linux version', 'program, loader, decompression'],
  ['Bringing up secondary CPUs', 'kernel to the first AP'],
  ['Brought up', 'start of the APs'],
  ['Run /init', 'kernel to /init'],
  ['userspace is up', 'userspace'],
];
const LAST = MARKS.at(-1)[0];
/** No boot takes so long: one that does hangs. */
const BOOT_LIMIT_MS = 120_000;

const EMULATORS = {
  reveille: (cmdline) => [
    process.execPath,
    ...[reveille, 'run', kernel, '--initrd', guests.initrd, '--cmdline', cmdline, '--json'],
    ...['--accel', 'wasm', '--cpus', values.cpus, '--memory', '256M'],
  ],
  qemu: (cmdline) => [
    'qemu-system-x86_64',
    ...['-accel', 'tcg', '-smp', values.cpus, '-m', '256', '-nographic', '-no-reboot', '-nic', 'none'],
    ...['-kernel', kernel, '-initrd', guests.initrd, '-append', cmdline],
  ],
};

/** Boots to the last mark; gives the seconds to each that was said, and all of the output. */
async function boot(name, cmdline) {
  const [program, ...args] = EMULATORS[name](cmdline);
  const start = performance.now();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const times = new Map();
  let output = '';
  child.stdout.on('data', (bytes) => {
    output += bytes.toString('latin1');
    const now = (performance.now() - start) / 1000;
    for (const [text] of MARKS) if (!times.has(text) && output.includes(text)) times.set(text, now);
    // Reveille sums the run up. What comes meanwhile is no second request, which would kill it.
    if (times.has(LAST) && !child.killed) child.kill(name === 'reveille' ? 'SIGINT' : 'SIGKILL');
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), BOOT_LIMIT_MS);
  await once(child, 'close');
  clearTimeout(limit);
  if (!times.has(LAST)) {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    throw new Error(`${name} ended, or was ended, after ${seconds} s before "${LAST}":\n${output}`);
  }
  return { times, output };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const spread = (numbers) =>
  `${median(numbers).toFixed(2)} s (${Math.min(...numbers).toFixed(2)} to ${Math.max(...numbers).toFixed(2)})`;

console.log(`${values.kernel} kernel, ${values.cpus} CPUs, start to "${LAST}", median of ${values.rounds} rounds:`);
const seconds = { reveille: [], qemu: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of Object.keys(seconds)) seconds[name].push((await boot(name, plain)).times.get(LAST));
}
for (const [name, numbers] of Object.entries(seconds)) console.log(`  ${name.padEnd(10)} ${spread(numbers)}`);
const ratios = seconds.reveille.map((time, round) => time / seconds.qemu[round]);
console.log(`  ratio      ${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`);

console.log(`\nwhere the time goes, with ${early} (s):`);
const parts = { reveille: await boot('reveille', early), qemu: await boot('qemu', early) };
let before = { reveille: 0, qemu: 0 };
console.log(
  `  ${''.padEnd(32)}${Object.keys(parts)
    .map((name) => name.padStart(10))
    .join('')}`,
);
for (const [text, what] of MARKS) {
  const now = Object.fromEntries(Object.entries(parts).map(([name, { times }]) => [name, times.get(text)]));
  if (now.reveille === undefined || now.qemu === undefined) continue;
  const took = Object.keys(parts).map((name) => (now[name] - before[name]).toFixed(2).padStart(10));
  console.log(`  ${what.padEnd(32)}${took.join('')}`);
  before = now;
}
const summary = JSON.parse(parts.reveille.output.trimEnd().split('\n').at(-1));
console.log(`\nreveille: ${(summary.durationNs / 1e9).toFixed(3)} s of machine time; exits of all CPUs:`);
const exits = {};
for (const cpu of summary.cpus) {
  for (const [kind, count] of Object.entries(cpu.exits)) exits[kind] = (exits[kind] ?? 0) + count;
}
for (const [kind, count] of Object.entries(exits)) console.log(`  ${kind.padEnd(24)}${String(count).padStart(10)}`);

const { module: support } = await runnerImport(fileURLToPath(new URL('../test/support/linux.ts', import.meta.url)));
const linux = new support.Linux(guests, { kernel: values.kernel, cpus: Number(values.cpus) });
const mix = await instructionMix(linux.machine, () => linux.console.includes(LAST));
linux.machine.process.kill();
for (const [what, counts] of [
  ['instructions', mix.instructions],
  ['functions', mix.functions],
]) {
  console.log(`\n${what}, of ${mix.samples} samples of CPUs that execute:`);
  const most = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, 20);
  for (const [name, count] of most) console.log(`  ${name.padEnd(44)}${((100 * count) / mix.samples).toFixed(1)} %`);
}

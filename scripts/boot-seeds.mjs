// Boots Debian's cloud kernel once for each seed on the emulator, so with other interleavings of its CPUs: all have to come up,
// go offline and come online again, and the kernel must not complain, on its console either. Shows how a seed that fails is run
// again. As many boot at a time as there are processors for this process (taskset).
//     node scripts/boot-seeds.mjs [FIRST [LAST [CPUS]]]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { provideGuests } from './fetch-guests.mjs';
import { stockGuests } from './stock-guests.mjs';

const reveille = fileURLToPath(new URL('../out/reveille.js', import.meta.url));
const [first = 1, last = 50, cpus = 4] = process.argv.slice(2).map(Number);
const problem = provideGuests();
if (problem !== null) throw new Error(problem);
const { cloud, initrd } = stockGuests();

/** What no line of a healthy kernel's log has. */
const COMPLAINT = /BUG|WARN|Oops|Call Trace|rcu.*stall|lockup|unstable|not responding/;
const problemsOf = (log) => log.split(/\r?\n/).filter((line) => COMPLAINT.test(line));

/** A guest that hangs has nothing to do, so that machine time passes quickly. */
const run = (seed) => [
  ...[
    'run',
    cloud,
    '--initrd',
    initrd,
    '--cmdline',
    'console=ttyS0 ignore_loglevel oops=panic check',
    '--accel',
    'wasm',
  ],
  ...['--memory', '256M', '--cpus', `${cpus}`, '--seed', `${seed}`, '--time-limit', '60s'],
];

let next = first;
let failed = 0;
async function bootSeeds() {
  while (next <= last) {
    const seed = next++;
    const args = run(seed);
    const start = performance.now();
    const child = spawn(process.execPath, [reveille, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let told = '';
    child.stdout.on('data', (bytes) => (output += bytes.toString('latin1')));
    child.stderr.on('data', (bytes) => (told = (told + bytes.toString()).slice(-1000)));
    await once(child, 'close');
    const said = /^check: (.*?)\r?$/m.exec(output)?.[1] ?? 'it did not come to its check';
    const outcome = told.trimEnd().split('\n').at(-1);
    const complaints = problemsOf(output);
    const well = said === 'all is well' && outcome.includes('switched the machine off') && complaints.length === 0;
    for (const line of complaints) console.log(`seed ${seed}: ${line}`);
    console.log(`seed ${seed}: ${said}; ${outcome} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    if (well) continue;
    failed++;
    const words = args.map((word) => (/^[\w./:@+-]+$/.test(word) ? word : `'${word}'`)).join(' ');
    console.log(`${output.slice(-3000)}\nagain: node out/reveille.js ${words}`);
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, bootSeeds));
console.log(`${last - first + 1 - failed} of ${last - first + 1} seeds, ${cpus} CPUs: all is well`);
if (failed > 0) process.exitCode = 1;

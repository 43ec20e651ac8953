// The emulator's parallel mode against its deterministic one, in one run: an integer load on two CPUs that share nothing, as a
// ratio of times inside the guest's run, and round trips of an IPI between two CPUs in both.
//     node bench/parallel.mjs
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROUNDS = 5;
const TRIPS = 2000;
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'reveille-bench-'));
const image = join(directory, 'pair.bin');
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Milliseconds of the host's between the load's first line and its last. */
function run(load, ...options) {
  const args = [
    path('../out/reveille.js'),
    'run',
    image,
    '--accel',
    'wasm',
    '--cpus',
    '2',
    '--cmdline',
    load,
    '--json',
  ];
  const lines = execFileSync(process.execPath, [...args, '--realtime', ...options], {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
  // 1 GHz time-stamp counter, which follows the host's time in both modes.
  return Number(/^ticks (\d+)/m.exec(lines)[1]) / 1e6;
}

try {
  const includes = ['-I', path('../resources/guests/include/')];
  execFileSync('nasm', ['-f', 'bin', ...includes, '-o', image, path('parallel.asm')], { stdio: 'inherit' });
  for (const load of ['load', 'ping']) {
    const turns = [];
    const parallel = [];
    for (let round = 0; round < ROUNDS; round++) {
      turns.push(run(load));
      parallel.push(run(load, '--parallel'));
    }
    const [a, b] = [median(turns), median(parallel)];
    if (load === 'load') {
      console.log(
        `integer load on two CPUs: ${a.toFixed(0)} ms in turn, ${b.toFixed(0)} ms parallel, ratio ${(b / a).toFixed(2)}`,
      );
    } else {
      const each = (ms) => `${((ms / TRIPS) * 1000).toFixed(1)} us`;
      console.log(`IPI there and back: ${each(a)} in turn, ${each(b)} parallel`);
    }
  }
} finally {
  rmSync(directory, { recursive: true });
}

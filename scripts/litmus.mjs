// Litmus tests of the memory order in the emulator's parallel mode (test/parallel), one at a time, and how often each outcome
// was there; bit n of an outcome is what result n has read. A seed gives the same delays before the rounds, not the same run.
//     node scripts/litmus.mjs [ROUNDS [SEED [TEST ...]]]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const { LITMUS, assembleLitmus, outcomesOf } = (await runnerImport(path('../test/parallel/litmus.ts'))).module;
const [rounds = '1000000', seed = '1', ...chosen] = process.argv.slice(2);
const names = chosen.length === 0 ? Object.keys(LITMUS) : chosen;
const unknown = names.find((name) => !Object.hasOwn(LITMUS, name));
if (unknown !== undefined)
  throw new Error(`There is no litmus test ${unknown}, only ${Object.keys(LITMUS).join(', ')}.`);

const directory = mkdtempSync(join(tmpdir(), 'reveille-litmus-'));
const image = join(directory, 'litmus.bin');

function run(name) {
  const args = [
    path('../out/reveille.js'),
    'run',
    image,
    '--accel',
    'wasm',
    '--parallel',
    '--cpus',
    `${LITMUS[name].cpus}`,
  ];
  const cmdline = `rounds=${rounds} seed=${seed} test=${name}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, '--cmdline', cmdline], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} ended with status ${status}:\n${stdout}${stderr}`);
  return outcomesOf(stdout.split('\n')[0].trim()).counts;
}

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
let broken = 0;
try {
  assembleLitmus(image);
  console.log(`seed ${seed}, ${availableParallelism()} host processors\n`);
  row('Test', 'CPUs', 'Rounds', 'Outcome', 'Count', 'x86');
  row(...Array.from({ length: 6 }, () => '---'));
  for (const name of names) {
    const { cpus, forbidden } = LITMUS[name];
    const counts = run(name);
    const done = [...counts.values()].reduce((sum, count) => sum + count, 0);
    for (const outcome of new Set([...counts.keys(), ...forbidden].toSorted((a, b) => a - b))) {
      const count = counts.get(outcome) ?? 0;
      const isForbidden = forbidden.includes(outcome);
      if (isForbidden) broken += count;
      row(name, cpus, done, outcome.toString(2).padStart(cpus, '0'), count, isForbidden ? 'forbidden' : 'allowed');
    }
  }
} finally {
  rmSync(directory, { recursive: true });
}
if (broken > 0) console.log(`\n${broken} rounds with outcomes that x86 forbids`);
process.exitCode = broken === 0 ? 0 : 1;

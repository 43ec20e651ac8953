// Differential test of the emulator against this machine's processor: generated instructions on both, any number of them.
// A case depends on its seed and number only, so that `1 SEED FIRST` runs a reported one again. The cases run in a process of
// their own: where that crashes or hangs, this one says in which case.
//     [REVEILLE_BESIDE=1] node scripts/differential.mjs [CASES [SEED [FIRST]]]
// With REVEILLE_BESIDE=1 the emulator executes as where other CPUs run beside this one: LOCKed operations are atomic.
import { fork } from 'node:child_process';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const [cases = 5_000_000, seed = 1, first = 0, step = 0] = process.argv.slice(2).map(Number);
const PROGRESS = 3;
const CHUNK = 16 * 1024;
/** Without progress for so many looks, one a second, it hangs. (While this process is stopped, it does not look.) */
const PATIENCE = 60;

if (step > 0) await compare();
else process.exitCode = await supervise(CHUNK, first, cases);

/** Runs cases in a child, `size` at a time; its exit code. */
async function supervise(size, from, count) {
  const args = [count, seed, from, size].map(String);
  const child = fork(fileURLToPath(import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'ipc'] });
  let reached = from;
  let looks = 0;
  const timer = setInterval(() => {
    if (++looks > PATIENCE) child.kill('SIGKILL');
  }, 1000);
  child.stdio[PROGRESS].on('data', (data) => {
    reached = Number(data.toString().trimEnd().split('\n').at(-1));
    looks = 0;
  });
  const [code, signal] = await new Promise((resolve) => child.on('close', (...ended) => resolve(ended)));
  clearInterval(timer);
  if (signal === null) return code;
  if (size === 1) console.log(`seed ${seed}: case ${reached} ended the harness with ${signal}`);
  else {
    console.log(`seed ${seed}: the cases from ${reached} on ended the harness with ${signal}; now one by one`);
    const again = await supervise(1, reached, size);
    if (again === 0) console.log(`seed ${seed}: none of cases ${reached} to ${reached + size - 1} did so by itself`);
  }
  return 1;
}

async function compare() {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const load = async (name) =>
    (await runnerImport(`${root}test/differential/${name}.ts`, { configFile: false, logLevel: 'error', root })).module;
  const { Comparer } = await load('compare');
  const { FORMS, EXCLUDED, LACKED, describe } = await load('forms');
  const comparer = new Comparer(process.env.REVEILLE_BESIDE === '1' ? 1 : 0);
  const perForm = FORMS.map(() => 0);
  const sum = { cases: 0, otherModes: 0, faults: 0, different: 0 };
  while (sum.cases < cases && sum.different === 0) {
    writeSync(PROGRESS, `${first + sum.cases}\n`);
    const result = comparer.compare(seed, first + sum.cases, Math.min(step, cases - sum.cases));
    result.perForm.forEach((count, n) => (perForm[n] += count));
    for (const name of ['cases', 'otherModes', 'faults']) sum[name] += result[name];
    sum.different += result.differences.length;
    report(result.differences);
  }
  if (step > 1) {
    FORMS.forEach((form, n) => console.log(`${String(perForm[n]).padStart(8)} ${describe(form)}`));
    for (const [pattern, reason] of EXCLUDED) console.log(`not run: rows with ${pattern.source}: ${reason}`);
    for (const [feature, forms] of LACKED)
      console.log(`not run: ${forms.length} forms: this processor has no ${feature}`);
    const covered = perForm.filter((count) => count > 0).length;
    const kinds = `${sum.otherModes} of 32- and 16-bit code, ${sum.faults} that fault`;
    console.log(
      `seed ${seed}: ${sum.cases} cases (${kinds}), ${covered} of ${FORMS.length} forms, ${sum.different} differences`,
    );
  }
  process.exitCode = sum.different > 0 ? 1 : 0;
  process.disconnect();
}

/** The first difference of each form, or sequence of forms, in full, and how many more there are. */
function report(differences) {
  const count = new Map();
  for (const { form, text } of differences) {
    if (!count.has(form)) console.log(`${text}\n`);
    count.set(form, (count.get(form) ?? 0) + 1);
  }
  for (const [form, times] of count) console.log(`${times} differences of ${form}`);
}

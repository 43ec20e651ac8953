// Differential test of the emulator against this machine's processor: generated instructions on both, any number of them.
// A case depends on its seed and number only, so that `1 SEED FIRST` runs a reported one again.
//     node scripts/differential.mjs [CASES [SEED [FIRST]]]
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const [cases = 5_000_000, seed = 1, first = 0] = process.argv.slice(2).map(Number);
const root = fileURLToPath(new URL('..', import.meta.url));
const load = async (name) =>
  (await runnerImport(`${root}test/differential/${name}.ts`, { configFile: false, logLevel: 'error', root })).module;
const { Comparer } = await load('compare');
const { FORMS, EXCLUDED, describe } = await load('forms');

const CHUNK = 256 * 1024;
const comparer = new Comparer();
const perForm = FORMS.map(() => 0);
let done = 0;
let different = 0;
while (done < cases && different === 0) {
  const result = comparer.compare(seed, first + done, Math.min(CHUNK, cases - done));
  result.perForm.forEach((count, n) => (perForm[n] += count));
  done += result.cases;
  different += result.differences.length;
  report(result.differences);
  console.error(`${done} cases`);
}
FORMS.forEach((form, n) => console.log(`${String(perForm[n]).padStart(8)} ${describe(form)}`));
for (const [pattern, reason] of EXCLUDED) console.log(`not run: rows with ${pattern.source}: ${reason}`);
const covered = perForm.filter((count) => count > 0).length;
console.log(`seed ${seed}: ${done} cases, ${covered} of ${FORMS.length} forms, ${different} differences`);
if (different > 0) process.exitCode = 1;

/** The first difference of each form, or sequence of forms, in full, and how many more there are. */
function report(differences) {
  const count = new Map();
  for (const { form, text } of differences) {
    if (!count.has(form)) console.log(`${text}\n`);
    count.set(form, (count.get(form) ?? 0) + 1);
  }
  for (const [form, times] of count) console.log(`${times} differences of ${form}`);
}

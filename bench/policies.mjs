/**
 * What policies cost. Every figure stands beside what it is compared to, measured in the same run. Needs `npm run build`; the
 * machines need /dev/kvm, and `wake` nasm.
 *
 *     node bench/policies.mjs [ROUNDS [PART…]]      (sandboxes, start, wake, reload; all where none is named)
 */
import { measureReload, measureStart, measureWake } from './policies/machines.mjs';
import { measureSandboxes } from './policies/sandboxes.mjs';

const rounds = Number(process.argv[2] ?? 5);
const chosen = process.argv.slice(3);
const PARTS = {
  sandboxes: measureSandboxes,
  start: async (note) => {
    for (const accelerator of ['kvm', 'wasm']) await measureStart(note, accelerator);
  },
  wake: measureWake,
  reload: async (note) => {
    for (const accelerator of ['kvm', 'wasm']) await measureReload(note, accelerator);
  },
};

const figures = new Map();
const note = (name, value) => figures.set(name, [...(figures.get(name) ?? []), value]);
for (let round = 0; round < rounds; round++) {
  for (const [name, measure] of Object.entries(PARTS)) {
    if (chosen.length === 0 || chosen.includes(name)) await measure(note);
  }
}
console.log(`Median of ${rounds} rounds (lower to upper quartile).`);
for (const [name, values] of figures) {
  const sorted = values.toSorted((a, b) => a - b);
  const [lower, middle, upper] = [1, 2, 3].map((quarter) => show(sorted[(sorted.length * quarter) >> 2]));
  console.log(`${middle.padStart(8)}  ${name}  (${lower} to ${upper})`);
}

function show(value) {
  return value.toFixed(value < 10 ? 2 : 1);
}

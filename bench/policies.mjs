/**
 * What policies cost. Every figure stands beside what it is compared to, measured in the same run. Needs `npm run build`; the
 * machines need /dev/kvm, and `wake` nasm.
 *
 *     node bench/policies.mjs [ROUNDS [PART…]]      (sandboxes, start, aps, wake, reload; all where none is named)
 */
import { measureAps, measureReload, measureStart, measureWake } from './policies/machines.mjs';
import { measureSandboxes } from './policies/sandboxes.mjs';

const rounds = Number(process.argv[2] ?? 5);
const chosen = process.argv.slice(3);
const PARTS = {
  sandboxes: measureSandboxes,
  start: async (note) => {
    for (const accelerator of ['kvm', 'wasm']) await measureStart(note, accelerator);
  },
  aps: measureAps,
  wake: measureWake,
  reload: async (note) => {
    for (const accelerator of ['kvm', 'wasm']) await measureReload(note, accelerator);
  },
};

const figures = new Map();
const note = (name, value) => figures.set(name, [...(figures.get(name) ?? []), value]);
const ratios = new Map();
/** Two values that were measured one right after the other, each with the name of its side; `asked`: what the second may be of the first. */
const pair = (name, asked, first, second) => {
  for (const [side, value] of [first, second]) note(`${name}: ${side}`, value);
  note(`${name}: ratio of each pair${asked}`, second[1] / first[1]);
  ratios.set(name, { asked, sides: [first[0], second[0]] });
};
for (let round = 0; round < rounds; round++) {
  for (const [name, measure] of Object.entries(PARTS)) {
    if (chosen.length === 0 || chosen.includes(name)) await measure(note, pair);
  }
}
console.log(`Median of ${rounds} rounds (lower to upper quartile).`);
for (const [name, values] of figures) {
  const [lower, middle, upper] = [1, 2, 3].map((quarter) => show(quantile(values, quarter)));
  console.log(`${middle.padStart(8)}  ${name}  (${lower} to ${upper}, ${values.length} values)`);
}
for (const [name, { asked, sides }] of ratios) {
  const [first, second] = sides.map((side) => quantile(figures.get(`${name}: ${side}`), 2));
  console.log(`${show(second / first).padStart(8)}  ${name}: ratio of the medians${asked}`);
}

function quantile(values, quarter) {
  return values.toSorted((a, b) => a - b)[(values.length * quarter) >> 2];
}

function show(value) {
  return value.toFixed(value < 10 ? 2 : 1);
}

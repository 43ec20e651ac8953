// The emulator's decoder against iced-x86: a corpus of random byte strings (test/decoder), any number of them in each of 16-,
// 32- and 64-bit code. A case depends on its seed and number only.
//     node scripts/decoder.mjs [CASES [SEED [FIRST]]]
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const [cases = 1_000_000, seed = 1, first = 0] = process.argv.slice(2).map(Number);
const SHOWN = 20;

const file = fileURLToPath(new URL('../test/decoder/corpus.ts', import.meta.url));
const { Corpus, MODES } = (await runnerImport(file)).module;
const corpus = new Corpus();
let disagreements = 0;
for (const bits of MODES) {
  const found = corpus.compare(bits, seed, first, cases);
  disagreements += found.length;
  for (const { bytes, ours, iced, name } of found.slice(0, SHOWN)) {
    console.log(`${bits} bits, ${bytes}: length ${ours}, iced ${iced} (${name}; 0: #UD)`);
  }
  console.log(`${bits} bits: ${cases} byte strings of seed ${seed} from ${first} on, ${found.length} disagreements`);
}
process.exitCode = disagreements === 0 ? 0 : 1;

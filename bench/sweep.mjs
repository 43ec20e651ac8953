/**
 * Measures a sweep: 200 seeds of roll-call on 8 CPUs of the emulator, two machines at a time. Needs `npm run build`.
 *
 *     node bench/sweep.mjs [SEEDS [JOBS]]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const reveille = fileURLToPath(new URL('../out/reveille.js', import.meta.url));
const seeds = Number(process.argv[2] ?? 200);
const jobs = Number(process.argv[3] ?? 2);

const words = ['sweep', 'roll-call', '--cpus', '8', '--seeds', `1..${seeds}`, '--jobs', `${jobs}`, '--json'];
const { status, stdout, stderr } = spawnSync(process.execPath, [reveille, ...words], { encoding: 'utf8' });
if (status !== 0) throw new Error(`the sweep ended with ${status}: ${stdout}${stderr}`);
const { seconds, runs } = JSON.parse(stdout);
console.log(`reveille ${words.join(' ')}`);
console.log(`${runs.length} runs in ${seconds.toFixed(1)} s, ${((1000 * seconds) / runs.length).toFixed(0)} ms each`);

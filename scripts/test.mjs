// `npm test`: provides what the tests need, builds, runs the checks and every test, and counts. With arguments (they go to
// vitest) it runs the tests so chosen and no check. The last line is for machines: `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { parseCLI, startVitest } from 'vitest/node';
import { runChecks } from './checks.mjs';
import { provideGuests } from './fetch-guests.mjs';
import { provideTestPrograms } from './test-programs.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);

/** The first and the last that a build writes, and what says how; the sources are in main, preload and renderer. */
const BUILT = ['out/reveille.js', 'out/vcpu-worker.cjs'];
const BUILD_FILES = ['package.json', 'electron.vite.config.ts', 'vite.worker.config.ts'];

/** As much of a failure's words is said once more. */
const SAID_LINES = 12;
const SAID_WIDTH = 300;

const count = { passed: 0, failed: 0, skipped: 0 };
/** A line for each test that was skipped. */
const skipped = [];
/** What failed, said once more at the end: the output is long, and a log that is cut keeps its last lines. */
const failures = [];

process.chdir(root);
provideTestPrograms();
const noGuests = provideGuests();
if (noGuests !== null) console.log(`${noGuests} The tests that boot them will be skipped.`);
if (isStale() && spawnSync('npm', ['run', 'build'], { stdio: 'inherit' }).status !== 0) {
  fail('build', 'npm run build');
} else {
  if (args.length === 0) countChecks(await runChecks());
  await runTests();
}
for (const line of skipped) console.log(`skipped ${line}`);
for (const line of failures) console.log(`failed  ${line}`);
if (count.failed > 0) process.exitCode = 1;
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);

/** Whether something is not built, or older than anything that it is built from. */
function isStale() {
  const time = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = (directory) =>
    Math.max(
      time(directory),
      ...readdirSync(directory, { recursive: true }).map((name) => time(join(directory, name))),
    );
  const sources = [newest('main'), newest('preload'), newest('renderer'), ...BUILD_FILES.map(time)];
  return Math.max(...sources) > Math.min(...BUILT.map(time));
}

function countChecks(results) {
  for (const { name, state, detail } of results) {
    if (state === 'failed') fail(name, detail);
    else count[state] += 1;
    if (state === 'skipped') skipped.push(`${name}: ${detail}`);
  }
}

async function runTests() {
  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const vitest = await startVitest('test', filter, { ...options, watch: false });
  for (const module of vitest.state.getTestModules()) {
    for (const test of module.children.allTests()) countTest(test, options.testNamePattern !== undefined);
    // What fails outside of a test: a file that does not load, a hook of a suite.
    for (const error of module.errors()) failAt(module.relativeModuleId, error);
    for (const suite of module.children.allSuites()) {
      for (const error of suite.errors()) failAt(`${module.relativeModuleId} > ${suite.fullName}`, error);
    }
  }
  for (const error of vitest.state.getUnhandledErrors()) failAt('outside of a test', error);
  await vitest.close();
}

function countTest(test, chosenByName) {
  const { state, note, errors } = test.result();
  const line = `${test.module.relativeModuleId} > ${test.fullName}`;
  if (state === 'passed') {
    count.passed += 1;
  } else if (state !== 'skipped') {
    if (errors.length === 0) fail(line, `ended as ${state}`);
    // The errors after the first are of what clears up behind it.
    else failAt(line, errors[0]);
  } else if (note !== undefined) {
    count.skipped += 1;
    skipped.push(`${line}: ${note}`);
  } else if (!chosenByName) {
    fail(line, `skipped without a reason; use ctx.skip('reason')`);
  }
}

function failAt(where, { message, stacks = [] }) {
  const [place] = stacks;
  fail(where, place === undefined ? message : `${message}\nat ${relative(root, place.file)}:${place.line}`);
}

/** Counts a failure and keeps the beginning of what it says. */
function fail(where, said) {
  count.failed += 1;
  const lines = stripVTControlCharacters(said).split('\n');
  if (lines.length > SAID_LINES) lines.splice(SAID_LINES, Infinity, '…');
  failures.push(`${where}: ${lines.map((line) => line.slice(0, SAID_WIDTH)).join('\n        ')}`);
}

// What tools can tell about the source without running the product: one list, for `npm run check` and for `npm test`.
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A command for each check; `needs` is a program that npm does not install. */
const CHECKS = [
  { name: 'types', command: ['tsc', '--noEmit', '--project', '.'] },
  { name: 'types of the page', command: ['vue-tsc', '--noEmit', '--project', 'renderer'] },
  { name: 'types of the tests in a browser', command: ['tsc', '--noEmit', '--project', 'test/app'] },
  { name: 'lint', command: ['oxlint', '--format=unix'] },
  { name: 'format', command: ['oxfmt', '--check'] },
  { name: 'imports', command: ['depcruise', '--output-type=err', 'main', 'plugins', 'preload', 'renderer', 'test'] },
  { name: 'unused code', command: ['knip', '--no-progress'] },
  { name: 'guests', command: ['node', 'scripts/build-guests.mjs', '--check'], needs: 'nasm' },
];

/**
 * Runs every check and prints a line for each: ok, what failed, or why it was skipped.
 * @returns {Promise<{ name: string, state: 'passed' | 'failed' | 'skipped', detail: string }[]>}
 */
export async function runChecks() {
  const results = [];
  for (const check of CHECKS) {
    const result = { name: check.name, ...(await runCheck(check)) };
    results.push(result);
    console.log(describe(result, check.command));
  }
  return results;
}

function describe({ name, state, detail }, command) {
  if (state === 'passed') return `ok      ${name}`;
  if (state === 'skipped') return `skipped ${name}: ${detail}`;
  return `failed  ${name}: ${command.join(' ')}\n${detail.replace(/^(?=.)/gm, '    ')}`;
}

function runCheck({ command: [program, ...args], needs }) {
  if (needs !== undefined && spawnSync(needs, ['-v']).error !== undefined) {
    return { state: 'skipped', detail: `${needs} is not installed` };
  }
  const path = `${root}node_modules/.bin:${process.env.PATH}`;
  return new Promise((resolve) => {
    execFile(program, args, { cwd: root, env: { ...process.env, PATH: path } }, (error, stdout, stderr) => {
      const said = stripVTControlCharacters(`${stdout}${stderr}`).trimEnd();
      if (error === null) resolve({ state: 'passed', detail: '' });
      else resolve({ state: 'failed', detail: said === '' ? error.message : said });
    });
  });
}

/** docs/plugins.md as somebody follows it: its files are written, its commands run in their order, and say what it says that they do. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('../out/reveille.js', import.meta.url));
const GUIDE = readFileSync(new URL('../docs/plugins.md', import.meta.url), 'utf8');
/** The plugin that it makes. */
const PLUGIN = 'night-watch';

type Step = { file: string; text: string } | { command: string; says: string[] };

/** A block of TypeScript is all of the file that was named last; an indented line with a `$` is a command, those below it its output. */
function steps(guide: string): Step[] {
  const found: Step[] = [];
  let file = '';
  const lines = guide.split('\n');
  for (let n = 0; n < lines.length; n++) {
    file = [...lines[n].matchAll(/`(\w+\.ts)`/g)].at(-1)?.[1] ?? file;
    const last = found.at(-1);
    if (lines[n] === '```ts') {
      const end = lines.indexOf('```', n);
      found.push({ file, text: `${lines.slice(n + 1, end).join('\n')}\n` });
      n = end;
    } else if (lines[n].startsWith('    $ ')) found.push({ command: lines[n].slice(6), says: [] });
    else if (last !== undefined && 'says' in last && lines[n].startsWith('    ')) last.says.push(lines[n].slice(4));
  }
  return found;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reveille-guide-'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/reveille'), `#!/bin/sh\nexec ${process.execPath} ${COMMAND} "$@"\n`, { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** On a terminal, at which a person agrees. */
function run(command: string): string {
  const env = {
    ...process.env,
    ...{ PATH: `${join(folder, 'bin')}:${process.env.PATH}`, XDG_DATA_HOME: join(folder, 'data'), NO_COLOR: '1' },
  };
  const asks = command.includes('--enable');
  const words = asks ? ['script', '-qec', command, '/dev/null'] : ['sh', '-c', `${command} 2>&1 || true`];
  return execFileSync(words[0], words.slice(1), { cwd: folder, env, input: asks ? 'y\n' : '', encoding: 'utf8' });
}

/** What differs from one host to the next. */
const anywhere = (line: string): string =>
  line
    .replace(/\(\d+ ms\)/, '(N ms)')
    .replace(/installed: .*/, 'installed: PATH')
    .trimEnd();

test('every command of the guide works, and says what the guide says', () => {
  const followed = steps(GUIDE);
  expect(followed.filter((step) => 'file' in step).map((step) => 'file' in step && step.file)).toEqual([
    'index.ts',
    'test.ts',
  ]);
  for (const step of followed) {
    if ('file' in step) {
      writeFileSync(join(folder, PLUGIN, step.file), step.text);
      continue;
    }
    const said = run(step.command).split('\n').map(anywhere);
    // In their order; where the guide has an ellipsis, or says nothing, there is more.
    let from = 0;
    for (const line of step.says
      .map(anywhere)
      .filter((text) => text !== '' && text !== '…' && !text.startsWith('Grant it?'))) {
      const at = said.indexOf(line, from);
      expect(at, `"${line}" after ${step.command}, which says\n${said.join('\n')}`).toBeGreaterThanOrEqual(from);
      from = at + 1;
    }
  }
});

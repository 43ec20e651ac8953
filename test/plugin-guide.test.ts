/** docs/plugins.md as somebody follows it: its files are written, its commands run in their order, and say what it says that they do. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
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

/**
 * The lines of stdout and those of stderr, whose order among each other is not certain, even within a line. A command that asks
 * runs on a terminal, at which a person agrees; there they are one.
 */
function run(command: string): string[][] {
  const env = {
    ...process.env,
    ...{ PATH: `${join(folder, 'bin')}:${process.env.PATH}`, XDG_DATA_HOME: join(folder, 'data'), NO_COLOR: '1' },
  };
  const asks = command.includes('--enable');
  const [program, ...args] = asks ? ['script', '-qec', command, '/dev/null'] : ['sh', '-c', command];
  const { stdout, stderr, error } = spawnSync(program, args, {
    cwd: folder,
    env,
    input: asks ? 'y\n' : '',
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return [stdout, stderr].map((text) => text.split('\n').map(anywhere));
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
    const streams = run(step.command);
    // In their order; where the guide has an ellipsis, or says nothing, there is more.
    const next = streams.map(() => 0);
    for (const line of step.says
      .map(anywhere)
      .filter((text) => text !== '' && text !== '…' && !text.startsWith('Grant it?'))) {
      const which = streams.findIndex((lines, stream) => lines.includes(line, next[stream]));
      expect(which, `"${line}" after ${step.command}, which says\n${streams.flat().join('\n')}`).not.toBe(-1);
      next[which] = streams[which].indexOf(line, next[which]) + 1;
    }
  }
});

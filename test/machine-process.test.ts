/** A machine's process and the process that made it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFailed, test } from 'vitest';

const ENTRY = fileURLToPath(new URL('../out/machine-process.js', import.meta.url));

/** Makes a machine's process as a shell does, says its id, and is gone after so many ms. */
const SHELL = `
  const { fork } = require('node:child_process');
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'];
  const { pid } = fork(process.argv[1], [], { serialization: 'advanced', stdio, execArgv: [], detached: true });
  require('node:fs').writeSync(1, String(pid));
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(process.argv[2]));
`;

test.each([0, 20, 40, 60, 80, 100, 150, 300])('a shell that dies after %i ms leaves none behind', async (ms) => {
  const shell = spawn(process.execPath, ['-e', SHELL, ENTRY, `${ms}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let machine = '';
  let said = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (machine += text));
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  onTestFailed(() => void process.kill(Number(machine), 'SIGKILL'));
  // Settles only when the last holder of its stderr is gone, which the machine's process is.
  await once(shell, 'close');
  expect(said).toBe('');
});

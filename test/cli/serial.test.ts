/** Where the serial ports of a run on KVM go. */
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { ReadStream } from 'node:tty';
import { beforeEach, describe, expect, test } from 'vitest';
import * as guests from '../support/guest';
import { needsKvm } from '../support/needs';
import { reveille, Run, runMachine } from '../support/reveille';
import { file, guest, fifo } from './scratch';

beforeEach(needsKvm);

test('COM1 goes to stdout byte for byte', async () => {
  const run = new Run(['run', guest('bytes', guests.allBytes), '--cpus', '1']);
  expect((await run.ended).status).toBe(0);
  expect([...run.stdout]).toEqual([...Array(256).keys()]);
});

test('the summary is a line of its own after output that ends in the middle of one', async () => {
  const { stdout } = await reveille('run', guest('half', guests.says('half a line')), '--cpus', '1', '--json');
  expect(stdout.split('\n')).toEqual(['half a line', expect.stringMatching(/^\{.*\}$/), '']);
});

test('a slow reader of stdout slows the guest, and loses nothing', async () => {
  const run = new Run(['run', 'heartbeat', '--cmdline', 'beat=1', '--cpus', '2']);
  run.child.stdout.pause();
  await run.tells('cpu 1  SIPI_RECEIVED -> RUNNABLE');
  run.child.stdout.resume();
  await run.says('cpu 1 apic 1 beat 100\r\n');
  run.type('quit\n');
  const { stdout, status } = await run.ended;
  expect(status).toBe(0);
  const beats = [...stdout.matchAll(/^cpu 0 apic 0 beat (\d+)\r$/gm)].map(([, beat]) => Number(beat));
  expect(beats).toEqual(beats.map((_, i) => i + 1));
});

test('a flood is stopped all the same', async () => {
  const run = new Run(['run', guest('flood', guests.flood), '--cpus', '1']);
  await run.says('A'.repeat(1000));
  run.child.kill('SIGINT');
  const { status, stdout } = await run.ended;
  expect(status).toBe(130);
  expect(stdout).toMatch(/^A+$/);
});

describe('a CPU that waits for a reader does not keep the others from ending the machine', () => {
  test('pty', async () => {
    const run = await reveille('run', guest('talkative', guests.talkative), '--cpus', '2', '--serial1', 'pty');
    expect(run.stderr).toContain('guest-exit 0x10 by cpu 0');
    expect(run.status).toBe(0);
  });

  test('unix', async () => {
    const path = file('deaf.sock');
    const run = new Run(['run', guest('talkative', guests.talkative), '--cpus', '2', '--serial1', `unix:${path}`]);
    await run.tells(`COM1 is at ${path}`);
    const client = createConnection(path).pause();
    expect((await run.ended).status).toBe(0);
    client.destroy();
  });
});

test('a machine whose pty nobody reads still stops at the time-out', async () => {
  const flood = guest('flood', guests.flood);
  const run = await reveille('run', flood, '--cpus', '1', '--serial1', 'pty', '--timeout', '3s');
  expect(run.stderr).toMatch(/^timeout after .*: the guest did not end within 3 s \(/m);
  expect(run.status).toBe(3);
});

test('nobody has to read the debug console', async () => {
  const run = await runMachine(guest('debug', guests.debugFlood), '--cpus', '1');
  expect(run.status).toBe(0);
  expect(run.summary.cpus[0].exits['io']).toBe(0x60000 + 1);
});

test('file', async () => {
  writeFileSync(file('com1'), 'old');
  const run = await reveille('run', 'herd', '--cpus', '2', '--serial1', `file:${file('com1')}`);
  expect(run.status).toBe(0);
  expect(run.stdout).toBe('');
  expect(readFileSync(file('com1'), 'utf8')).toMatch(/^herd: 2 processors .*\r\nherd: all 2 processors are here\r\n$/s);
});

test('file: a FIFO without a reader is refused, and nobody waits for one', async () => {
  const path = fifo('unread');
  const { status, stderr } = await reveille('run', 'herd', '--serial1', `file:${path}`);
  expect(stderr).toContain(`reveille: COM1: nobody reads the FIFO ${path}; start its reader first.\n`);
  expect(status).toBe(2);
  expect(statSync(path).isFIFO()).toBe(true);
});

test('file: a FIFO carries what the guest says to its reader', async () => {
  const path = fifo('read');
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const run = await reveille('run', 'herd', '--cpus', '2', '--serial1', `file:${path}`);
  expect(run.status).toBe(0);
  expect(readFileSync(reader, 'latin1')).toMatch(/herd: all 2 processors are here\r\n$/);
  closeSync(reader);
});

test('file: a machine whose FIFO is open but not read still stops at the time-out', async () => {
  const path = fifo('deaf');
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const flood = guest('flood', guests.flood);
  const run = await reveille('run', flood, '--cpus', '1', '--serial1', `file:${path}`, '--timeout', '1s');
  expect(run.stderr).toMatch(/^timeout after .*: the guest did not end within 1 s \(/m);
  expect(run.status).toBe(3);
  closeSync(reader);
});

test('file: what is no file, FIFO or character device is refused', async () => {
  const { status, stderr } = await reveille('run', 'herd', '--serial1', `file:${file('.')}`);
  expect(stderr).toContain('reveille: COM1 cannot be written to ');
  expect(status).toBe(2);
});

test('none', async () => {
  const run = await reveille('run', 'herd', '--cpus', '2', '--serial1', 'none');
  expect(run).toMatchObject({ status: 0, stdout: '' });
});

test('unix: a client sees the console, types, and finds no socket afterwards', async () => {
  const path = file('com1.sock');
  const run = new Run(['run', 'heartbeat', '--cpus', '2', '--serial1', `unix:${path}`]);
  await run.tells(`COM1 is at ${path}`);
  const client = createConnection(path).setEncoding('latin1');
  let text = '';
  client.on('data', (data) => (text += data));
  while (!text.includes('cpu 1 apic 1 beat')) await once(client, 'data');
  const second = createConnection(path).setEncoding('latin1');
  expect(await once(second, 'data')).toEqual(['Reveille: another client is connected to this serial port.\r\n']);
  client.write('quit\n');
  expect((await run.ended).status).toBe(0);
  expect(text).toMatch(/heartbeat: ended by quit\r\n$/);
  expect(existsSync(path)).toBe(false);
});

test('unix: a socket that somebody listens at is left to him', async () => {
  const path = file('live.sock');
  const server = createServer((client) => client.on('error', () => {}).end('here I am'));
  await once(server.listen(path), 'listening');
  const { status, stderr } = await reveille('run', 'herd', '--serial2', `unix:${path}`);
  expect(stderr).toContain(
    `reveille: COM2: somebody listens at ${path} already, another machine perhaps; choose another path.\n`,
  );
  expect(status).toBe(2);
  expect(await once(createConnection(path).setEncoding('latin1'), 'data')).toEqual(['here I am']);
  server.close();
});

test('unix: a link to a socket is no socket', async () => {
  symlinkSync(file('nowhere.sock'), file('link.sock'));
  const { status, stderr } = await reveille('run', 'herd', '--serial2', `unix:${file('link.sock')}`);
  expect(stderr).toContain('link.sock exists and is no socket; choose another path.\n');
  expect(status).toBe(2);
  expect(lstatSync(file('link.sock')).isSymbolicLink()).toBe(true);
});

test('unix: output that nobody receives is counted', async () => {
  const run = await runMachine('herd', '--cpus', '2', '--serial1', `unix:${file('nobody.sock')}`);
  expect(run.status).toBe(0);
  const lost = run.events.flatMap((event) => (event.kind === 'serial-lost' ? [event] : []));
  expect(lost.every(({ port }) => port === 0)).toBe(true);
  const said = (await reveille('run', 'herd', '--cpus', '2')).stdout;
  expect(lost.reduce((sum, { count }) => sum + count, 0)).toBe(said.length);
});

test('pty: a terminal program sees the console and types', async () => {
  const run = new Run(['run', 'heartbeat', '--cpus', '2', '--serial1', 'pty']);
  await run.tells('COM1 is at /dev/pts/');
  const [, path] = /^COM1 is at (\S+)$/m.exec(run.stderr) as RegExpExecArray;
  const terminal = new ReadStream(openSync(path, 'r+')).setEncoding('latin1');
  terminal.on('error', () => {}); // hangs up when the machine has ended
  let text = '';
  terminal.on('data', (data) => (text += data));
  while (!text.includes('cpu 1 apic 1 beat')) await once(terminal, 'data');
  terminal.write('quit\n');
  expect((await run.ended).status).toBe(0);
  terminal.destroy();
});

/** The command line's contract on real KVM: what goes where, how it ends, and what it leaves behind. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImageReport } from '../preload/contract/image-report';
import type { MachineEvent } from '../preload/contract/machine-events';
import type { HostProbe, Summary } from '../preload/contract/machine';
import * as guests from './support/guest';
import { needsKvm } from './support/needs';
import { REVEILLE, reveille, Run, runMachine } from './support/reveille';
import { Terminal } from './support/terminal';
import { readTrace } from './support/trace';

const NOBODY = 65534;

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'reveille-test-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const file = (name: string) => join(directory, name);

function guest(name: string, image: Uint8Array): string {
  writeFileSync(file(name), image);
  return file(name);
}

function fifo(name: string): string {
  execFileSync('mkfifo', [file(name)]);
  return file(name);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Waits until the process has used no CPU time (utime and stime, proc(5)) for a while. */
async function idle(pid: number): Promise<void> {
  const used = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 15).join();
  for (let before = ''; before !== used();) {
    before = used();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** The process of the machine that a run has forked. */
function machineOf(run: Run): number {
  return Number(readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, 'utf8'));
}

const summaryOf = (stdout: string): Summary => JSON.parse(stdout.split('\n').at(-2) as string);

describe('a machine', () => {
  beforeEach(needsKvm);

  describe('exit status', () => {
    test.each([
      [0, 0],
      [0x10, 0],
      [1, 1],
      [0x11, 1],
      [0xff, 1],
    ])('debug-exit %i: %i', async (value, status) => {
      const run = await runMachine(guest('exit', guests.exitWith(value)), '--cpus', '1');
      expect(run.status).toBe(status);
      expect(run.summary.outcome).toMatchObject({ kind: 'guest-exit', code: value, cpu: 0 });
    });

    test('a time-out is 3', async () => {
      const run = await reveille('run', guest('halt', guests.halt), '--cpus', '1', '--timeout', '3s', '--json');
      expect(run.status).toBe(3);
      expect(run.stderr).toMatch(/^timeout after .*: the guest did not end within 3 s \(\d+ events, 0 lost\)$/m);
      expect(summaryOf(run.stdout).outcome).toMatchObject({ kind: 'timeout', code: null, cpu: null });
    });

    test('what nobody handles is 4, with its name and the registers', async () => {
      const run = await reveille('run', guest('astray', guests.astray), '--cpus', '1', '--json', '--timeout', '60s');
      expect(run.stderr).toMatch(/^crash by cpu 0 .*KVM_EXIT_INTERNAL_ERROR 1, .* at 0010:d0000000 in protected mode/m);
      expect(run.stderr).toContain('rip    00000000d0000000  rflags');
      expect(run.status).toBe(4);
      expect(summaryOf(run.stdout).outcome).toMatchObject({ kind: 'crash', code: null, cpu: 0 });
    });

    test('Ctrl-C is 130, and the machine ends in order', async () => {
      const run = new Run(['run', 'heartbeat', '--json']);
      await run.says('cpu 3 apic 3 beat 1');
      run.child.kill('SIGINT');
      const { status, stdout, stderr } = await run.ended;
      expect(status).toBe(130);
      expect(stderr).toMatch(/^stopped after .*: stopped by SIGINT/m);
      const summary = summaryOf(stdout);
      expect(summary.outcome).toMatchObject({ kind: 'stopped', code: null });
      expect(summary.cpus.every(({ exits }) => exits['io'] > 0)).toBe(true);
    });

    test('a second Ctrl-C kills a machine that does not answer', async () => {
      const run = new Run(['run', 'heartbeat', '--json']);
      await run.says('cpu 0 apic 0 beat 1');
      const machine = machineOf(run);
      process.kill(machine, 'SIGSTOP');
      run.child.kill('SIGINT');
      // Of two signals of one kind that are pending at once one is lost.
      while (!/^SigPnd:\s+0+\nShdPnd:\s+0+$/m.test(readFileSync(`/proc/${run.pid}/status`, 'utf8')));
      run.child.kill('SIGTERM');
      const { status, stdout, stderr } = await run.ended;
      expect(stderr).toContain('killed by the second request');
      expect(status).toBeGreaterThanOrEqual(130);
      expect(summaryOf(stdout).cpus).toHaveLength(4);
      expect(alive(machine)).toBe(false);
    });

    test.each(['kvm', 'wasm'])(
      'a periodic timer of 1 ns does not keep its guest from getting on (%s)',
      async (accel) => {
        const image = guest('restless', guests.restlessTimer);
        const run = await reveille('run', image, '--cpus', '1', '--accel', accel, '--timeout', '30s');
        expect(run).toMatchObject({ status: 0, stdout: '' });
      },
    );

    test("the death of the machine's process is 70, and is no fault of the guest", async () => {
      const run = new Run(['run', 'heartbeat', '--serial2', `unix:${file('stale.sock')}`]);
      await run.says('cpu 0 apic 0 beat 1');
      process.kill(machineOf(run), 'SIGKILL');
      const { status, stderr } = await run.ended;
      expect(stderr).toContain('it was ended by SIGKILL. This is a fault of Reveille, not of the guest.');
      expect(status).toBe(70);
      // What it could not take away is not in the way of the next one.
      expect(existsSync(file('stale.sock'))).toBe(true);
      expect((await reveille('run', 'herd', '--serial2', `unix:${file('stale.sock')}`)).status).toBe(0);
      expect(existsSync(file('stale.sock'))).toBe(false);
    });
  });

  describe('serial ports', () => {
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

    test('a flood ends at the time-out all the same', async () => {
      const run = await reveille('run', guest('flood', guests.flood), '--cpus', '1', '--timeout', '500ms');
      expect(run.status).toBe(3);
      expect(run.stdout).toMatch(/^A{1000,}$/);
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
      expect(readFileSync(file('com1'), 'utf8')).toMatch(
        /^herd: 2 processors .*\r\nherd: all 2 processors are here\r\n$/s,
      );
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
      const { status, stderr } = await reveille('run', 'herd', '--serial1', `file:${directory}`);
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
  });

  describe('records', () => {
    test.each(['exact', 'kernel', 'split'])('%s: --events has every field, cause before effect', async (irqchip) => {
      const { events, summary } = await runMachine('roll-call', '--cpus', '3', '--irqchip', irqchip);
      for (const event of events) expect(() => v.parse(eventSchema, event), JSON.stringify(event)).not.toThrow();
      expect(events[0]).toMatchObject({ kind: 'machine', change: 'started' });
      expect(events.at(-1)).toMatchObject({ kind: 'machine', change: 'ended' });
      for (const ap of [1, 2]) expectCausality(events, ap, irqchip === 'exact');
      for (const { id, exits } of summary.cpus) {
        for (const [reason, count] of Object.entries(exits)) {
          const counted = events.filter(
            (event) => event.kind === 'exit' && event.cpu === id && event.reason === reason,
          );
          expect(counted.reduce((sum, event) => sum + (event.kind === 'exit' ? event.count : 0), 0)).toBe(count);
        }
      }
    });

    test('a start-up IPI to an APIC id that no CPU has', async () => {
      const { events, stderr } = await runMachine(guest('astray-sipi', guests.astraySipi), '--cpus', '2');
      expect(events.filter(({ kind }) => kind === 'ipi')).toEqual([
        expect.objectContaining({
          source: 0,
          targets: [],
          destination: 9,
          logical: false,
          mode: 'sipi',
          vector: 8,
          decision: 'ignored',
        }),
      ]);
      expect(stderr).toContain('cpu 0  SIPI 0x08 to apic 9, received by no cpu (ignored)\n');
    });

    test('POST codes and accesses that no device answers are events', async () => {
      const { events, status } = await runMachine(guest('stranger', guests.stranger), '--cpus', '1');
      expect(status).toBe(0);
      const others = events.filter(({ kind }) => kind === 'post' || kind === 'unclaimed');
      for (const event of others) v.parse(eventSchema, event);
      expect(others.map(({ t: _, ...event }) => event)).toEqual([
        { cpu: 0, kind: 'post', code: 0x42 },
        { cpu: 0, kind: 'unclaimed', space: 'port', address: 0x99, write: false },
        { cpu: 0, kind: 'unclaimed', space: 'memory', address: 0xd0000000, write: false },
      ]);
    });

    test('--events - takes the place of COM1, and --json stays the last line', async () => {
      const { stdout, status } = await reveille('run', 'herd', '--cpus', '2', '--events', '-', '--json');
      expect(status).toBe(0);
      const [header, ...lines] = stdout.split('\n').slice(0, -1);
      expect(JSON.parse(header)).toMatchObject({ kind: 'run', config: { cpus: 2 } });
      const summary: Summary = JSON.parse(lines.pop() as string);
      expect(lines).toHaveLength(summary.events);
      for (const line of lines) v.parse(eventSchema, JSON.parse(line));
    });

    describe('--events - into a reader that stalls', () => {
      const stalled = (accel: string): Run => {
        const image = guest('chatter', guests.chatter);
        const run = new Run(['run', image, '--cpus', '1', '--accel', accel, '--events', '-', '--json']);
        run.child.stdout.pause();
        return run;
      };
      const count = (stdout: string) => {
        const lines = stdout.split('\n').slice(0, -1);
        const summary: Summary = JSON.parse(lines.pop() as string);
        const events: MachineEvent[] = lines.map((line) => JSON.parse(line));
        const told = events.reduce((sum, event) => sum + (event.kind === 'lost' ? event.count : 0), 0);
        return { summary, told, ipis: events.filter(({ kind }) => kind === 'ipi').length };
      };

      test('KVM: the guest goes on, and the stream says how many events it lost', async () => {
        const run = stalled('kvm');
        await run.tells('guest-exit 0x10');
        run.child.stdout.resume();
        const { summary, told, ipis } = count((await run.ended).stdout);
        expect(told).toBeGreaterThan(0);
        expect(told).toBe(summary.lost);
        expect(ipis + told).toBeGreaterThanOrEqual(guests.CHATTER_IPIS);
      });

      test('emulator: the guest waits, and nothing is lost', async () => {
        const run = stalled('wasm');
        await once(run.child.stdout.resume(), 'data');
        run.child.stdout.pause();
        await idle(machineOf(run));
        expect(run.stderr).not.toContain('guest-exit');
        run.child.stdout.resume();
        const { summary, told, ipis } = count((await run.ended).stdout);
        expect([summary.lost, told, ipis]).toEqual([0, 0, guests.CHATTER_IPIS]);
      });
    });

    test('--json: the summary has every field', async () => {
      const { summary } = await runMachine('roll-call', '--cpus', '2', '--apic-ids', '3,5', '--bsp', '1');
      v.parse(summarySchema, summary);
    });

    test('--trace: a track for each CPU, its states without a gap, an arrow for each IPI', async () => {
      const { events, status } = await runMachine('roll-call', '--cpus', '3', '--trace', file('trace'));
      expect(status).toBe(0);
      const trace = readTrace(readFileSync(file('trace')));
      expect(trace.process).toMatch(/^Reveille: .*roll-call\.bin$/);
      const tracks = [...trace.tracks].filter(([, { parent }]) => parent !== 0);
      expect(tracks.map(([, { name }]) => name)).toEqual(['CPU 0 (apic 0)', 'CPU 1 (apic 1)', 'CPU 2 (apic 2)']);
      for (const [cpu, [track]] of tracks.entries()) {
        const own = trace.events.filter((event) => event.track === track);
        own.slice(1).forEach(({ timestamp }, i) => expect(timestamp).toBeGreaterThanOrEqual(own[i].timestamp));
        const states = events.flatMap((event) => (event.kind === 'mp-state' && event.cpu === cpu ? [event.to] : []));
        const slices = own.filter(({ type }) => type !== 'instant');
        expect(slices.map(({ type }) => type)).toEqual(slices.map((_, i) => (i % 2 === 0 ? 'begin' : 'end')));
        expect(slices.flatMap(({ type, name }) => (type === 'begin' ? [name] : []))).toEqual([
          'UNINITIALIZED',
          ...states,
        ]);
      }
      const arrows = (key: 'flows' | 'terminatingFlows') => trace.events.flatMap((event) => event[key]);
      const sent = events.flatMap((event) => (event.kind === 'ipi' ? event.targets : []));
      expect(new Set(arrows('flows')).size).toBe(sent.length);
      expect(new Set(arrows('terminatingFlows'))).toEqual(new Set(arrows('flows')));
    });
  });

  describe('what is left behind', () => {
    test('a killed command leaves no process, thread, socket or file', async () => {
      const socket = file('killed.sock');
      const temporary = mkdtempSync(file('temporary-'));
      const run = new Run(
        ['run', 'heartbeat', '--serial2', `unix:${socket}`, '--serial3', 'pty'],
        ['env', `TMPDIR=${temporary}`, process.execPath, REVEILLE],
      );
      await run.says('cpu 3 apic 3 beat 1');
      const machine = machineOf(run);
      expect(readdirSync(`/proc/${machine}/task`).length).toBeGreaterThan(4);
      expect(statSync(socket).isSocket()).toBe(true);
      run.child.kill('SIGKILL');
      await run.ended;
      await gone(machine);
      expect(existsSync(socket)).toBe(false);
      expect(readdirSync(temporary)).toEqual([]);
    });

    test('a machine that cannot be made leaves no socket', async () => {
      const occupied = guest('occupied', new Uint8Array(1));
      const serial = ['--serial2', `unix:${file('early.sock')}`, '--serial3', `unix:${occupied}`];
      const { status, stderr } = await reveille('run', 'herd', ...serial);
      expect(stderr).toMatch(`reveille: COM3: ${occupied} exists and is no socket; choose another path.\n`);
      expect(status).toBe(2);
      expect(existsSync(file('early.sock'))).toBe(false);
    });
  });

  describe('on a terminal', () => {
    const { NO_COLOR: _, ...env } = process.env;

    test('a live table below the console; Ctrl-C ends it and the terminal is as before', async () => {
      const terminal = new Terminal(30, 120);
      try {
        const before = terminal.settings;
        const child = terminal.spawn(process.execPath, [REVEILLE, 'run', 'heartbeat'], {
          ...env,
          TERM: 'xterm-256color',
        });
        const closed = once(child, 'exit');
        await terminal.shows('MP STATE');
        await terminal.shows('cpu 3 apic 3 beat 2');
        await terminal.shows(/3 +3 +[●■] (RUNNABLE|HALTED) .*0x[0-9a-f]{8,} long/);
        expect(terminal.settings).not.toBe(before);
        expect(terminal.output).toMatch(/\x1b\[\d+m(● RUNNABLE|■ HALTED)/);
        terminal.type('help\r');
        await terminal.shows('commands: help, park N, quit, wake N');
        terminal.type('\x03');
        expect(await closed).toEqual([130, null]);
        await terminal.settled();
        expect(terminal.settings).toBe(before);
        expect(terminal.text).toMatch(/stopped after .*: stopped by Ctrl-C \(\d+ events, 0 lost\)\r?\n$/);
        // The whole screen scrolls again, and the cursor shows.
        expect(terminal.output.lastIndexOf('\x1b[r')).toBeGreaterThan(terminal.output.lastIndexOf(';25r'));
        expect(terminal.output.lastIndexOf('\x1b[?25h')).toBeGreaterThan(terminal.output.lastIndexOf('\x1b[?25l'));
      } finally {
        terminal.close();
      }
    });

    test('NO_COLOR is respected, and a signal restores the terminal, too', async () => {
      const terminal = new Terminal(24, 80);
      try {
        const before = terminal.settings;
        const child = terminal.spawn(process.execPath, [REVEILLE, 'run', 'heartbeat'], {
          ...env,
          TERM: 'xterm',
          NO_COLOR: '1',
        });
        const closed = once(child, 'exit');
        await terminal.shows('● RUNNABLE');
        child.kill('SIGTERM');
        expect(await closed).toEqual([143, null]);
        await terminal.settled();
        expect(terminal.settings).toBe(before);
        expect(terminal.output).not.toMatch(/\x1b\[[0-9]+m/);
      } finally {
        terminal.close();
      }
    });
  });

  describe('bad input', () => {
    const rollCall = readFileSync(new URL('../resources/guests/roll-call.bin', import.meta.url));
    const aarch64 = () => {
      const image = guests.elf32(0xf4);
      image[18] = 183;
      return image;
    };
    const images: Record<string, () => Uint8Array> = {
      empty: () => new Uint8Array(0),
      'truncated.bin': () => rollCall.subarray(0, 3000),
      'truncated.elf': () => guests.elf32(0xf4).subarray(0, 40),
      'aarch64.elf': aarch64,
      'huge.flat': () => new Uint8Array(1 << 20),
    };

    test.each([
      ['empty', [], 2, 'empty is empty: it has no guest to load.'],
      [
        'truncated.bin',
        [],
        2,
        /truncated\.bin is truncated: its data by the Multiboot header ends at byte \d+, but the file has 3000\./,
      ],
      [
        'truncated.elf',
        [],
        2,
        /truncated\.elf is an ELF file, but it is truncated: its header takes 52 bytes, and the file has 40\./,
      ],
      ['aarch64.elf', [], 2, 'aarch64.elf is an ELF file, but for AArch64, not for x86'],
      [
        'huge.flat',
        [],
        2,
        /huge\.flat is neither ELF nor Multiboot, and as a flat image at 0x7c00 it may have \d+ bytes, but it has 1048576/,
      ],
      [
        'missing',
        [],
        2,
        'is neither a file nor a bundled guest, which are roll-call, herd, heartbeat, fault, lost-sipi',
      ],
      [
        'roll-call',
        ['--memory', '1M'],
        2,
        /needs memory up to 0x[0-9a-f]+, but the machine has 1 MiB: give it \d+M or more\./,
      ],
      [
        'roll-call',
        ['--memory', '64K'],
        2,
        '65536 bytes of memory (0.0625 MiB) are not possible: a machine has 1 to 3072 MiB',
      ],
      ['roll-call', ['--memory', '0'], 2, '0 bytes of memory (0 MiB) are not possible: a machine has 1 to 3072 MiB'],
      ['roll-call', ['--memory', '5242881'], 2, '5242881 bytes of memory are not a whole number of MiB: use 6M'],
      ['roll-call', ['--acpi', 'no'], 2, '--acpi takes on or off, not "no".'],
      ['roll-call', ['--memory', '64G'], 2, 'a machine has 1 to 3072 MiB'],
      ['roll-call', ['--cpus', '256'], 2, "irqchip 'exact' on KVM has at most 255 CPUs"],
      ['roll-call', ['--cpus', '100000'], 2, 'A machine has 1 to 1024 CPUs, not 100000'],
      ['roll-call', ['--cpus', '0'], 2, 'A machine has 1 to 1024 CPUs, not 0'],
      ['roll-call', ['--bsp', '4'], 2, 'BSP 4 is not a CPU: this machine has CPUs 0 to 3.'],
      [
        'roll-call',
        ['--apic-ids', '0,1,1,2'],
        2,
        'CPU 1 and CPU 2 both have APIC id 1: every CPU needs an id of its own.',
      ],
      ['roll-call', ['--apic-ids', '0,1,2'], 2, '3 APIC ids'],
      ['roll-call', ['--topology', '2x2x1', '--cpus', '3'], 2, '2x2x1'],
      [
        'roll-call',
        ['--accel', 'wasm', '--irqchip', 'kernel'],
        2,
        "The emulator has no irqchip 'kernel', which is KVM's",
      ],
    ] as const)('%s %j: %i', async (name, args, status, words) => {
      const image = images[name];
      const path = image === undefined ? name : guest(name, image());
      const run = await reveille('run', path, ...args);
      expect(run.stderr).toMatch(words);
      expect(run.stderr).toMatch(/^reveille: [^\n]+[.]\n$/);
      expect(run).toMatchObject({ status, stdout: '' });
    });

    test('more CPUs than this host allows', async (ctx) => {
      const probe: HostProbe = JSON.parse((await reveille('probe', '--json')).stdout);
      const most = probe.accelerators[0].modes.find(({ mode }) => mode === 'kernel')?.maxCpus ?? 0;
      if (most >= 1024) ctx.skip(`this host allows ${most} CPUs, as many as a machine may have anywhere`);
      const run = await reveille('run', 'roll-call', '--cpus', `${most + 1}`, '--irqchip', 'kernel');
      expect(run.stderr).toContain(`${most + 1} CPUs are wanted, but kvm with irqchip kernel has at most ${most}`);
      expect(run.status).toBe(5);
    });

    test('no permission on /dev/kvm: the group and the command', async (ctx) => {
      if (process.getuid?.() !== 0) ctx.skip('becoming a user without permission takes root');
      if ((statSync('/dev/kvm').mode & 0o006) !== 0) ctx.skip('/dev/kvm is open to every user of this host');
      const become = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
      if (spawnSync(become[0], [...become.slice(1), process.execPath, REVEILLE, '--version']).status !== 0) {
        ctx.skip('user nobody may not read this checkout, or setpriv is not installed');
      }
      const asNobody = (...args: string[]) =>
        new Run(['run', 'herd', ...args], [...become, process.execPath, REVEILLE]).ended;
      const why = '/dev/kvm may not be opened by this user. Join the group kvm with "sudo usermod -aG kvm $USER"';

      const asked = await asNobody('--accel', 'kvm');
      expect(asked.stderr).toContain(`reveille: kvm is not usable here: ${why}`);
      expect(asked).toMatchObject({ status: 5, stdout: '' });

      const left = await asNobody('--accel', 'auto');
      expect(left.stderr).toContain(`(auto: KVM does not work here. ${why}`);
      expect(left.stderr).toMatch(/^wasm, /);
      expect(left.status).toBe(0);
    });
  });
});

describe('reports', () => {
  test('guests are those with an image', async () => {
    const { stdout, status } = await reveille('guests', '--json');
    expect(status).toBe(0);
    const names = JSON.parse(stdout).map(({ name }: { name: string }) => name);
    expect(names).toEqual([
      ...['roll-call', 'herd', 'heartbeat', 'fault'],
      ...['lost-sipi', 'one-stack', 'first-cpu', 'late-ap', 'no-delay', 'loose-count'],
    ]);
    const text = (await reveille('guests')).stdout;
    for (const name of names) expect(text).toContain(`${name} - `);
  });

  test('inspect says what an image is, as a run does of what it has loaded', async () => {
    const headline = 'Multiboot kernel, Multiboot 0.6.96: entry 0x100020 in protected mode';
    const { stdout, status } = await reveille('inspect', 'roll-call');
    expect([status, stdout.split('\n')[0]]).toEqual([0, headline]);
    const report: ImageReport = JSON.parse((await reveille('inspect', 'roll-call', '--json')).stdout);
    const run = await reveille('run', 'roll-call', '--accel', 'wasm', '--events', '-');
    expect(run.stderr).toContain(`image: ${headline}\nloaded `);
    const { image } = JSON.parse(run.stdout.slice(0, run.stdout.indexOf('\n')));
    expect({ ...image, given: [] }).toEqual(report);
    expect(image.given).toHaveLength(1);
    const refused = await reveille('inspect', '/dev/zero');
    expect([refused.status, refused.stderr]).toEqual([
      2,
      'reveille: /dev/zero is no file, so that no image can be read from it.\n',
    ]);
  });

  test('a crash is named by --symbols, and a file without any is refused', async () => {
    const own = mkdtempSync(join(tmpdir(), 'reveille-symbols-'));
    const map = join(own, 'System.map');
    writeFileSync(map, '0000000000100000 T everything\n00000000fff00000 T nothing\n');
    const fault = (symbols: string) =>
      reveille('run', 'fault', '--accel', 'wasm', '--cmdline', 'triple', '--symbols', symbols);
    const crash = await fault(map);
    expect(crash.stderr).toMatch(/triple fault at [0-9a-f]{4}:[0-9a-f]+ in \w+ mode, in everything\+0x[0-9a-f]+/);
    writeFileSync(map, 'nothing of the kind\n');
    const refused = await fault(map);
    expect([refused.status, refused.stderr.includes('is neither a System.map nor an ELF file')]).toEqual([2, true]);
    rmSync(own, { recursive: true });
  });

  test('probe says what works, or why not', async () => {
    const { stdout, status } = await reveille('probe', '--json');
    expect(status).toBe(0);
    const probe: HostProbe = JSON.parse(stdout);
    const kvm = probe.accelerators.find(({ name }) => name === 'kvm');
    expect(kvm?.usable).toBe(probe.auto !== null);
    expect(kvm?.usable === true ? kvm.facts['apiVersion'] : kvm?.reason).toEqual(
      kvm?.usable === true ? 12 : expect.stringMatching(/\.$/),
    );
    expect((await reveille('probe')).stdout).toContain('auto ');
  });

  test('--version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    expect(execFileSync(process.execPath, [REVEILLE, '--version'], { encoding: 'utf8' })).toBe(`${version}\n`);
  });
});

/** Of one AP in a roll-call: what wakes it comes before what it does, in the stream and in time. */
function expectCausality(events: readonly MachineEvent[], ap: number, seen: boolean): void {
  const own = events.filter(
    (event) =>
      (event.kind === 'mp-state' && event.cpu === ap) ||
      (event.kind === 'ipi' && event.targets.includes(ap) && (event.mode === 'init' || event.mode === 'sipi')),
  );
  const words = own.map((event) =>
    event.kind === 'mp-state'
      ? event.to
      : event.kind === 'ipi'
        ? `${event.mode} ${event.vector} ${event.decision}`
        : '',
  );
  const start = seen
    ? ['init 0 deliver', 'INIT_RECEIVED', 'sipi 8 deliver', 'SIPI_RECEIVED']
    : ['INIT_RECEIVED', 'sipi 8 deliver', 'SIPI_RECEIVED', 'RUNNABLE'];
  expect(words.slice(0, 4)).toEqual(start);
  if (seen) {
    // The second SIPI finds the AP started, or about to.
    expect(words.slice(4, 6).sort()).toEqual(['RUNNABLE', 'sipi 8 ignored']);
    expect(words.filter((word) => word.startsWith('init') || word.startsWith('sipi'))).toHaveLength(3);
  }
  const chain = own.filter(
    (event) => event.kind === 'mp-state' || (event.kind === 'ipi' && event.decision === 'deliver'),
  );
  chain.slice(1).forEach(({ t }, i) => expect(t).toBeGreaterThanOrEqual(chain[i].t));
  for (const event of own) {
    if (event.kind === 'ipi')
      expect(event).toMatchObject({ source: seen ? 0 : null, cpu: seen ? 0 : null, derived: !seen });
    if (event.kind === 'mp-state') expect(event.derived).toBe(!seen);
  }
}

const natural = v.pipe(v.number(), v.integer(), v.minValue(0));
const state = v.picklist(['RUNNABLE', 'UNINITIALIZED', 'INIT_RECEIVED', 'HALTED', 'SIPI_RECEIVED']);
const common = { t: natural, cpu: v.nullable(natural) };
const eventSchema = v.variant('kind', [
  v.strictObject({
    ...common,
    kind: v.literal('mp-state'),
    cpu: natural,
    from: state,
    to: state,
    vector: v.optional(v.pipe(natural, v.maxValue(255))),
    derived: v.boolean(),
  }),
  v.strictObject({
    ...common,
    kind: v.literal('ipi'),
    source: v.nullable(natural),
    targets: v.array(natural),
    mode: v.picklist(['fixed', 'lowest-priority', 'smi', 'nmi', 'init', 'sipi', 'init-deassert']),
    vector: v.pipe(natural, v.maxValue(255)),
    decision: v.picklist(['deliver', 'ignored', 'delay', 'hold', 'drop', 'redirect']),
    derived: v.boolean(),
    destination: v.optional(v.pipe(natural, v.maxValue(255))),
    logical: v.optional(v.boolean()),
  }),
  v.strictObject({ ...common, kind: v.literal('exit'), reason: v.string(), count: v.pipe(natural, v.minValue(1)) }),
  v.strictObject({ ...common, kind: v.literal('serial-line'), port: natural, end: natural }),
  v.strictObject({ ...common, kind: v.literal('serial-lost'), port: natural, count: natural }),
  v.strictObject({ ...common, kind: v.literal('serial-input'), port: natural, bytes: v.string() }),
  v.variant('change', [
    v.strictObject({ ...common, kind: v.literal('machine'), change: v.literal('started'), monotonicNs: natural }),
    v.strictObject({
      ...common,
      kind: v.literal('machine'),
      change: v.picklist(['threads-ready', 'stopping', 'ended']),
    }),
  ]),
  v.strictObject({ ...common, kind: v.literal('lost'), count: natural }),
  v.strictObject({ ...common, kind: v.literal('post'), code: natural }),
  v.strictObject({
    ...common,
    kind: v.literal('unclaimed'),
    space: v.picklist(['port', 'memory']),
    address: natural,
    write: v.boolean(),
  }),
]);
const summarySchema = v.strictObject({
  accel: v.literal('kvm'),
  irqchip: v.picklist(['exact', 'kernel', 'split']),
  parallel: v.boolean(),
  cpus: v.array(
    v.strictObject({
      id: natural,
      apicId: natural,
      bsp: v.boolean(),
      state,
      startedAtNs: natural,
      exits: v.record(v.string(), natural),
    }),
  ),
  events: natural,
  lost: natural,
  durationNs: natural,
  outcome: v.strictObject({
    kind: v.picklist(['guest-exit', 'timeout', 'crash', 'stopped', 'verdict']),
    code: v.nullable(natural),
    cpu: v.nullable(natural),
    reason: v.string(),
  }),
  unimplemented: v.null(),
  policies: v.strictTuple([]),
  network: v.null(),
  verdict: v.null(),
});

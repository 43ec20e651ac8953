/** A run on KVM at a terminal. */
import { once } from 'node:events';
import { beforeEach, expect, test } from 'vitest';
import { needsKvm } from '../support/needs';
import { REVEILLE } from '../support/reveille';
import { Terminal } from '../support/terminal';

beforeEach(needsKvm);

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

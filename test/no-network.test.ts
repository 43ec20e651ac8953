/** A host on which the dynamic linker finds no libslirp: it has machines without a network, and says what others lack. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exitWith } from './support/guest';
import { REVEILLE, type Result, Run } from './support/reveille';

const REASON =
  "A network needs libslirp.so.0, which this host does not have: install libslirp (Debian's package libslirp0).";

let folder: string;
let guest: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reveille-no-network-'));
  guest = join(folder, 'guest.bin');
  writeFileSync(guest, exitWith(0x10));
  // What stands first on the linker's way, and is no library, ends its search.
  writeFileSync(join(folder, 'libslirp.so.0'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

function withoutLibrary(...args: string[]): Promise<Result> {
  const run = new Run(args, ['env', `LD_LIBRARY_PATH=${folder}`, process.execPath, REVEILLE]);
  run.child.stdin.end();
  return run.ended;
}

test('a machine with a network is refused before it is made', async () => {
  const { status, stdout, stderr } = await withoutLibrary('run', guest, '--accel', 'wasm', '--net', 'user');
  expect([status, stdout]).toEqual([5, '']);
  expect(stderr).toContain(REASON);
  expect(stderr).not.toContain('RUNNABLE');
});

test('one without runs', async () => {
  expect((await withoutLibrary('run', guest, '--accel', 'wasm')).status).toBe(0);
});

test('the probe says why', async () => {
  const { status, stdout } = await withoutLibrary('probe');
  expect([status, stdout.split('\n').find((line) => line.startsWith('network'))]).toEqual([0, `network  ${REASON}`]);
});

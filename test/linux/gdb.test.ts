/** Debian's kernel under Debian's gdb, with the symbols that the kernel itself carries. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findKallsyms } from '../../main/symbols/kallsyms';
import { runGdb } from '../support/gdb-client';
import { needsStockGuests } from '../support/linux';
import { needsProgram } from '../support/needs';
import { Run } from '../support/reveille';
import { symbolElf } from '../support/symbol-elf';
import { vmlinuxOf } from '../support/vmlinux';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

test('gdb stops each AP at the kernel’s start_secondary, names where every CPU is, and so does Reveille', async (ctx) => {
  const guests = needsStockGuests(ctx);
  needsProgram(ctx, 'gdb');
  const kernel = vmlinuxOf(readFileSync(guests.cloud));
  if (kernel === null) return ctx.skip('the kernel in the cache is not compressed with LZ4');
  const table = findKallsyms(kernel);
  if (table === null) throw new Error(`${guests.cloud} has no symbols of its own.`);
  const directory = mkdtempSync(join(tmpdir(), 'reveille-gdb-linux-'));
  ends.push(() => rmSync(directory, { recursive: true }));
  const symbols = join(directory, 'vmlinux');
  writeFileSync(symbols, symbolElf(table, '_text', '_etext'));

  const options = ['--accel', 'wasm', '--cpus', '3', '--memory', '256M', '--gdb', ':0'];
  const cmdline = ['--initrd', guests.initrd, '--cmdline', 'console=ttyS0 nokaslr'];
  const run = new Run(['run', guests.cloud, ...options, ...cmdline, '--symbols', symbols]);
  ends.push(async () => {
    run.child.kill('SIGKILL');
    await run.ended;
  });
  await run.tells('lets it go');
  const [, address] = /"target remote ([^"]+)"/.exec(run.stderr) ?? [];
  const commands = [
    ...['hbreak start_secondary', 'continue', 'info threads', 'monitor mp-state', 'continue', 'info threads'],
    ...['delete', 'kill'],
  ];
  const { stdout, stderr } = await runGdb(symbols, address, ...commands);
  expect(stdout).toMatch(/Thread 2 "cpu 1" hit Breakpoint 1, 0x[0-9a-f]+ in start_secondary \(\)/);
  expect(stdout).toMatch(/Thread 3 "cpu 2" hit Breakpoint 1, 0x[0-9a-f]+ in start_secondary \(\)/);
  // The BSP waits for the AP in some function of the kernel.
  expect(stdout).toMatch(/Thread 1 "cpu 0" \(BSP \w+\) +0x[0-9a-f]+ in [a-z_]\w* \(\)/);
  expect(stderr).toMatch(/^cpu 0 {3}apic 0 {4}BSP \w+ +long {6}0xffffffff[0-9a-f]{8} [a-z_]\w*/m);
  expect(stderr).toMatch(/^cpu 1 {3}apic 1 {8}RUNNABLE {6}long {6}0xffffffff[0-9a-f]{8} start_secondary$/m);
  expect(stderr).toMatch(/^cpu 2 {3}apic 2 {8}UNINITIALIZED {1}/m);
});

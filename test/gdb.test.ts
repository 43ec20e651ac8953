/** Machines under gdb: Debian's own, by its scripts, and what it does not send, packet by packet. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { debugAbilities, whyNoStep } from '../main/accelerator/index';
import { GdbClient, runGdb } from './support/gdb-client';
import { needsKvm, needsProgram } from './support/needs';
import { readEvents, Run, runMachine } from './support/reveille';

let directory: string;
let guest: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'reveille-gdb-'));
  guest = join(directory, 'guest');
});
afterAll(() => rmSync(directory, { recursive: true }));

const runs: Run[] = [];
afterEach(async () => {
  for (const run of runs.splice(0)) {
    run.child.kill('SIGKILL');
    await run.ended;
  }
});

function needsTools(ctx: TestContext): void {
  for (const program of ['nasm', 'ld', 'gdb']) needsProgram(ctx, program);
  const source = fileURLToPath(new URL('gdb/guest.asm', import.meta.url));
  execFileSync('nasm', ['-f', 'elf64', '-g', '-F', 'dwarf', '-o', `${guest}.o`, source]);
  execFileSync('ld', ['-static', '-nostdlib', '-n', '-Ttext=0x100000', '-Tdata=0x110000', '-o', guest, `${guest}.o`]);
}

function needsDebugging(ctx: TestContext): void {
  needsKvm(ctx);
  const { hardware, watch } = debugAbilities('kvm');
  const reason = hardware ?? watch ?? whyNoStep('kvm');
  if (reason !== null) ctx.skip(reason);
}

/** A machine that waits for gdb, and where. */
async function underGdb(image: string, ...args: string[]): Promise<{ run: Run; address: string }> {
  const run = new Run(['run', image, '--gdb', ':0', ...args]);
  runs.push(run);
  await run.tells('lets it go');
  const [, address] = /"target remote ([^"]+)"/.exec(run.stderr) ?? [];
  return { run, address };
}

async function gdb(address: string, ...commands: string[]): Promise<string> {
  const { stdout, stderr } = await runGdb(guest, address, ...commands);
  return stdout + stderr;
}

const KINDS = [
  { name: 'the emulator', args: ['--accel', 'wasm'], needs: () => {} },
  { name: 'the emulator, CPUs beside each other', args: ['--accel', 'wasm', '--parallel'], needs: () => {} },
  { name: 'KVM', args: ['--accel', 'kvm'], needs: needsDebugging },
];

describe.each(KINDS)('gdb on $name', ({ args, needs }) => {
  test('stops before the first instruction, at breakpoints and watchpoints; steps, looks, changes, and sees the end', async (ctx) => {
    needsTools(ctx);
    needs(ctx);
    const { run, address } = await underGdb(guest, '--cpus', '3', ...args);
    const said = await gdb(
      address,
      'info symbol $pc',
      'hbreak *0x8000',
      'continue',
      'info threads',
      'printf "ap at %#lx cs %#x\\n", $pc, $cs',
      'stepi',
      'delete',
      'thread 1',
      'break count',
      'continue',
      'monitor mp-state',
      'stepi',
      'p $ecx',
      'watch *(int *) &counter',
      'continue',
      'continue',
      'delete',
      'break vectors_done',
      'continue',
      'p/x $xmm3.v2_int64',
      'p $st0',
      'p $ftag',
      'set var $xmm3.v2_int64[0] = 7',
      'p $xmm3.v2_int64[0]',
      'set var *(int *) &counter = 41',
      'set var *(int *) &goal = 42',
      'tbreak spin',
      'continue',
      'delete',
      'set var *(int *) &counter = 42',
      'p *(int *) &counter',
      'x/2xb &buffer',
      'continue',
    );
    expect(said).toContain('_start in section .text');
    expect(said).toMatch(/Thread 2 "cpu 1" hit Breakpoint 1|Thread 3 "cpu 2" hit Breakpoint 1/);
    expect(said).toContain('ap at 0x8000 cs 0x800');
    expect(said).toMatch(/Thread 1 "cpu 0" \(BSP RUNNABLE\)/);
    expect(said).toMatch(/hit Breakpoint 2, count \(\)/);
    expect(said).toMatch(/^cpu 0 {3}apic 0 {4}BSP RUNNABLE {6}long {6}0x[0-9a-f]+ count$/m);
    expect(said).toContain('$1 = 3');
    expect(said).toMatch(/Hardware watchpoint 3: \*\(int \*\) &counter\n\nOld value = 0\nNew value = 1\n/);
    expect(said).toMatch(/Hardware watchpoint 3: \*\(int \*\) &counter\n\nOld value = 1\nNew value = 2\n/);
    expect(said).toContain('= {0x1122334455667788, 0x99aabbccddeeff00}');
    expect(said).toMatch(/= 3\.1415926535897932385/);
    expect(said).toContain('$5 = 7');
    expect(said).toContain('$6 = 42');
    expect(said).toMatch(/^0x[0-9a-f]+:\s+0x5a\s+0x5a$/m);
    expect(said).toContain('exited with code 020');
    expect((await run.ended).status).toBe(0);
  });
});

test('a watchpoint within a repeated instruction stops it where it writes; the rest meets no breakpoint of its own', async (ctx) => {
  needsTools(ctx);
  const { run, address } = await underGdb(guest, '--cpus', '3', '--accel', 'wasm');
  const symbols = execFileSync('nm', [guest], { encoding: 'utf8' });
  const addressOf = (name: string) => new RegExp(`^([0-9a-f]+) . ${name}$`, 'm').exec(symbols)?.[1] ?? '';
  const client = await GdbClient.connect(address);
  await client.begin();
  expect(await client.ask(`Z0,${addressOf('fill_store')},1`)).toBe('OK');
  expect(await client.ask('vCont;c')).toBe('T05thread:1;swbreak:;');
  const ecx = async () => Buffer.from(await client.ask('p2'), 'hex').readBigUInt64LE();
  expect(await ecx()).toBe(5000n);
  const watched = BigInt(`0x${addressOf('buffer')}`) + 4500n;
  expect(await client.ask(`Z2,${watched.toString(16)},1`)).toBe('OK');
  // It has met its breakpoint: what is left of it is under way.
  expect(await client.ask('vCont;s:1')).toBe('T05thread:1;');
  expect(await client.ask('vCont;c')).toBe(`T05thread:1;watch:${watched.toString(16)};`);
  expect(await ecx()).toBe(499n);
  expect(await client.ask('vCont;c')).toBe('W10');
  expect((await run.ended).status).toBe(0);
});

test('gdb is told of a triple fault while it can still look', async (ctx) => {
  needsTools(ctx);
  const { run, address } = await underGdb('fault', '--cpus', '2', '--accel', 'wasm');
  const said = await gdb(address, 'continue', 'p $_siginfo', 'info threads', 'continue');
  expect(said).toMatch(/Thread 2 "cpu 1" received signal SIGSEGV/);
  expect(said).toContain('Program terminated with signal SIGSEGV');
  expect((await run.ended).status).toBe(4);
});

describe('packet by packet', () => {
  test('interrupt, threads that stay where they are, detach, and another gdb', async () => {
    const { run, address } = await underGdb('heartbeat', '--cpus', '2', '--accel', 'wasm', '--realtime');
    const first = await GdbClient.connect(address);
    await first.begin();
    expect(await first.ask('?')).toBe('T02thread:1;');
    expect(await first.ask('qfThreadInfo')).toBe('m1,2');
    expect(await first.ask('qsThreadInfo')).toBe('l');
    // Who comes second finds the door shut.
    const second = await GdbClient.connect(address);
    await second.closed();

    first.send('vCont;c');
    await run.says('cpu 1 apic 1 beat 2');
    first.interrupt();
    expect(await first.answer()).toBe('T02thread:1;');
    // CPU 1 alone is let go: CPU 0, which prints, says nothing more; and it can be interrupted again.
    first.send('vCont;c:2');
    first.interrupt();
    expect(await first.answer()).toBe('T02thread:1;');
    const beats = run.stdout.length;
    expect(await first.ask('D')).toBe('OK');
    await first.socket.end();
    await run.says('apic 1 beat', beats);

    const third = await GdbClient.connect(address);
    await third.begin();
    expect(await third.ask('?')).toBe('T02thread:1;');
    third.send('k');
    expect((await run.ended).stderr).toContain('killed by gdb');
  });

  test('an instruction of one CPU alone, and of one beside others', async () => {
    const { address } = await underGdb('roll-call', '--cpus', '2', '--accel', 'wasm');
    const client = await GdbClient.connect(address);
    await client.begin();
    const pc = async () => Buffer.from(await client.ask('p10'), 'hex').readBigUInt64LE();
    const at = await pc();
    expect(await client.ask('vCont;s:1')).toBe('T05thread:1;');
    expect(await pc()).toBe(at + 5n);
    expect(await client.ask('vCont;s:1;c')).toBe('T05thread:1;');
    expect(await pc()).toBe(at + 7n);
    // A CPU that waits for its SIPI has no instruction to execute.
    expect(await client.ask('vCont;s:2')).toBe('T05thread:2;');
    // But beside the other it comes to one.
    expect(await client.ask('vCont;s:2;c')).toBe('T05thread:2;');
    await client.ask('Hg2');
    expect(await pc()).toBe(0x8001n);
  });

  test('what gdb asks does not change a run that it never stops', async () => {
    const args = ['--cpus', '3', '--accel', 'wasm', '--seed', '5'];
    const alone = await runMachine('roll-call', ...args);
    const path = join(directory, 'events');
    const { run, address } = await underGdb('roll-call', ...args, '--events', path);
    const client = await GdbClient.connect(address);
    await client.begin();
    // Marks at all such places of pages, and a page that no TLB has; none of them is met.
    for (let at = 0; at < 64; at++) expect(await client.ask(`Z0,${(0x70000000 + at).toString(16)},1`)).toBe('OK');
    expect(await client.ask('Z2,109ff8,8')).toBe('OK');
    expect(await client.ask('z2,109ff8,8')).toBe('OK');
    expect(await client.ask('Z2,50000,8')).toBe('OK');
    expect(await client.ask('vCont;c')).toBe('W10');
    await run.ended;
    const ofGuest = (events: typeof alone.events) =>
      events.filter((event) => event.kind !== 'machine' || !['paused', 'resumed'].includes(event.change));
    expect(ofGuest(readEvents(path))).toEqual(ofGuest(alone.events));
  });

  test('nonsense is answered, and nothing comes of it', async () => {
    const { run, address } = await underGdb('roll-call', '--cpus', '1', '--accel', 'wasm');
    const client = await GdbClient.connect(address);
    await client.begin();
    expect(await client.ask('m0,ffffffff')).toBe('E16');
    expect(await client.ask('mffffffffffffffff,4')).toBe('E0e');
    expect(await client.ask('Mfffffff0,2:9090')).toBe('E0e');
    expect(await client.ask('M1000,2:90')).toBe('E16');
    expect(await client.ask('pffff')).toBe('E16');
    expect(await client.ask('P0=00')).toBe('E16');
    expect(await client.ask('Hg9')).toBe('E16');
    expect(await client.ask('vCont;x')).toBe('E16');
    expect(await client.ask('qXfer:features:read:../../etc/passwd:0,100')).toBe('E00');
    expect(await client.ask('qXfer:auxv:read::0,100')).toBe('');
    expect(await client.ask('!')).toBe('');
    client.socket.write('$m0,4#00$$$}#zz\u0003++--');
    expect(await client.ask('vCont;c')).toBe('W10');
    expect((await run.ended).status).toBe(0);
  });
});

test('a Unix socket serves as well, and is gone with the machine', async () => {
  const path = join(directory, 'socket');
  const run = new Run(['run', 'roll-call', '--cpus', '1', '--accel', 'wasm', '--gdb', `unix:${path}`]);
  runs.push(run);
  await run.tells('lets it go');
  const client = await GdbClient.connect(path);
  await client.begin();
  expect(await client.ask('c')).toBe('W10');
  expect((await run.ended).status).toBe(0);
  await expect(GdbClient.connect(path)).rejects.toThrow('ENOENT');
});

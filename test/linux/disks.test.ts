/**
 * A Debian root file system on a virtio disk with an overlay: a person logs in, switches off, comes back; and a machine that is
 * killed while it writes leaves what it has synced. A disk that is read-only is read alone.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Linux, needsStockGuests } from '../support/linux';
import { needsProgram } from '../support/needs';

/** How long it may take on a host with other work to do; not a measure of anything. */
const MIB = 2 ** 20;

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-disks-'))));
afterAll(() => rmSync(directory, { recursive: true }));

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}

test('a root file system to login, across two boots and a kill', async (ctx) => {
  const guests = needsStockGuests(ctx);
  for (const program of ['mkfs.ext4', 'e2fsck', 'debugfs', 'qemu-img']) needsProgram(ctx, program);
  const image = guests.root ?? ctx.skip('mkfs.ext4 was missing when the guests were made: npm run guests:fetch');
  const before = readFileSync(image);
  const overlay = join(directory, 'overlay.qcow2');
  const boot = (): Linux => {
    const disks = [{ path: image, readonly: false, overlay }];
    const linux = new Linux(guests, { cpus: 2, cmdline: 'root=/dev/vda', disks });
    ctx.onTestFinished(async () => {
      linux.machine.process.kill();
      await linux.machine.process.closed;
    });
    return linux;
  };

  const first = boot();
  await first.login();
  expect(await first.run('cat /etc/debian_version')).toMatch(/^\d+\.\d+$/);
  expect(await first.run('grep -c virtio1-req /proc/interrupts')).toBe('1');
  expect(await first.run('head -c 16 /dev/hwrng | wc -c')).toBe('16');
  await first.run('echo good morning > greeting; sync');
  first.type('poweroff');
  expect((await first.machine.end()).outcome.kind).toBe('power-off');

  const second = boot();
  await second.login();
  expect(await second.run('cat greeting')).toBe('good morning');
  await second.run('echo kept > synced; sync');
  const size = statSync(overlay).size;
  second.type('while true; do dd if=/dev/urandom of=noise bs=256k count=8 conv=fsync; done 2> /dev/null');
  while (statSync(overlay).size < size + MIB) await sleep(20);
  second.machine.process.kill();
  await second.machine.process.closed;

  // 3: clusters that nothing leads to, and no error.
  expect([0, 3]).toContain(spawnSync('qemu-img', ['check', '-q', overlay]).status);
  const raw = join(directory, 'killed.img');
  run('qemu-img', 'convert', '-O', 'raw', overlay, raw);
  // 0 or 1: the journal is replayed, and whatever that left to do.
  expect([0, 1]).toContain(spawnSync('e2fsck', ['-f', '-p', raw]).status);
  expect(run('debugfs', '-R', 'cat /root/synced', raw)).toBe('kept\n');
  expect(readFileSync(image).equals(before)).toBe(true);
});

test('a read-only disk is read, refuses to be written, and stays as it was', async (ctx) => {
  const guests = needsStockGuests(ctx);
  const path = join(directory, 'readonly.img');
  const image = Buffer.alloc(MIB, 'as it was ');
  writeFileSync(path, image);
  const linux = new Linux(guests, { cpus: 1, disks: [{ path, readonly: true, overlay: null }] });
  ctx.onTestFinished(async () => {
    linux.machine.process.kill();
    await linux.machine.process.closed;
  });
  await linux.prompt();
  await linux.run('sh /etc/virtio');
  expect(await linux.run('cat /sys/block/vda/ro')).toBe('1');
  expect(await linux.run('head -c 9 /dev/vda')).toBe('as it was');
  const write = 'dd if=/dev/zero of=/dev/vda bs=512 count=1 conv=fsync';
  expect(await linux.run(write)).toContain('Operation not permitted');
  linux.type('poweroff');
  expect((await linux.machine.end()).outcome.kind).toBe('power-off');
  expect(readFileSync(path).equals(image)).toBe(true);
});

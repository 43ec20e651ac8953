/** Virtio devices as a stock Linux kernel drives them: a disk with an overlay, whose machine is killed while it writes. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, type TestContext } from 'vitest';
import { Linux, needsStockGuests } from '../support/linux';
import { needsProgram } from '../support/needs';

/** How long it may take on a host with other work to do; not a measure of anything. */
const PATIENCE = 300_000;
const MIB = 2 ** 20;

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'reveille-disks-'))));
afterAll(() => rmSync(directory, { recursive: true }));

let linux: Linux | null = null;
afterEach(async () => {
  linux?.machine.process.kill();
  await linux?.machine.process.closed;
});

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** An ext4 file system with one file. */
function ext4Image(ctx: TestContext): string {
  for (const program of ['mkfs.ext4', 'e2fsck', 'debugfs', 'qemu-img']) needsProgram(ctx, program);
  const root = join(directory, 'root');
  const image = join(directory, 'disk.img');
  mkdirSync(root);
  writeFileSync(join(root, 'greeting'), 'good morning\n');
  run('mkfs.ext4', '-q', '-d', root, image, '32M');
  return image;
}

test(
  'Linux reads and writes an ext4 disk; killed in the middle, it leaves a consistent overlay',
  { timeout: PATIENCE },
  async (ctx) => {
    const guests = needsStockGuests(ctx);
    const image = ext4Image(ctx);
    const before = readFileSync(image);
    const overlay = join(directory, 'overlay.qcow2');
    linux = new Linux(guests, { cpus: 2, disks: [{ path: image, readonly: false, overlay }] });
    await linux.prompt();
    await linux.run('sh /etc/virtio');
    await linux.run('mkdir /mnt; mount -t ext4 /dev/vda /mnt');
    expect(await linux.run('cat /mnt/greeting')).toBe('good morning');
    expect(await linux.run('grep -c virtio1-req /proc/interrupts')).toBe('1');
    expect(await linux.run('head -c 16 /dev/hwrng | wc -c')).toBe('16');
    await linux.run('echo kept > /mnt/synced; sync');

    const size = statSync(overlay).size;
    linux.type('while true; do dd if=/dev/urandom of=/mnt/noise bs=256k count=8 conv=fsync; done 2> /dev/null');
    while (statSync(overlay).size < size + MIB) await sleep(20);
    linux.machine.process.kill();
    await linux.machine.process.closed;

    // 3: clusters that nothing leads to, and no error.
    expect([0, 3]).toContain(spawnSync('qemu-img', ['check', '-q', overlay]).status);
    const raw = join(directory, 'killed.img');
    run('qemu-img', 'convert', '-O', 'raw', overlay, raw);
    // 0 or 1: the journal is replayed, and whatever that left to do.
    expect([0, 1]).toContain(spawnSync('e2fsck', ['-f', '-p', raw]).status);
    expect(run('debugfs', '-R', 'cat synced', raw)).toBe('kept\n');
    expect(readFileSync(image).equals(before)).toBe(true);
  },
);

/** What the command line refuses, with the sentence and the way on. */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import type { HostProbe } from '../../preload/contract/machine';
import * as guests from '../support/guest';
import { needsKvm } from '../support/needs';
import { REVEILLE, reveille, Run } from '../support/reveille';
import { guest } from './scratch';

beforeEach(needsKvm);

const NOBODY = 65534;

const rollCall = readFileSync(new URL('../../resources/guests/roll-call.bin', import.meta.url));
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
  ['missing', [], 2, 'is neither a file nor a bundled guest, which are roll-call, herd, heartbeat, fault, lost-sipi'],
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
  ['roll-call', ['--apic-ids', '0,1,1,2'], 2, 'CPU 1 and CPU 2 both have APIC id 1: every CPU needs an id of its own.'],
  ['roll-call', ['--apic-ids', '0,1,2'], 2, '3 APIC ids'],
  ['roll-call', ['--topology', '2x2x1', '--cpus', '3'], 2, '2x2x1'],
  ['roll-call', ['--accel', 'wasm', '--irqchip', 'kernel'], 2, "The emulator has no irqchip 'kernel', which is KVM's"],
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

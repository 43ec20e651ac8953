import { expect, test } from 'vitest';
import type { MachineSettings } from '../../../preload/contract/app';
import { draftOf, settingsOf, writingProblems } from './draft';

const FIRST: MachineSettings = {
  name: 'heartbeat',
  guest: { kind: 'bundled', name: 'heartbeat' },
  initrd: null,
  symbols: null,
  disks: [],
  topology: { sockets: 1, cores: 4, threads: 1 },
  apicIds: null,
  bsp: 3,
  memory: 2 ** 27,
  accelerator: 'auto',
  irqchip: 'exact',
  cmdline: 'beat=100',
  seed: 7,
  realtime: true,
  parallel: false,
  acpi: true,
  vga: 'text',
  serial: [{ kind: 'stdio' }, { kind: 'stdio' }, { kind: 'none' }, { kind: 'none' }],
  consoles: [],
  network: null,
  policies: [],
};

const OTHER: MachineSettings = {
  ...FIRST,
  guest: { kind: 'file', path: '/boot/kernel.elf' },
  initrd: '/boot/initrd.img',
  symbols: '/boot/System.map',
  disks: [
    { path: '/disks/root.img', readonly: false, overlay: '/disks/changes.qcow2' },
    { path: '/disks/tools.img', readonly: true, overlay: null },
  ],
  apicIds: [0, 2, 4, 6],
  memory: 2 ** 20 + 1,
  serial: [
    { kind: 'pty' },
    { kind: 'file', path: '/tmp/log' },
    { kind: 'unix', path: '/tmp/socket' },
    { kind: 'none' },
  ],
  consoles: [{ kind: 'stdio' }, { kind: 'unix', path: '/tmp/hvc1' }],
  network: {
    kind: 'user',
    forwards: [
      { host: 8080, guest: 80 },
      { host: 2222, guest: 22 },
    ],
  },
  policies: [
    { policy: 'staggered', options: { every: '5ms' } },
    { policy: 'mine/staggered', options: {} },
  ],
};

test.each([FIRST, OTHER])('settings come back from their draft as they were', (settings) => {
  const draft = draftOf(settings, 'roll-call');
  expect(settingsOf(draft)).toEqual(settings);
  expect(writingProblems(draft)).toEqual([]);
});

test('what was typed for the other choice does not go into the settings', () => {
  const draft = draftOf(OTHER, 'roll-call');
  draft.guest.kind = 'bundled';
  draft.ownApicIds = false;
  draft.serial[1].kind = 'none';
  draft.network = false;
  const settings = settingsOf(draft);
  expect(settings.guest).toEqual({ kind: 'bundled', name: 'roll-call' });
  expect(settings.initrd).toBeNull();
  expect(settings.symbols).toBeNull();
  expect(settings.apicIds).toBeNull();
  expect(settings.network).toBeNull();
  expect(settings.serial[1]).toEqual({ kind: 'none' });
});

test('what is no size and no list of numbers is said beside its field', () => {
  const draft = draftOf(OTHER, 'roll-call');
  draft.memory = 'lots';
  draft.apicIds = '0, one';
  draft.disks = '/disk.img,fast';
  draft.forwards = '8080-80, 22';
  expect(writingProblems(draft)).toEqual([
    { field: 'memory', message: '“lots” is no size: write it as 128M or 1G.' },
    { field: 'apicIds', message: 'Write APIC ids as numbers with commas between them: 0, 2, 0x10.' },
    {
      field: 'disks',
      message: '“/disk.img,fast” is no disk: write it as PATH[,overlay=PATH][,readonly].',
    },
    {
      field: 'network',
      message: '“22” forwards no port: write the host’s and the guest’s with a dash between them, as 8080-80.',
    },
  ]);
});

test('an emptied number is not taken for 0', () => {
  const draft = draftOf(OTHER, 'roll-call');
  draft.seed = '';
  draft.topology.cores = '';
  expect(settingsOf(draft).seed).toBeNaN();
  expect(settingsOf(draft).topology.cores).toBeNaN();
});

import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import type { MachineSettings } from '../../preload/contract/app';
import type { HostProbe } from '../../preload/contract/machine';
import {
  FIRST_MACHINE,
  formatMachineFile,
  parseMachineFile,
  parseSettings,
  prepareMachine,
  settingsProblems,
} from './machine-settings';
import { PluginStore } from './plugin-store';

const GUESTS = pathToFileURL('resources/guests/');
const PLUGINS = new PluginStore({ bundled: pathToFileURL('plugins/'), dataDirectory: '/nowhere' });
const EXACT = { mode: 'exact', usable: true, reason: null, maxCpus: 255 } as const;
const KERNEL = { mode: 'kernel', usable: false, reason: 'It is KVM’s.', maxCpus: 0 } as const;
const HOST: HostProbe = {
  memory: 2 ** 33,
  maxGuestMemory: 2 ** 31,
  accelerators: [
    { name: 'wasm', usable: true, reason: null, maxCpus: 255, modes: [EXACT, KERNEL], facts: {} },
    { name: 'kvm', usable: false, reason: '/dev/kvm does not exist.', maxCpus: 0, modes: [], facts: {} },
  ],
  auto: { accelerator: 'wasm', reason: 'KVM does not work here.' },
  network: null,
};

function problems(change: Partial<Record<keyof MachineSettings, unknown>>): unknown {
  return settingsProblems({ ...FIRST_MACHINE, ...change }, HOST, GUESTS, PLUGINS);
}

test('the first machine can be started', () => {
  expect(problems({})).toEqual([]);
});

test.each([
  [{ name: '  ' }, 'name', 'A machine needs a name.'],
  [
    { guest: { kind: 'file', path: 'kernel' } },
    'guest',
    '"kernel" does not say where the file is: give its whole path, from / on.',
  ],
  [{ guest: { kind: 'file', path: '' } }, 'guest', 'No image is chosen: pick one, or give its path.'],
  [{ guest: { kind: 'bundled', name: 'nobody' } }, 'guest', /nobody/],
  [{ initrd: 'initrd.img' }, 'initrd', '"initrd.img" does not say where the file is: give its whole path, from / on.'],
  [{ initrd: '/nowhere' }, 'initrd', 'The initial RAM disk "/nowhere" does not exist.'],
  [
    { symbols: 'System.map' },
    'symbols',
    '"System.map" does not say where the file is: give its whole path, from / on.',
  ],
  [{ symbols: '/nowhere' }, 'symbols', 'The file of symbols "/nowhere" does not exist.'],
  [{ symbols: '/' }, 'symbols', 'The file of symbols "/" is a directory.'],
  [{ symbols: 7 }, 'symbols', 'A path must be text.'],
  [
    { guest: { kind: 'bundled', name: 'shuffle/nobody' } },
    'guest',
    'There is no guest nobody in the plugin shuffle, which has none.',
  ],
  [
    { topology: { sockets: 1, cores: Number.NaN, threads: 1 } },
    'topology',
    'The number of cores a socket must be a whole number from 1 to 1024.',
  ],
  [{ topology: { sockets: 16, cores: 16, threads: 1 } }, 'topology', /exact has at most 255 on this host\.$/],
  [{ apicIds: [0, 1, 1, 3] }, 'apicIds', 'CPU 1 and CPU 2 both have APIC id 1: every CPU needs an id of its own.'],
  [{ bsp: 4 }, 'bsp', 'BSP 4 is not a CPU: this machine has CPUs 0 to 3.'],
  [{ memory: 0 }, 'memory', /^0 bytes of memory \(0 MiB\) are not possible: a machine has 1 to 3072 MiB/],
  [{ memory: 2 ** 20 - 1 }, 'memory', /^1048575 bytes of memory .* are not possible/],
  [{ memory: 2 ** 20 + 1 }, 'memory', '1048577 bytes of memory are not a whole number of MiB: use 2M.'],
  [{ memory: 3 * 2 ** 30 }, 'memory', /at most 2048 MiB: use less memory\.$/],
  [{ accelerator: 'kvm' }, 'accelerator', 'kvm is not usable here: /dev/kvm does not exist.'],
  [{ irqchip: 'kernel' }, 'irqchip', "The emulator has no irqchip 'kernel', which is KVM's: use irqchip 'exact'."],
  [{ cmdline: 'a\0b' }, 'cmdline', /NUL/],
  [{ seed: -1 }, 'seed', 'The seed must be a whole number from 0 to 4294967295, not -1.'],
  [
    { serial: [{ kind: 'stdio' }, { kind: 'file', path: '' }, { kind: 'none' }, { kind: 'none' }] },
    'serial',
    'The file of COM2 is empty: name a file.',
  ],
  [
    { network: { kind: 'user', forwards: [{ host: 8080, guest: 0 }] } },
    'network',
    'The port of the guest must be a whole number from 1 to 65535, not 0.',
  ],
  [{ network: { kind: 'tap', forwards: [] } }, 'network', 'The network must be user.'],
])('%j is a problem of its field', (change, field, message) => {
  expect(problems(change)).toEqual([
    { field, message: message instanceof RegExp ? expect.stringMatching(message) : message },
  ]);
});

test('a network is refused where the host has none, and goes into the configuration where it has', () => {
  const settings = { ...FIRST_MACHINE, network: { kind: 'user' as const, forwards: [{ host: 8080, guest: 80 }] } };
  const reason = 'A network needs a library.';
  expect(settingsProblems(settings, { ...HOST, network: reason }, GUESTS, PLUGINS)).toEqual([
    { field: 'network', message: reason },
  ]);
  expect(settingsProblems(settings, HOST, GUESTS, PLUGINS)).toEqual([]);
  expect(prepareMachine(settings, 'guest', HOST).config.network).toEqual(settings.network);
});

test('all fields that are wrong are named at once', () => {
  const found = settingsProblems(
    { ...FIRST_MACHINE, name: '', memory: Number.NaN, bsp: 9, seed: -1, apicIds: [1, 1, 1, 1] },
    HOST,
    GUESTS,
    PLUGINS,
  );
  expect(found.map(({ field }) => field).sort()).toEqual(['apicIds', 'bsp', 'memory', 'name', 'seed']);
});

test('a BSP is no problem of its own where the number of CPUs is wrong', () => {
  expect(problems({ topology: { sockets: 0, cores: 4, threads: 1 }, bsp: 9 })).toEqual([
    { field: 'topology', message: 'The number of sockets must be a whole number from 1 to 1024.' },
  ]);
});

test.each([null, 7, 'text', [], { ...FIRST_MACHINE, more: 1 }])('what is no machine at all is refused: %j', (input) => {
  expect(settingsProblems(input, HOST, GUESTS, PLUGINS).length).toBeGreaterThan(0);
  expect(() => parseSettings(input)).toThrow(/\.$/);
});

test('a machine that was kept before there were policies has none', () => {
  const { policies: _, ...older } = FIRST_MACHINE;
  expect(parseSettings(older)).toEqual(FIRST_MACHINE);
  expect(settingsProblems(older, HOST, GUESTS, PLUGINS)).toEqual([]);
});

test.each([
  [{ policy: 'drop-sipi', options: { nth: 0 } }, 'nth', /^The option nth of drop-sipi must be .* not 0\.$/],
  [{ policy: 'drop-sipi', options: { cpus: '1,9' } }, 'cpus', /CPUs of this machine \(0 to 3\)/],
  [{ policy: 'drop-sipi', options: { colour: 'red' } }, null, /has no option .colour./],
  [{ policy: 'drop-sippi', options: {} }, null, /^There is no policy "drop-sippi"\. Did you mean drop-sipi\?/],
])('%j is a problem of one policy', (choice, option, message) => {
  const fine = { policy: 'drop-sipi', options: { nth: '2', cpus: 'aps' } };
  expect(problems({ policies: [fine, choice] })).toEqual([
    { field: 'policies', message: expect.stringMatching(message), policy: { index: 1, option } },
  ]);
});

test('a policy that needs the local APICs is refused where KVM has them', () => {
  const found = problems({ irqchip: 'kernel', policies: [{ policy: 'spurious-init', options: {} }] });
  expect(found).toContainEqual({
    field: 'policies',
    message: expect.stringMatching(/needs the interrupt mode exact; in kernel KVM itself has the local APICs\.$/),
    policy: { index: 0, option: null },
  });
});

test('a policy is never given by a path: nobody has granted that plugin anything', () => {
  expect(problems({ policies: [{ policy: '/tmp/evil', options: {} }] })).toEqual([
    { field: 'policies', message: 'A policy is given by its name, or as PLUGIN/NAME.' },
  ]);
});

test('a machine file holds all of a machine', () => {
  expect(parseMachineFile(formatMachineFile(FIRST_MACHINE))).toEqual(FIRST_MACHINE);
  expect(() => parseMachineFile('{')).toThrow(/^This is no machine file: /);
  expect(() => parseMachineFile('{"reveille":2}')).toThrow(/^This is no machine file of this version of Reveille: /);
});

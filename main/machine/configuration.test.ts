import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReveilleError } from '../base/errors';
import {
  checkConfiguration,
  completeConfiguration,
  ConfigurationError,
  type PartialMachineConfig,
} from './configuration';
import { defaultApicIds } from '../../preload/contract/topology';
import { parseTopology } from './topology';

const MIB = 2 ** 20;
const chosen: PartialMachineConfig = { guest: 'kernel.elf', accelerator: 'kvm' };
const valid = completeConfiguration(chosen);
const ids = (count: number, first = 0): number[] => Array.from({ length: count }, (_, i) => first + i);
const machineOf = (cpus: number, more: object = {}) => ({
  ...valid,
  cpus,
  topology: { sockets: 1, cores: cpus, threads: 1 },
  apicIds: ids(cpus),
  tableOrder: ids(cpus),
  ...more,
});

/** COM1 with this back end, and three ports without. */
const com1 = (backend: unknown): unknown => [backend, ...valid.serial.slice(1)];

describe('completeConfiguration', () => {
  test('fills in the defaults', () => {
    expect(valid).toEqual({
      guest: 'kernel.elf',
      initrd: null,
      disks: [],
      acpi: true,
      vga: 'text',
      cpus: 4,
      topology: { sockets: 1, cores: 4, threads: 1 },
      apicIds: [0, 1, 2, 3],
      bsp: 0,
      tableOrder: [0, 1, 2, 3],
      memory: 128 * MIB,
      accelerator: 'kvm',
      irqchip: 'exact',
      cmdline: '',
      seed: 0,
      realtime: false,
      parallel: false,
      timeLimit: null,
      serial: [{ kind: 'stdio' }, { kind: 'none' }, { kind: 'none' }, { kind: 'none' }],
      consoles: [],
      network: null,
    });
  });

  test('takes the number of CPUs from the topology, and ids from both', () => {
    const config = completeConfiguration({ ...chosen, topology: { sockets: 2, cores: 3, threads: 1 } });
    expect(config.cpus).toBe(6);
    expect(config.apicIds).toEqual([0, 1, 2, 4, 5, 6]);
  });

  test('keeps what was chosen, and takes undefined as not chosen', () => {
    const config = completeConfiguration({
      ...chosen,
      cpus: 2,
      bsp: 1,
      apicIds: [9, 5],
      memory: undefined,
      cmdline: 'quiet',
    });
    expect(config).toMatchObject({ cpus: 2, bsp: 1, apicIds: [9, 5], memory: 128 * MIB, cmdline: 'quiet' });
  });

  test.each([
    [{ cpus: 0 }, 'A machine has 1 to 1024 CPUs, not 0 (topology 1x0x1)'],
    [{ cpus: 1e12 }, 'A machine has 1 to 1024 CPUs, not 1000000000000 (topology 1x1000000000000x1)'],
    [{ cpus: NaN }, 'A machine has 1 to 1024 CPUs, not NaN (topology 1xNaNx1)'],
    [
      { cpus: 3, topology: parseTopology('1x2x1') },
      'Topology 1x2x1 has 2 CPUs, but the machine has 3: change one of them',
    ],
    [
      { topology: parseTopology('9x17x1') },
      "APIC id 256 of CPU 136 needs an x2APIC, which irqchip 'exact' does not have on KVM: use ids from 0 to 254, irqchip 'kernel', or the emulator",
    ],
  ])('checks what comes out: %j', (more, message) => {
    expect(() => completeConfiguration({ ...chosen, ...more })).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', message }),
    );
  });
});

describe('checkConfiguration', () => {
  test('accepts what it has returned, as a copy', () => {
    const checked = checkConfiguration(valid);
    expect(checked).toEqual(valid);
    expect(checked).not.toBe(valid);
  });

  test('its error is the fault of the request', () => {
    expect(new ConfigurationError('x')).toBeInstanceOf(ReveilleError);
    expect(new ConfigurationError('x').kind).toBe('usage');
  });

  test.each([
    ['one CPU', machineOf(1)],
    ['255 CPUs in exact mode', machineOf(255)],
    ['1024 CPUs', machineOf(1024, { irqchip: 'kernel' })],
    ['the largest APIC id', machineOf(2, { irqchip: 'split', apicIds: [0, 4095] })],
    ['the largest APIC id in exact mode', machineOf(2, { apicIds: [254, 0] })],
    ['1024 CPUs of the emulator', machineOf(1024, { accelerator: 'wasm' })],
    ['the largest APIC id of the emulator', machineOf(2, { accelerator: 'wasm', apicIds: [4095, 0] })],
    ['1 MiB', { ...valid, memory: MIB }],
    ['3 GiB', { ...valid, memory: 3072 * MIB }],
    ['a command line of 4095 bytes', { ...valid, cmdline: 'ä'.repeat(2047) + 'x' }],
    ['the emulator', { ...valid, accelerator: 'wasm' }],
    [
      'every back end',
      {
        ...valid,
        serial: [{ kind: 'pty' }, { kind: 'file', path: 'a' }, { kind: 'unix', path: '/b' }, { kind: 'none' }],
      },
    ],
  ])('accepts %s', (_, input) => {
    expect(checkConfiguration(input)).toEqual(input);
  });

  test.each<[unknown, string]>([
    [null, 'A machine must be an object, not null'],
    [undefined, 'A machine must be an object, not missing'],
    [{ guest: 'x' }, 'A machine has to have the property "cpus", which is missing'],
    [
      { ...valid, ram: 1 },
      'A machine has no property "ram": it has guest, cpus, topology, apicIds, bsp, tableOrder, memory, accelerator, irqchip, initrd, cmdline, seed, realtime, parallel, timeLimit, disks, acpi, vga, serial, consoles, network',
    ],
    [{ ...valid, guest: '' }, 'The path of the guest image is empty: name a file'],
    [
      { ...valid, guest: 'a\0b' },
      'The path of the guest image contains a NUL character, which would end it: remove it',
    ],
    [{ ...valid, guest: 7 }, 'The path of the guest image must be text, not 7'],
    [{ ...valid, cpus: 0 }, 'The number of CPUs must be a whole number from 1 to 1024, not 0'],
    [{ ...valid, cpus: 2.5 }, 'The number of CPUs must be a whole number from 1 to 1024, not 2.5'],
    [{ ...valid, cpus: '4' }, "The number of CPUs must be a whole number from 1 to 1024, not '4'"],
    [machineOf(1025), 'The number of CPUs must be a whole number from 1 to 1024, not 1025'],
    [{ ...valid, cpus: 3 }, 'Topology 1x4x1 has 4 CPUs, but the machine has 3: change one of them'],
    [
      { ...valid, topology: { sockets: 1024, cores: 1024, threads: 1024 } },
      'A machine has 1 to 1024 CPUs, not 1073741824 (topology 1024x1024x1024)',
    ],
    [
      { ...valid, topology: { sockets: 1, cores: 4 } },
      'A topology has to have the property "threads", which is missing',
    ],
    [
      machineOf(256),
      "A machine with irqchip 'exact' on KVM has at most 255 CPUs, since its APIC ids have eight bits, but 256 are wanted: use fewer, irqchip 'kernel', or the emulator",
    ],
    [{ ...valid, apicIds: [0, 1, 2] }, 'There are 3 APIC ids for 4 CPUs: every CPU needs one'],
    [{ ...valid, apicIds: [0, 5, 2, 5] }, 'CPU 1 and CPU 3 both have APIC id 5: every CPU needs an id of its own'],
    [{ ...valid, apicIds: [0, 1, 2, -1] }, 'An APIC id must be a whole number from 0 to 4095, not -1'],
    [
      { ...valid, irqchip: 'kernel', apicIds: [0, 1, 2, 4096] },
      'An APIC id must be a whole number from 0 to 4095, not 4096',
    ],
    [
      { ...valid, irqchip: 'kernel', apicIds: [0, 1, 2, 0xffffffff] },
      'An APIC id must be a whole number from 0 to 4095, not 4294967295',
    ],
    [
      { ...valid, apicIds: [0, 1, 2, 255] },
      "APIC id 255 of CPU 3 needs an x2APIC, which irqchip 'exact' does not have on KVM: use ids from 0 to 254, irqchip 'kernel', or the emulator",
    ],
    [{ ...valid, tableOrder: [0, 1, 3, 3] }, 'The table order must list each of 4 CPUs once, but CPU 2 is missing'],
    [{ ...valid, tableOrder: [0, 1, 2, 3, 0] }, 'The table order must list each of 4 CPUs once, but it has 5 entries'],
    [{ ...valid, apicIds: 'all' }, "The APIC ids must be a list of numbers, not 'all'"],
    [{ ...valid, bsp: 5 }, 'BSP 5 is not a CPU: this machine has CPUs 0 to 3'],
    [{ ...valid, bsp: -1 }, 'BSP -1 is not a CPU: this machine has CPUs 0 to 3'],
    [{ ...valid, bsp: 0.5 }, 'BSP 0.5 is not a CPU: this machine has CPUs 0 to 3'],
    [machineOf(1, { bsp: 1 }), 'BSP 1 is not a CPU: this machine has CPU 0 only'],
    [
      { ...valid, memory: MIB - 4096 },
      '1044480 bytes of memory (0.99609375 MiB) are not possible: a machine has 1 to 3072 MiB, since the APICs and other devices are above',
    ],
    [
      { ...valid, memory: 4096 * MIB },
      '4294967296 bytes of memory (4096 MiB) are not possible: a machine has 1 to 3072 MiB, since the APICs and other devices are above',
    ],
    [{ ...valid, memory: 5 * MIB + 4096 }, '5246976 bytes of memory are not a whole number of MiB: use 6M'],
    [{ ...valid, memory: '128M' }, "The memory must be a number of bytes, not '128M'"],
    [{ ...valid, memory: NaN }, 'The memory must be a number of bytes, not NaN'],
    [{ ...valid, cmdline: 'ä'.repeat(2048) }, 'The command line is 4096 bytes long: at most 4095 are possible'],
    [{ ...valid, cmdline: 'a\0' }, 'The command line contains a NUL character, which would end it: remove it'],
    [{ ...valid, accelerator: 'hvf' }, "The accelerator must be 'kvm' or 'wasm', not 'hvf'"],
    [{ ...valid, irqchip: 'on' }, "The irqchip must be 'exact' or 'kernel' or 'split', not 'on'"],
    [
      { ...valid, accelerator: 'wasm', irqchip: 'split' },
      "The emulator has no irqchip 'split', which is KVM's: use irqchip 'exact'",
    ],
    [
      { ...valid, serial: [] },
      "The back end of COM1 must be of kind 'stdio', 'none', 'pty', 'file' or 'unix', not missing",
    ],
    [{ ...valid, serial: {} }, 'The serial ports must be a list of four back ends, for COM1, COM2, COM3, COM4'],
    [
      { ...valid, serial: [...valid.serial, { kind: 'none' }] },
      'The serial ports must be a list of four back ends, for COM1, COM2, COM3, COM4',
    ],
    [
      { ...valid, serial: com1({ kind: 'tcp' }) },
      "The back end of COM1 must be of kind 'stdio', 'none', 'pty', 'file' or 'unix', not 'tcp'",
    ],
    [
      { ...valid, serial: com1({ kind: 'file' }) },
      'The file back end of COM1 has to have the property "path", which is missing',
    ],
    [
      { ...valid, serial: com1({ kind: 'unix', path: 'x'.repeat(108) }) },
      'The socket of COM1 is 108 bytes long: at most 107 are possible',
    ],
    [
      { ...valid, serial: com1({ kind: 'none', path: '/x' }) },
      'The none back end of COM1 has no property "path": it has kind',
    ],
    [{ ...valid, seed: 2 ** 32 }, 'The seed must be a whole number from 0 to 4294967295, not 4294967296'],
    [{ ...valid, realtime: 1 }, 'Real time must be true or false, not 1'],
    [
      { ...valid, disks: [{ path: 'a', readonly: true, overlay: 'b' }] },
      'The disk a is read-only and has an overlay for its changes: choose one of the two',
    ],
    [
      { ...valid, disks: ids(5).map(() => ({ path: 'a', readonly: true, overlay: null })) },
      'A machine has at most 4 disks, not 5',
    ],
    [
      { ...valid, disks: [{ path: '', readonly: true, overlay: null }] },
      'The path of a disk image is empty: name a file',
    ],
    [{ ...valid, parallel: 'yes' }, "Parallel must be true or false, not 'yes'"],
    [
      { ...valid, consoles: [{ kind: 'pty' }, { kind: 'pty' }, { kind: 'pty' }] },
      'A machine has at most 2 virtio consoles, not 3',
    ],
    [{ ...valid, consoles: [{ kind: 'pty' }, { kind: 'file', path: '' }] }, 'The file of hvc1 is empty: name a file'],
    [
      { ...valid, network: { kind: 'user', forwards: [{ host: 70000, guest: 1 }] } },
      'The port of the host must be a whole number from 1 to 65535, not 70000',
    ],
  ])('refuses case %#', (input, message) => {
    expect(() => checkConfiguration(input)).toThrow(expect.objectContaining({ name: 'ConfigurationError', message }));
  });

  test('refuses ids that CPUID cannot describe', () => {
    const interleaved = { ...valid, topology: { sockets: 2, cores: 2, threads: 1 }, apicIds: [0, 2, 1, 3] };
    expect(() => checkConfiguration(interleaved)).toThrow(
      /^CPU 0 \(APIC id 0\) and CPU 2 \(APIC id 1\) are of different sockets/,
    );
  });

  test('never fails but with a ConfigurationError, whatever it is given', () => {
    const mutated = fc
      .tuple(
        fc.constantFrom(...Object.keys(valid)),
        fc.oneof(fc.anything(), fc.double(), fc.constantFrom(0, 1, 255, 1024)),
      )
      .map(([key, value]) => ({ ...valid, [key]: value }));
    fc.assert(
      fc.property(fc.oneof(fc.anything(), mutated), (input) => {
        try {
          const config = checkConfiguration(input);
          expect(config.apicIds).toHaveLength(config.cpus);
          expect(config.cpus).toBeLessThanOrEqual(1024);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigurationError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('the default ids of every topology that fits are accepted', () => {
    const topologies = fc.record({
      sockets: fc.integer({ min: 1, max: 8 }),
      cores: fc.integer({ min: 1, max: 16 }),
      threads: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(topologies, (topology) => {
        const config = completeConfiguration({ ...chosen, topology, irqchip: 'kernel' });
        expect(config.apicIds).toEqual(defaultApicIds(topology));
      }),
    );
  });
});

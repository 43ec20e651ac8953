/**
 * What a machine may be made from. A configuration comes from a command line, a window or a socket: it is data that
 * nobody vouches for until `checkConfiguration` has returned it.
 */
import * as v from 'valibot';
import { customaryOrder } from '../firmware/cpu-list';
import type { DiskConfig, MachineConfig, SerialBackend, Topology } from '../../preload/contract/machine';
import {
  MAX_CONSOLES,
  MAX_CPUS,
  MAX_DISKS,
  MAX_FORWARDS,
  MAX_PATH,
  MAX_SEED,
} from '../../preload/contract/machine-limits';
import { FIRST_CONSOLE_PORT, portName } from '../../preload/contract/ports';
import { cpuCount, defaultApicIds } from '../../preload/contract/topology';
import { LAST_XAPIC_ID } from '../base/lapic-registers';
import { show } from '../base/show';
import { MAX_COMMAND_LINE, MAX_RAM, MIB, MIN_RAM } from '../firmware/memory-map';
import { ConfigurationError } from './configuration-error';
import { apicIdShifts, formatTopology } from './topology';

export { ConfigurationError };

/** KVM takes the APIC id as vcpu id, of which there are KVM_MAX_VCPU_IDS = 4 * KVM_MAX_VCPUS. */
const MAX_APIC_ID = 4 * MAX_CPUS - 1;
/** On KVM Reveille's own local APICs are xAPICs. */
const MAX_XAPIC_CPUS = LAST_XAPIC_ID + 1;
/** In ns: a day. */
const MAX_TIME = 86400e9;
const DEFAULT_CPUS = 4;
const DEFAULT_MEMORY = 128 * MIB;
/** sizeof(sun_path) of struct sockaddr_un, which counts the terminating NUL. */
const MAX_SOCKET_PATH = 107;
/** Of TCP. */
const LAST_PORT = 65535;

type Issue = v.BaseIssue<unknown>;

const mustBe =
  (what: string, expected: string) =>
  (issue: Issue): string =>
    `${what} must be ${expected}, not ${show(issue.input)}`;

function whole(what: string, min: number, max: number) {
  const message = mustBe(what, `a whole number from ${min} to ${max}`);
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));
}

/** Text that the host or the guest reads up to its first NUL. */
function text(what: string, minBytes: number, maxBytes: number) {
  return v.pipe(
    v.string(mustBe(what, 'text')),
    v.check((value) => !value.includes('\0'), `${what} contains a NUL character, which would end it: remove it`),
    v.minBytes(minBytes, `${what} is empty: name a file`),
    v.maxBytes(maxBytes, (issue) => `${what} is ${issue.received} bytes long: at most ${maxBytes} are possible`),
  );
}

function oneOf<const Names extends readonly string[]>(what: string, names: Names) {
  return v.picklist(names, mustBe(what, names.map((name) => `'${name}'`).join(' or ')));
}

function object<const Entries extends v.ObjectEntries>(what: string, entries: Entries) {
  return v.strictObject(entries, (issue) =>
    issue.expected === 'never'
      ? `${what} has no property ${issue.received}: it has ${Object.keys(entries).join(', ')}`
      : issue.expected === 'Object'
        ? mustBe(what, 'an object')(issue)
        : `${what} has to have the property ${issue.expected}, which is missing`,
  );
}

function portBackend(number: number): v.GenericSchema<unknown, SerialBackend> {
  const port = portName(number);
  const backend = (kind: string) => `The ${kind} back end of ${port}`;
  return v.variant(
    'kind',
    [
      object(backend('stdio'), { kind: v.literal('stdio') }),
      object(backend('none'), { kind: v.literal('none') }),
      object(backend('pty'), { kind: v.literal('pty') }),
      object(backend('file'), { kind: v.literal('file'), path: text(`The file of ${port}`, 1, MAX_PATH) }),
      object(backend('unix'), { kind: v.literal('unix'), path: text(`The socket of ${port}`, 1, MAX_SOCKET_PATH) }),
    ],
    mustBe(`The back end of ${port}`, "of kind 'stdio', 'none', 'pty', 'file' or 'unix'"),
  );
}

/** Each by its number, so that a reason names it; an input may have fewer. */
const consoleBackends = Array.from({ length: MAX_CONSOLES }, (_, n) => v.optional(portBackend(FIRST_CONSOLE_PORT + n)));

const entries = {
  guest: text('The path of the guest image', 1, MAX_PATH),
  cpus: whole('The number of CPUs', 1, MAX_CPUS),
  topology: object('A topology', {
    sockets: whole('The number of sockets', 1, MAX_CPUS),
    cores: whole('The number of cores a socket', 1, MAX_CPUS),
    threads: whole('The number of threads a core', 1, MAX_CPUS),
  }),
  apicIds: v.array(whole('An APIC id', 0, MAX_APIC_ID), mustBe('The APIC ids', 'a list of numbers')),
  bsp: v.number(mustBe('The BSP', 'the number of a CPU')),
  tableOrder: v.array(
    v.number(mustBe('A place in the tables', 'the number of a CPU')),
    mustBe('The table order', 'a list of CPUs'),
  ),
  memory: v.number(mustBe('The memory', 'a number of bytes')),
  accelerator: oneOf('The accelerator', ['kvm', 'wasm']),
  irqchip: oneOf('The irqchip', ['exact', 'kernel', 'split']),
  initrd: v.nullable(text('The path of the initial RAM disk', 1, MAX_PATH)),
  cmdline: text('The command line', 0, MAX_COMMAND_LINE),
  seed: whole('The seed', 0, MAX_SEED),
  realtime: v.boolean(mustBe('Real time', 'true or false')),
  parallel: v.boolean(mustBe('Parallel', 'true or false')),
  timeLimit: v.nullable(whole('The time limit', 1, MAX_TIME)),
  disks: v.pipe(
    v.array(
      object('A disk', {
        path: text('The path of a disk image', 1, MAX_PATH),
        readonly: v.boolean(mustBe('Whether a disk is read-only', 'true or false')),
        overlay: v.nullable(text('The path of an overlay', 1, MAX_PATH)),
      }),
      mustBe('The disks', 'a list'),
    ),
    v.maxLength(MAX_DISKS, (issue) => `A machine has at most ${MAX_DISKS} disks, not ${issue.received}`),
  ),
  acpi: v.boolean(mustBe('ACPI', 'true or false')),
  vga: oneOf('The VGA', ['none', 'text']),
  serial: v.strictTuple(
    [portBackend(0), portBackend(1), portBackend(2), portBackend(3)],
    'The serial ports must be a list of four back ends, for COM1, COM2, COM3, COM4',
  ),
  consoles: v.pipe(
    v.array(v.unknown(), mustBe('The virtio consoles', 'a list of back ends')),
    v.maxLength(
      MAX_CONSOLES,
      (issue) => `A machine has at most ${MAX_CONSOLES} virtio consoles, not ${issue.received}`,
    ),
    v.tuple(consoleBackends),
    v.transform((backends) => backends.filter((backend) => backend !== undefined)),
  ),
  network: v.nullable(
    object('A network', {
      kind: oneOf('The kind of network', ['user']),
      forwards: v.pipe(
        v.array(
          object('A forwarded port', {
            host: whole('The port of the host', 1, LAST_PORT),
            guest: whole('The port of the guest', 1, LAST_PORT),
          }),
          mustBe('The forwarded ports', 'a list'),
        ),
        v.maxLength(MAX_FORWARDS, (issue) => `At most ${MAX_FORWARDS} ports are forwarded, not ${issue.received}`),
      ),
    }),
  ),
};
const schema: v.GenericSchema<unknown, MachineConfig> = object('A machine', entries);
const FIELDS = Object.keys(entries) as (keyof MachineConfig)[];

/** The configuration as a copy of its own, every rule checked; a ConfigurationError says which one is broken. */
export function checkConfiguration(input: unknown): MachineConfig {
  const result = v.safeParse(schema, input, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw new ConfigurationError(issue.message, fieldOf(issue));
  }
  const config = result.output;
  checkTopology(config.cpus, config.topology);
  checkIrqchip(config);
  checkApicIds(config);
  if (!Number.isInteger(config.bsp) || config.bsp < 0 || config.bsp >= config.cpus) {
    throw new ConfigurationError(`BSP ${config.bsp} is not a CPU: this machine has ${cpuRange(config.cpus)}`, 'bsp');
  }
  checkTableOrder(config);
  checkMemory(config.memory);
  config.disks.forEach(checkDisk);
  return config;
}

function fieldOf({ path }: Issue): keyof MachineConfig | null {
  const key = path?.[0]?.key;
  return FIELDS.find((field) => field === key) ?? null;
}

type Optional<T> = { [K in keyof T]?: T[K] | undefined };
export type PartialMachineConfig = Pick<MachineConfig, 'guest' | 'accelerator'> & Optional<MachineConfig>;

/** A whole configuration, checked, from what the user chose. */
export function completeConfiguration(chosen: PartialMachineConfig): MachineConfig {
  const cpus = chosen.cpus ?? (chosen.topology === undefined ? DEFAULT_CPUS : cpuCount(chosen.topology));
  const topology = chosen.topology ?? { sockets: 1, cores: cpus, threads: 1 };
  // Before ids are made for them.
  checkTopology(cpus, topology);
  return checkConfiguration({
    guest: chosen.guest,
    initrd: chosen.initrd ?? null,
    cpus,
    topology,
    apicIds: chosen.apicIds ?? defaultApicIds(topology),
    bsp: chosen.bsp ?? 0,
    tableOrder: chosen.tableOrder ?? customaryOrder(cpus, chosen.bsp ?? 0),
    memory: chosen.memory ?? DEFAULT_MEMORY,
    accelerator: chosen.accelerator,
    irqchip: chosen.irqchip ?? 'exact',
    cmdline: chosen.cmdline ?? '',
    seed: chosen.seed ?? 0,
    realtime: chosen.realtime ?? false,
    parallel: chosen.parallel ?? false,
    timeLimit: chosen.timeLimit ?? null,
    disks: chosen.disks ?? [],
    acpi: chosen.acpi ?? true,
    vga: chosen.vga ?? 'text',
    serial: chosen.serial ?? [{ kind: 'stdio' }, { kind: 'none' }, { kind: 'none' }, { kind: 'none' }],
    consoles: chosen.consoles ?? [],
    network: chosen.network ?? null,
  });
}

function checkTopology(cpus: number, topology: Topology): void {
  const count = cpuCount(topology);
  const shape = formatTopology(topology);
  if (!(Number.isInteger(count) && count >= 1 && count <= MAX_CPUS)) {
    throw new ConfigurationError(`A machine has 1 to ${MAX_CPUS} CPUs, not ${count} (topology ${shape})`, 'topology');
  }
  if (count !== cpus) {
    throw new ConfigurationError(
      `Topology ${shape} has ${plural(count, 'CPU')}, but the machine has ${cpus}: change one of them`,
      'topology',
    );
  }
}

function checkIrqchip({ accelerator, irqchip, cpus }: MachineConfig): void {
  if (accelerator === 'wasm' && irqchip !== 'exact') {
    throw new ConfigurationError(
      `The emulator has no irqchip '${irqchip}', which is KVM's: use irqchip 'exact'`,
      'irqchip',
    );
  }
  if (accelerator === 'kvm' && irqchip === 'exact' && cpus > MAX_XAPIC_CPUS) {
    throw new ConfigurationError(
      `A machine with irqchip 'exact' on KVM has at most ${MAX_XAPIC_CPUS} CPUs, since its APIC ids have eight bits, but ${cpus} are wanted: ` +
        "use fewer, irqchip 'kernel', or the emulator",
      'topology',
    );
  }
}

function checkApicIds({ apicIds, cpus, topology, accelerator, irqchip }: MachineConfig): void {
  if (apicIds.length !== cpus) {
    throw new ConfigurationError(
      `There are ${plural(apicIds.length, 'APIC id')} for ${plural(cpus, 'CPU')}: every CPU needs one`,
      'apicIds',
    );
  }
  const owner = new Map<number, number>();
  apicIds.forEach((id, cpu) => {
    if (accelerator === 'kvm' && irqchip === 'exact' && id > LAST_XAPIC_ID) {
      throw new ConfigurationError(
        `APIC id ${id} of CPU ${cpu} needs an x2APIC, which irqchip 'exact' does not have on KVM: use ids from 0 to ${LAST_XAPIC_ID}, irqchip 'kernel', or the emulator`,
        'apicIds',
      );
    }
    const other = owner.get(id);
    if (other !== undefined) {
      throw new ConfigurationError(
        `CPU ${other} and CPU ${cpu} both have APIC id ${id}: every CPU needs an id of its own`,
        'apicIds',
      );
    }
    owner.set(id, cpu);
  });
  apicIdShifts(topology, apicIds);
}

/** Each CPU once. */
function checkTableOrder({ tableOrder, cpus }: MachineConfig): void {
  const listed = new Set(tableOrder);
  const missing = Array.from({ length: cpus }, (_, cpu) => cpu).filter((cpu) => !listed.has(cpu));
  if (missing.length === 0 && tableOrder.length === cpus) return;
  const what = missing.length > 0 ? `CPU ${missing[0]} is missing` : `it has ${tableOrder.length} entries`;
  throw new ConfigurationError(
    `The table order must list each of ${plural(cpus, 'CPU')} once, but ${what}`,
    'tableOrder',
  );
}

function checkMemory(memory: number): void {
  const range = `a machine has ${MIN_RAM / MIB} to ${MAX_RAM / MIB} MiB, since the APICs and other devices are above`;
  if (!(memory >= MIN_RAM && memory <= MAX_RAM)) {
    throw new ConfigurationError(
      `${memory} bytes of memory (${memory / MIB} MiB) are not possible: ${range}`,
      'memory',
    );
  }
  if (memory % MIB !== 0) {
    throw new ConfigurationError(
      `${memory} bytes of memory are not a whole number of MiB: use ${Math.ceil(memory / MIB)}M`,
      'memory',
    );
  }
}

function checkDisk({ path, readonly, overlay }: DiskConfig): void {
  if (!readonly || overlay === null) return;
  throw new ConfigurationError(
    `The disk ${path} is read-only and has an overlay for its changes: choose one of the two`,
    'disks',
  );
}

function cpuRange(cpus: number): string {
  return cpus === 1 ? 'CPU 0 only' : `CPUs 0 to ${cpus - 1}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A machine as a person describes it: its schema, its defaults, and what keeps it from being started. */
import * as v from 'valibot';
import type { GuestChoice, MachineFile, MachineSettings, SettingsProblem } from '../../preload/contract/app';
import type { DiskConfig, HostProbe, MachineConfig } from '../../preload/contract/machine';
import { MAX_CONSOLES, MAX_CPUS, MAX_DISKS, MAX_FORWARDS, MAX_PATH } from '../../preload/contract/machine-limits';
import { ConfigurationError } from '../machine/configuration';
import { AppError, ReveilleError, sentence } from './errors';
import { bundledGuests, resolveCompanion, resolveGuest } from './guests';
import { policyProblems } from './policy-problems';
import { findPluginGuest, pluginGuests } from './plugin-guests';
import type { PluginStore } from './plugin-store';
import { HostLimitError, type PreparedRun, prepareRun } from './machine-runs';

const MAX_NAME = 80;
const MAX_TEXT = 4096;
const MIB = 2 ** 20;
const MAX_POLICIES = 32;
const MAX_OPTIONS = 100;

/** Only the shape, so that a form may hold what is not yet right; `checkConfiguration` knows the rules. */
const count = (what: string) => {
  const message = `${what} must be a whole number from 1 to ${MAX_CPUS}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(1, message), v.maxValue(MAX_CPUS, message));
};
const whole = (what: string) =>
  v.pipe(v.number(`${what} must be a number`), v.integer(`${what} must be a whole number`));
const path = v.pipe(v.string('A path must be text'), v.maxLength(MAX_PATH, 'This path is too long'));
const backend = v.variant('kind', [
  v.strictObject({ kind: v.literal('stdio') }),
  v.strictObject({ kind: v.literal('none') }),
  v.strictObject({ kind: v.literal('pty') }),
  v.strictObject({ kind: v.literal('file'), path }),
  v.strictObject({ kind: v.literal('unix'), path }),
]);

const network = v.strictObject({
  kind: v.literal('user', 'The network must be user'),
  forwards: v.pipe(
    v.array(v.strictObject({ host: whole('A port of the host'), guest: whole('A port of the guest') })),
    v.maxLength(MAX_FORWARDS, `At most ${MAX_FORWARDS} ports are forwarded`),
  ),
});

const option = v.union(
  [
    v.boolean(),
    v.number(),
    v.pipe(v.string(), v.maxLength(MAX_TEXT)),
    v.pipe(v.array(v.number()), v.maxLength(MAX_CPUS)),
  ],
  'An option of a policy must be text, a number, true or false, or a list of CPUs',
);
/** Of a policy, or arguments of a command: their schema is the plugin's. */
export const optionsSchema = v.pipe(
  v.record(v.string(), option),
  v.check((options) => Object.keys(options).length <= MAX_OPTIONS, `There are at most ${MAX_OPTIONS} options`),
);
const policy = v.strictObject({
  // No path: what is not installed, nobody has granted anything.
  policy: v.pipe(
    v.string('A policy is given by its name'),
    v.regex(/^[a-z0-9-]{1,50}(\/[a-z0-9-]{1,50})?$/, 'A policy is given by its name, or as PLUGIN/NAME'),
  ),
  options: optionsSchema,
});

export const guestSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('bundled'), name: path }),
  v.strictObject({ kind: v.literal('file'), path }),
]);

export const settingsSchema: v.GenericSchema<unknown, MachineSettings> = v.strictObject({
  name: v.pipe(
    v.string('The name must be text'),
    v.trim(),
    v.minLength(1, 'A machine needs a name'),
    v.maxLength(MAX_NAME, `A name has at most ${MAX_NAME} characters`),
  ),
  guest: guestSchema,
  // As with policies.
  initrd: v.optional(v.nullable(path), null),
  symbols: v.optional(v.nullable(path), null),
  disks: v.optional(
    v.pipe(
      v.array(v.strictObject({ path, readonly: v.boolean(), overlay: v.nullable(path) })),
      v.maxLength(MAX_DISKS, `A machine has at most ${MAX_DISKS} disks`),
    ),
    [],
  ),
  topology: v.strictObject({
    sockets: count('The number of sockets'),
    cores: count('The number of cores a socket'),
    threads: count('The number of threads a core'),
  }),
  apicIds: v.nullable(
    v.pipe(v.array(whole('An APIC id')), v.maxLength(MAX_CPUS, `There are more than ${MAX_CPUS} APIC ids`)),
  ),
  bsp: whole('The BSP'),
  memory: whole('The memory'),
  accelerator: v.picklist(['auto', 'kvm', 'wasm'], 'The accelerator must be auto, kvm or wasm'),
  irqchip: v.picklist(['exact', 'kernel', 'split'], 'The interrupt mode must be exact, kernel or split'),
  cmdline: v.pipe(v.string('The command line must be text'), v.maxLength(MAX_TEXT, 'The command line is too long')),
  seed: whole('The seed'),
  realtime: v.boolean('Real time must be on or off'),
  // As with policies.
  parallel: v.optional(v.boolean('Parallel must be on or off'), false),
  acpi: v.optional(v.boolean('ACPI must be on or off'), true),
  vga: v.optional(v.picklist(['none', 'text'], 'The VGA must be none or text'), 'text'),
  serial: v.strictTuple([backend, backend, backend, backend], 'A machine has four serial ports'),
  consoles: v.optional(
    v.pipe(v.array(backend), v.maxLength(MAX_CONSOLES, `A machine has at most ${MAX_CONSOLES} virtio consoles`)),
    [],
  ),
  network: v.optional(v.nullable(network), null),
  // Machines that were kept before there were policies have none.
  policies: v.optional(
    v.pipe(v.array(policy), v.maxLength(MAX_POLICIES, `A machine has at most ${MAX_POLICIES} policies`)),
    [],
  ),
});

const fileSchema: v.GenericSchema<unknown, MachineFile> = v.strictObject({
  reveille: v.literal(1),
  machine: settingsSchema,
});

/** The machine that is ready to start when somebody opens the app for the first time. */
export const FIRST_MACHINE: MachineSettings = {
  name: 'heartbeat',
  guest: { kind: 'bundled', name: 'heartbeat' },
  initrd: null,
  symbols: null,
  disks: [],
  topology: { sockets: 1, cores: 4, threads: 1 },
  apicIds: null,
  bsp: 0,
  memory: 128 * MIB,
  accelerator: 'auto',
  irqchip: 'exact',
  cmdline: '',
  seed: 0,
  // A person sits before it: an emulated second is to be a second.
  realtime: true,
  parallel: false,
  acpi: true,
  vga: 'text',
  serial: [{ kind: 'stdio' }, { kind: 'stdio' }, { kind: 'stdio' }, { kind: 'stdio' }],
  consoles: [],
  network: null,
  policies: [],
};

/** The settings as a copy of their own; an AppError says what is not of their shape. */
export function parseSettings(input: unknown): MachineSettings {
  const result = v.safeParse(settingsSchema, input, { abortEarly: true });
  if (!result.success) throw new AppError('usage', sentenceOf(result.issues[0]));
  return result.output;
}

export function formatMachineFile(machine: MachineSettings): string {
  return `${JSON.stringify({ reveille: 1, machine } satisfies MachineFile, null, 2)}\n`;
}

export function parseMachineFile(text: string): MachineSettings {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    throw new AppError('usage', `This is no machine file: ${(error as Error).message}.`);
  }
  const result = v.safeParse(fileSchema, input, { abortEarly: true });
  if (result.success) return result.output.machine;
  throw new AppError('usage', `This is no machine file of this version of Reveille: ${sentenceOf(result.issues[0])}`);
}

/** What keeps this machine from being started here; nothing: it can be. */
export function settingsProblems(
  input: unknown,
  host: HostProbe,
  guests: URL,
  plugins: PluginStore,
): SettingsProblem[] {
  // A form shows the message beside its field: where it is needs no words.
  const result = v.safeParse(settingsSchema, input);
  const problems: SettingsProblem[] = (result.issues ?? []).map((issue) => ({
    field: fieldOf(issue),
    message: sentence(issue.message),
  }));
  if (problems.some(({ field }) => field === null)) return problems;
  let settings = {
    initrd: null,
    symbols: null,
    disks: [],
    consoles: [],
    network: null,
    policies: [],
    ...(input as object),
  } as unknown as MachineSettings;
  for (const { field } of problems) settings = withDefault(settings, field);
  problems.push(...policyProblems(settings, plugins));
  problems.push(...imageProblems('guest', problems, () => guestPath(settings.guest, guests, plugins)));
  problems.push(...imageProblems('initrd', problems, () => initrdPath(settings.initrd)));
  problems.push(...imageProblems('symbols', problems, () => symbolsPath(settings.symbols)));
  problems.push(...imageProblems('disks', problems, () => settings.disks.map(wholeDisk)));
  // One rule after the other: with a default in the place of what breaks the first, the next one shows.
  for (;;) {
    const problem = configurationProblem(settings, host);
    if (problem === null) return problems;
    const known = problems.some(({ field }) => field === problem.field);
    if (!known) problems.push(problem);
    if (known || problem.field === null) return problems;
    settings = withDefault(settings, problem.field);
  }
}

/** What is counted by CPUs cannot stay where their number does not. */
function withDefault(settings: MachineSettings, field: keyof MachineSettings | null): MachineSettings {
  if (field === null) return settings;
  const { bsp, apicIds } = FIRST_MACHINE;
  return { ...settings, [field]: FIRST_MACHINE[field], ...(field === 'topology' ? { bsp, apicIds } : {}) };
}

function imageProblems(
  field: 'guest' | 'initrd' | 'symbols' | 'disks',
  known: readonly SettingsProblem[],
  find: () => unknown,
): SettingsProblem[] {
  if (known.some((problem) => problem.field === field)) return [];
  try {
    find();
    return [];
  } catch (error) {
    if (!(error instanceof ReveilleError)) throw error;
    return [{ field, message: sentence(error.message) }];
  }
}

function configurationProblem(settings: MachineSettings, host: HostProbe): SettingsProblem | null {
  try {
    prepareMachine(settings, 'guest', host);
    return null;
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof HostLimitError)) throw error;
    return { field: settingOf(error.field), message: sentence(error.message) };
  }
}

/** The setting from which a part of the configuration comes. */
function settingOf(field: keyof MachineConfig | null): keyof MachineSettings | null {
  switch (field) {
    case 'cpus':
      return 'topology';
    case 'tableOrder':
    case 'timeLimit':
      return null;
    default:
      return field;
  }
}

/** What a run is made from; `guest` is the image's path. Throws where it cannot be. */
export function prepareMachine(settings: MachineSettings, guest: string, host: HostProbe): PreparedRun {
  const { name: _name, guest: _guest, symbols: _symbols, apicIds, policies: _policies, ...rest } = settings;
  return prepareRun({ ...rest, guest, apicIds: apicIds ?? undefined }, host);
}

/** Where the image is; throws an AppError where there is none. */
export function guestPath(guest: GuestChoice, guests: URL, plugins: PluginStore): string {
  if (guest.kind === 'file') {
    if (guest.path === '') throw new AppError('usage', 'No image is chosen: pick one, or give its path');
    return resolveGuest(wholePath(guest.path), guests);
  }
  const bundled = bundledGuests(guests).map(({ name }) => name);
  if (bundled.includes(guest.name)) return resolveGuest(guest.name, guests);
  const all = plugins.list();
  const found = findPluginGuest(guest.name, all);
  if (found !== null) return found.path;
  const names = [...bundled, ...pluginGuests(all).map(({ name }) => name)];
  throw new AppError('usage', `There is no bundled guest "${guest.name}"; there are ${names.join(', ')}`);
}

/** The same of an initial RAM disk, where there is to be one. */
export function initrdPath(initrd: string | null): string | null {
  return initrd === null ? null : resolveCompanion('The initial RAM disk', wholePath(initrd));
}

/** The same of a file of symbols. */
export function symbolsPath(symbols: string | null): string | null {
  return symbols === null ? null : resolveCompanion('The file of symbols', wholePath(symbols));
}

/** A disk with its files where they are; throws an AppError where that is not said. */
export function wholeDisk({ path: image, readonly, overlay }: DiskConfig): DiskConfig {
  return { path: wholePath(image), readonly, overlay: overlay === null ? null : wholePath(overlay) };
}

function wholePath(file: string): string {
  if (file.startsWith('/')) return file;
  throw new AppError('usage', `"${file}" does not say where the file is: give its whole path, from / on`);
}

type Issue = v.BaseIssue<unknown>;

function fieldOf(issue: Issue): keyof MachineSettings | null {
  const key = issue.path?.[0]?.key;
  return typeof key === 'string' && key in FIRST_MACHINE ? (key as keyof MachineSettings) : null;
}

function sentenceOf(issue: Issue): string {
  const where = v.getDotPath(issue);
  return where === null ? `${issue.message}.` : `${issue.message} (${where}).`;
}

/** The command line of `reveille run`. */
import { parseArgs } from 'node:util';
import type { PolicyChoice } from '../../../plugins/api/manifest';
import type { RunRequest } from '../../app/machine-runs';
import type { DebuggerAddress, MachineConfig, SerialBackend } from '../../../preload/contract/machine';
import { FIRST_CONSOLE_PORT } from '../../../preload/contract/ports';
import { parseDebuggerAddress } from './debugger-address';
import { FLAG, given, MACHINE_OPTIONS, machineRequest, TEXT, TEXTS } from './machine-options';
import { parseConsole, parseDiskOption, parseDuration, parseNetwork, parseSerial } from './quantities';
import { UsageError } from './usage';

export interface RunOptions {
  request: RunRequest;
  /** In ms; null: none. */
  timeout: number | null;
  /** A path, `-` for stdout; null: none. */
  events: string | null;
  trace: string | null;
  /** A file for what the screen shows at the end, `-` for stdout; null: none. */
  screen: string | null;
  json: boolean;
  /** The port that is on the console, 0 for COM1 (preload/contract/ports.ts); null: none. */
  console: number | null;
  /** In the order in which they are asked. */
  policies: PolicyChoice[];
  /** A file of commands for them, `-` for stdin; null: none. */
  policyCommands: string | null;
  /** Where gdb is to find the machine; null: nowhere. */
  gdb: DebuggerAddress | null;
  /** A file of the guest's symbols; null: none. */
  symbols: string | null;
}

type SerialPorts = MachineConfig['serial'];

export function parseRunOptions(args: string[]): RunOptions {
  const { values, positionals, tokens } = parseStrictly(args, {
    ...MACHINE_OPTIONS,
    realtime: FLAG,
    parallel: FLAG,
    disk: TEXTS,
    serial1: TEXT,
    serial2: TEXT,
    serial3: TEXT,
    serial4: TEXT,
    console: TEXTS,
    net: TEXT,
    'policy-commands': TEXT,
    timeout: TEXT,
    events: TEXT,
    trace: TEXT,
    gdb: TEXT,
    symbols: TEXT,
    screen: TEXT,
    json: FLAG,
  });
  const guest = onePositional('reveille run', "one guest, a bundled guest's name or a path", positionals);
  const events = values.events ?? null;
  const texts = [values.serial1, values.serial2, values.serial3, values.serial4];
  const consoles = virtioConsoles(values.console ?? []);
  const serial = serialPorts(texts, consoles, events === '-');
  const request: RunRequest = {
    ...machineRequest(guest, values),
    realtime: values.realtime,
    parallel: values.parallel,
    disks: values.disk?.map((text) => parseDiskOption('--disk', text)),
    serial,
    consoles,
    network: given('--net', values.net, parseNetwork),
  };
  const screen = values.screen ?? null;
  if (screen !== null && request.vga === 'none') {
    throw new UsageError('--screen has nothing to write with --vga none: leave one of the two out.');
  }
  const onSerial = serial.findIndex(isStdio);
  const onConsole = consoles.findIndex(isStdio);
  return {
    request,
    timeout: given('--timeout', values.timeout, parseDuration) ?? null,
    events,
    trace: values.trace ?? null,
    screen,
    json: values.json ?? false,
    console: onSerial >= 0 ? onSerial : onConsole >= 0 ? FIRST_CONSOLE_PORT + onConsole : null,
    policies: policyChoices(tokens),
    policyCommands: values['policy-commands'] ?? null,
    gdb: given('--gdb', values.gdb, parseDebuggerAddress) ?? null,
    symbols: values.symbols ?? null,
  };
}

/** The command line of `reveille replay`. */
export function parseReplayOptions(args: string[]): {
  file: string;
  events: string | null;
  trace: string | null;
  json: boolean;
} {
  const { values, positionals } = parseStrictly(args, { events: TEXT, trace: TEXT, json: FLAG });
  if (positionals.length !== 1) {
    throw new UsageError('reveille replay takes one file, which "reveille run --events FILE" wrote.');
  }
  const [file] = positionals;
  return { file, events: values.events ?? null, trace: values.trace ?? null, json: values.json ?? false };
}

/** The command line of `reveille inspect`. */
export function parseInspectOptions(args: string[]): { guest: string; json: boolean } {
  const { values, positionals } = parseStrictly(args, { json: FLAG });
  const guest = onePositional('reveille inspect', "one image, a bundled guest's name or a path", positionals);
  return { guest, json: values.json ?? false };
}

/** A command that takes nothing but `--json`. */
export function parseReportOptions(command: string, args: string[]): { json: boolean } {
  const { values, positionals } = parseStrictly(args, { json: FLAG });
  if (positionals.length > 0) throw new UsageError(`reveille ${command} takes no "${positionals[0]}".`);
  return { json: values.json ?? false };
}

function isStdio({ kind }: SerialBackend): boolean {
  return kind === 'stdio';
}

/** Each at most once; one that is left out before another is connected to nothing. */
function virtioConsoles(texts: readonly string[]): SerialBackend[] {
  const consoles: SerialBackend[] = [];
  for (const text of texts) {
    const [number, backend] = parseConsole('--console', text);
    if (number in consoles) throw new UsageError(`--console is given twice for hvc${number}.`);
    consoles[number] = backend;
  }
  return Array.from(consoles, (backend: SerialBackend | undefined) => backend ?? { kind: 'none' });
}

function serialPorts(
  texts: (string | undefined)[],
  consoles: readonly SerialBackend[],
  eventsOnStdout: boolean,
): SerialPorts {
  const com1 = eventsOnStdout ? 'none' : 'stdio';
  const port = (n: number, otherwise: string): SerialBackend => parseSerial(`--serial${n + 1}`, texts[n] ?? otherwise);
  const ports: SerialPorts = [port(0, com1), port(1, 'none'), port(2, 'none'), port(3, 'none')];
  const onConsole = [
    ...ports.flatMap((backend, n) => (isStdio(backend) ? [`--serial${n + 1}`] : [])),
    ...consoles.flatMap((backend, n) => (isStdio(backend) ? [`--console hvc${n}`] : [])),
  ];
  if (onConsole.length > 1) {
    throw new UsageError(
      `${onConsole.join(' and ')} cannot all be stdio: there is one console. ` +
        (texts[0] === undefined ? 'COM1 has it unless --serial1 says otherwise, such as --serial1 none.' : ''),
    );
  }
  if (eventsOnStdout && onConsole.length > 0) {
    throw new UsageError(
      `--events - and ${onConsole[0]} stdio would mix on stdout; write the events to a file, or the port elsewhere.`,
    );
  }
  return ports;
}

/** An option belongs to the policy before it. */
export function policyChoices(tokens: readonly OptionToken[]): PolicyChoice[] {
  const choices: PolicyChoice[] = [];
  for (const { kind, name, value = '' } of tokens) {
    if (kind !== 'option') continue;
    if (name === 'policy') choices.push({ policy: value, options: {} });
    if (name !== 'policy-option') continue;
    const [, option, text] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
    if (option === undefined) throw new UsageError(`--policy-option takes NAME=VALUE, not "${value}".`);
    const choice = choices.at(-1);
    if (choice === undefined)
      throw new UsageError(`--policy-option ${value} comes before any --policy, whose it would be.`);
    if (option in choice.options) throw new UsageError(`The policy ${choice.policy} is given ${option} twice.`);
    choice.options[option] = text;
  }
  return choices;
}

export interface OptionToken {
  kind: string;
  name?: string | undefined;
  value?: string | undefined;
}

type Options = Record<string, typeof TEXT | typeof TEXTS | typeof FLAG>;

/** What a command takes one of. */
export function onePositional(command: string, what: string, positionals: string[]): string {
  if (positionals.length === 1) return positionals[0];
  const found = positionals.length === 0 ? 'none' : positionals.map((name) => `"${name}"`).join(' and ');
  throw new UsageError(`${command} takes ${what}; there is ${found}.`);
}

/** node:util's parser, with its complaints in our words: it refuses what it does not know. */
export function parseStrictly<T extends Options>(args: string[], options: T) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true, tokens: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const option = /'(?:-\w, )?(--?[^' =]+)/.exec(message)?.[1] ?? 'this';
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
      const known = Object.keys(options).map((name) => `--${name}`);
      const here = known.length === 0 ? 'there are none here' : `the options here are ${known.join(', ')}`;
      throw new UsageError(`There is no option ${option}; ${here}.`);
    }
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
      const takes = options[option.slice(2)]?.type === 'boolean' ? 'takes no value' : 'needs a value';
      throw new UsageError(`${option} ${takes}; a value that starts with a dash is written ${option}=VALUE.`);
    }
    throw error;
  }
}

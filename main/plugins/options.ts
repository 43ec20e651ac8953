/**
 * Options of a policy, or arguments of a command: what a command line, a form or a socket gives, checked against the manifest.
 * A value is text as people write it (`5ms`, `1,3-5`, `true`), or already of the type that the policy will see.
 */
import type { OptionValue, Options } from '../../plugins/api/index';
import type { OptionManifest } from '../../plugins/api/manifest';
import { formatTime, parseCpuList, parseTime } from '../../preload/contract/quantities';
import { show } from '../base/show';
import { PluginError } from './plugin-error';
import { MAX_OPTIONS } from './protocol';

/** The machine that CPUs are counted by. */
export interface CpuRange {
  cpus: number;
  bsp: number;
}

/** All options, defaults filled in; `of` names whose they are, for the sentence. */
export function readOptions(
  of: string,
  schemas: Readonly<Record<string, OptionManifest>> | undefined,
  given: Readonly<Record<string, unknown>>,
  machine: CpuRange,
): Options {
  const known = schemas ?? {};
  const stranger = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (stranger !== undefined) throw new PluginError(unknownOption(of, stranger, Object.keys(known)));
  const entries = Object.entries(known).map(([name, schema]): [string, OptionValue] => {
    const value = Object.hasOwn(given, name) ? given[name] : schema.default;
    return [name, readOption(`The option ${name} of ${of}`, schema, value, machine)];
  });
  const options = Object.fromEntries(entries);
  const { length } = JSON.stringify(options);
  if (length > MAX_OPTIONS) {
    throw new PluginError(
      `The options of ${of} have ${length} characters as JSON: at most ${MAX_OPTIONS} are possible.`,
    );
  }
  return options;
}

/** The names of those that are `aps`: they are read once more where the BSP becomes another CPU. */
export function apsOptions(
  schemas: Readonly<Record<string, OptionManifest>> | undefined,
  given: Readonly<Record<string, unknown>>,
): string[] {
  return Object.entries(schemas ?? {}).flatMap(([name, { type, default: otherwise }]) => {
    const value = Object.hasOwn(given, name) ? given[name] : otherwise;
    return type === 'cpus' && value === 'aps' ? [name] : [];
  });
}

function unknownOption(of: string, name: string, known: string[]): string {
  const there = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
  return `${of} has no option ${show(name)}: ${there}.`;
}

/** One value; `what` begins the sentence of its PluginError. */
function readOption(what: string, schema: OptionManifest, value: unknown, machine: CpuRange): OptionValue {
  const refuse = (expected: string): never => {
    throw new PluginError(`${what} must be ${expected}, not ${show(value)}.`);
  };
  switch (schema.type) {
    case 'boolean':
      if (typeof value === 'boolean') return value;
      return value === 'true' || value === 'false' ? value === 'true' : refuse('true or false');
    case 'integer':
    case 'number': {
      const { type, minimum = -Infinity, maximum = Infinity } = schema;
      const number = numberOf(value);
      const fits = type === 'integer' ? Number.isSafeInteger(number) : Number.isFinite(number);
      if (fits && number >= minimum && number <= maximum) return number;
      return refuse((type === 'integer' ? 'a whole number' : 'a number') + between(schema.minimum, schema.maximum));
    }
    case 'duration': {
      const ns = timeOf(value);
      const { minimum, maximum } = schema;
      const fits = ns >= timeOf(minimum ?? 0) && ns <= timeOf(maximum ?? Number.MAX_SAFE_INTEGER);
      return fits ? ns : refuse(`a time such as ${formatTime(timeOf(schema.default))}${between(minimum, maximum)}`);
    }
    case 'string': {
      const { maxLength = 1000 } = schema;
      return typeof value === 'string' && value.length <= maxLength
        ? value
        : refuse(`text of at most ${maxLength} characters`);
    }
    case 'choice':
      return schema.choices.find((choice) => choice === value) ?? refuse(`one of ${schema.choices.join(', ')}`);
    case 'cpu': {
      const cpu = numberOf(value);
      return Number.isInteger(cpu) && cpu >= 0 && cpu < machine.cpus
        ? cpu
        : refuse(`a CPU of this machine, ${cpusOf(machine)}`);
    }
    case 'cpus':
      return (
        cpuList(value, machine) ?? refuse(`'aps', 'all', or CPUs of this machine (${cpusOf(machine)}) such as '1,3-5'`)
      );
  }
}

/** NaN: it is none. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d{1,20}(\.\d{1,20})?$/.test(value) ? Number(value) : NaN;
}

function timeOf(value: unknown): number {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : NaN;
  return typeof value === 'string' ? (parseTime(value) ?? NaN) : NaN;
}

function cpuList(value: unknown, machine: CpuRange): number[] | null {
  if (typeof value === 'string') return parseCpuList(value, machine);
  if (!Array.isArray(value) || value.length > machine.cpus) return null;
  const fits = value.every(
    (cpu, n) => Number.isInteger(cpu) && cpu >= 0 && cpu < machine.cpus && value.indexOf(cpu) === n,
  );
  return fits ? value.toSorted((a: number, b: number) => a - b) : null;
}

function between(minimum: number | string | undefined, maximum: number | string | undefined): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? '' : ` of at most ${maximum}`;
}

function cpusOf({ cpus }: CpuRange): string {
  return cpus === 1 ? 'which has CPU 0 only' : `0 to ${cpus - 1}`;
}

/** `reveille-plugin.json` (plugins/api/manifest.ts): text of unknown origin in, a manifest that keeps every rule out. */
import * as v from 'valibot';
import type { ApiVersion } from '../../plugins/api/index';
import type { Manifest, OptionManifest, Permission } from '../../plugins/api/manifest';
import { isCpuList, parseTime } from '../../preload/contract/quantities';
import { show } from '../base/show';
import { PluginError } from './plugin-error';

export const MANIFEST_FILE = 'reveille-plugin.json';
export const MAX_MANIFEST = 64 * 1024;
const API_VERSION: ApiVersion = 1;
export const PERMISSIONS: readonly Permission[] = ['start-up', 'inject', 'schedule', 'configure', 'observe', 'serial'];

const MAX_CONTRIBUTIONS = 50;
const MAX_OPTIONS = 50;
const MAX_CHOICES = 100;
const MAX_CPU = 1023;

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
/** Semantic Versioning 2.0.0, loosely: the name of a package's file is made of it. */
const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const OPTION_NAME = /^[a-z][A-Za-z0-9-]*$/;

type Issue = v.BaseIssue<unknown>;

/** Messages are what follows the name of the place: `… must be a whole number, not 'five'`. */
const mustBe = (expected: string) => (issue: Issue) => `must be ${expected}, not ${show(issue.input)}`;

const text = (max: number) => {
  const message = mustBe(`text of 1 to ${max} characters`);
  return v.pipe(v.string(message), v.minLength(1, message), v.maxLength(max, message));
};
const matching = (pattern: RegExp, max: number, expected: string) => {
  const message = mustBe(expected);
  return v.pipe(v.string(message), v.maxLength(max, message), v.regex(pattern, message));
};
const name = matching(NAME, 50, 'a name of lower-case letters, digits and hyphens, at most 50');
/** Options become properties of an object: none may hide one that every object has. */
const optionName = v.pipe(
  matching(OPTION_NAME, 50, 'named with letters, digits and hyphens, a lower-case letter first, at most 50'),
  v.check((key) => !(key in {}), 'has a name that every JavaScript object has already'),
);
const oneOf = <const Names extends readonly string[]>(names: Names) =>
  v.picklist(names, mustBe(`one of ${names.join(', ')}`));
const number = v.pipe(v.number(mustBe('a number')), v.finite(mustBe('a finite number')));
const whole = v.pipe(v.number(mustBe('a whole number')), v.safeInteger(mustBe('a whole number')));
const flag = v.boolean(mustBe('true or false'));
const time = v.pipe(
  v.string(mustBe("a time such as '200us' or '10ms'")),
  v.check((value) => parseTime(value) !== null, mustBe("a time such as '200us' or '10ms'")),
);
const cpuList = v.pipe(
  v.string(mustBe("CPUs such as '1,3-5', 'aps' or 'all'")),
  v.check(isCpuList, mustBe("CPUs such as '1,3-5', 'aps' or 'all'")),
);

function list<const Item extends v.GenericSchema>(item: Item, max: number) {
  const message = mustBe(`a list of at most ${max}`);
  return v.pipe(v.array(item, message), v.maxLength(max, message));
}

const isObject = (input: unknown): boolean => typeof input === 'object' && input !== null && !Array.isArray(input);

function object<const Entries extends v.ObjectEntries>(entries: Entries) {
  const strict = v.strictObject(entries, (issue) =>
    issue.expected === 'never'
      ? `is not known here: there are ${Object.keys(entries).join(', ')}`
      : `is missing: it has to be there`,
  );
  return v.pipe(v.custom<v.InferInput<typeof strict>>(isObject, mustBe('an object')), strict);
}

function option<const Type extends OptionManifest['type'], const Entries extends v.ObjectEntries>(
  type: Type,
  entries: Entries,
) {
  return v.strictObject(
    {
      title: text(100),
      description: v.exactOptional(text(500)),
      type: v.literal(type),
      ...entries,
    },
    (issue) =>
      issue.expected === 'never'
        ? `is not known in an option of type ${type}: there are title, description, type, ${Object.keys(entries).join(', ')}`
        : `is missing: it has to be there`,
  );
}

const optionSchema = v.pipe(
  v.custom<OptionManifest>(isObject, mustBe('an object')),
  v.variant(
    'type',
    [
      option('boolean', { default: flag }),
      option('integer', { default: whole, minimum: v.exactOptional(whole), maximum: v.exactOptional(whole) }),
      option('number', { default: number, minimum: v.exactOptional(number), maximum: v.exactOptional(number) }),
      option('duration', { default: time, minimum: v.exactOptional(time), maximum: v.exactOptional(time) }),
      option('string', {
        default: v.pipe(v.string(mustBe('text')), v.maxLength(1000, mustBe('text of at most 1000 characters'))),
        maxLength: v.exactOptional(
          v.pipe(whole, v.minValue(1, mustBe('1 to 1000')), v.maxValue(1000, mustBe('1 to 1000'))),
        ),
      }),
      option('choice', { default: text(100), choices: list(text(100), MAX_CHOICES) }),
      option('cpu', {
        default: v.pipe(
          whole,
          v.minValue(0, mustBe(`a CPU, 0 to ${MAX_CPU}`)),
          v.maxValue(MAX_CPU, mustBe(`a CPU, 0 to ${MAX_CPU}`)),
        ),
      }),
      option('cpus', { default: cpuList }),
    ],
    mustBe('one of boolean, integer, number, duration, string, choice, cpu, cpus'),
  ),
);

/** valibot's record leaves out what it finds dangerous and takes a list: here both are refused. */
const options = v.pipe(
  v.custom<Record<string, OptionManifest>>(isObject, mustBe('an object')),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const keys = Object.keys(dataset.value);
    if (keys.length > MAX_OPTIONS)
      addIssue({ message: `has ${keys.length} options: at most ${MAX_OPTIONS} are possible` });
    const lost = keys.find((key) => ['__proto__', 'prototype', 'constructor'].includes(key));
    if (lost !== undefined) addIssue({ message: `has an option '${lost}': no option can be named so` });
  }),
  v.record(optionName, optionSchema),
);

/** A file of the plugin's folder, by a path that does not leave it. */
const file = v.pipe(
  text(200),
  v.check(
    (path) => !/[\\\0]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    mustBe("a path inside the plugin's folder, with / between its parts and without . and .."),
  ),
);

const manifestSchema: v.GenericSchema<unknown, Manifest> = object({
  name,
  version: matching(VERSION, 64, "a semantic version such as '1.0.0'"),
  apiVersion: v.literal(API_VERSION, mustBe(`${API_VERSION}, the version of the API that this Reveille has`)),
  description: text(300),
  author: v.exactOptional(text(200)),
  license: v.exactOptional(text(100)),
  homepage: v.exactOptional(matching(/^https?:\/\/[^\s"<>]+$/, 300, 'an address that begins with https://')),
  permissions: list(oneOf(PERMISSIONS), PERMISSIONS.length),
  policies: v.exactOptional(
    list(
      object({
        name,
        title: text(100),
        description: text(1000),
        needs: oneOf(['gated', 'exact']),
        approximation: v.exactOptional(text(500)),
        options: v.exactOptional(options),
      }),
      MAX_CONTRIBUTIONS,
    ),
  ),
  commands: v.exactOptional(
    list(
      object({ name, title: text(100), cpu: v.exactOptional(flag), arguments: v.exactOptional(options) }),
      MAX_CONTRIBUTIONS,
    ),
  ),
  panels: v.exactOptional(list(object({ name, title: text(100), file }), MAX_CONTRIBUTIONS)),
  guests: v.exactOptional(
    list(object({ name, description: text(500), file, cmdline: v.exactOptional(text(1000)) }), MAX_CONTRIBUTIONS),
  ),
});

/** The manifest; a PluginError says in which file and place which rule is broken. `where`: the file, for the sentence. */
export function readManifest(source: string, where: string): Manifest {
  if (source.length > MAX_MANIFEST) {
    throw new PluginError(`${where} has ${source.length} characters: a manifest has at most ${MAX_MANIFEST}.`);
  }
  let input: unknown;
  try {
    input = JSON.parse(source);
  } catch (error) {
    throw new PluginError(`${where} is not JSON: ${(error as Error).message}.`);
  }
  const result = v.safeParse(manifestSchema, input, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw new PluginError(`${where}: ${placeOf(issue)} ${issue.message}.`);
  }
  checkRules(result.output, (place, message) => {
    throw new PluginError(`${where}: ${place} ${message}.`);
  });
  return result.output;
}

/** Whether a plugin, policy or command can be called so. */
export function isName(word: string): boolean {
  return NAME.test(word) && word.length <= 50;
}

/** `policies[0].options.every.default`, as JavaScript would write it. */
function placeOf({ path }: Issue): string {
  const parts = (path ?? []).map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key).slice(0, 60)}`));
  return parts.length === 0 ? 'the manifest' : parts.join('').replace(/^\./, '');
}

type Refuse = (place: string, message: string) => never;

/** What one value has to do with another. */
function checkRules(manifest: Manifest, refuse: Refuse): void {
  const { permissions, policies = [], commands = [], panels = [], guests = [] } = manifest;
  if (policies.length + commands.length + panels.length + guests.length === 0) {
    refuse('the manifest', 'offers nothing: it needs policies, panels or guests');
  }
  if (commands.length > 0 && policies.length === 0) refuse('commands', 'need a policy that answers them: add one');
  onlyOnce('permissions', permissions, refuse);
  for (const [kind, offered] of Object.entries({ policies, commands, panels, guests })) {
    onlyOnce(
      kind,
      offered.map((item) => item.name),
      refuse,
    );
  }
  policies.forEach((policy, n) => checkOptions(`policies[${n}].options`, policy.options, refuse));
  commands.forEach((command, n) => {
    checkOptions(`commands[${n}].arguments`, command.arguments, refuse);
    if (command.cpu === true && command.arguments !== undefined && 'cpu' in command.arguments) {
      refuse(`commands[${n}].arguments.cpu`, 'is there by itself, since the command is about a CPU: remove it');
    }
  });
  policies.forEach(({ needs, approximation }, n) => {
    if (needs === 'exact' && approximation !== undefined) {
      refuse(`policies[${n}].approximation`, "is of a policy that is 'gated', and this one needs 'exact': remove it");
    }
  });
}

function onlyOnce(kind: string, names: readonly string[], refuse: Refuse): void {
  const twice = names.find((value, n) => names.indexOf(value) !== n);
  if (twice !== undefined) refuse(kind, `have '${twice}' twice: each has a name of its own`);
}

function checkOptions(place: string, schemas: Record<string, OptionManifest> | undefined, refuse: Refuse): void {
  for (const [key, schema] of Object.entries(schemas ?? {})) checkOption(`${place}.${key}`, schema, refuse);
}

function checkOption(place: string, schema: OptionManifest, refuse: Refuse): void {
  switch (schema.type) {
    case 'integer':
    case 'number':
    case 'duration': {
      const value = (limit: string | number): number => (typeof limit === 'number' ? limit : (parseTime(limit) ?? NaN));
      const { default: initial, minimum, maximum } = schema;
      if (minimum !== undefined && value(initial) < value(minimum)) {
        refuse(`${place}.default`, `is ${initial}, which is below the minimum, ${minimum}`);
      }
      if (maximum !== undefined && value(initial) > value(maximum)) {
        refuse(`${place}.default`, `is ${initial}, which is above the maximum, ${maximum}`);
      }
      break;
    }
    case 'string':
      if (schema.maxLength !== undefined && schema.default.length > schema.maxLength) {
        refuse(`${place}.default`, `has ${schema.default.length} characters, more than maxLength, ${schema.maxLength}`);
      }
      break;
    case 'choice':
      onlyOnce(`${place}.choices`, schema.choices, refuse);
      if (!schema.choices.includes(schema.default)) {
        refuse(`${place}.default`, `is ${show(schema.default)}, which is not among the choices`);
      }
      break;
    default:
  }
}

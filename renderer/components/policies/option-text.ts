/** Options of policies and arguments of commands in words: as a person writes and reads them. */
import type { OptionValue } from '../../../plugins/api/index';
import type { OptionManifest } from '../../../plugins/api/manifest';
import { formatTime } from '../../../preload/contract/quantities';

/** What stands in the field; `value` undefined: the default. */
export function optionText(schema: OptionManifest, value: OptionValue | undefined): string {
  const shown = value ?? schema.default;
  if (Array.isArray(shown)) return shown.join(',');
  return schema.type === 'duration' && typeof shown === 'number' ? formatTime(shown) : String(shown);
}

const FORMS: Partial<Record<OptionManifest['type'], string>> = {
  duration: 'A time such as 200us or 1.5s',
  cpus: 'CPUs such as 1,3-5, or “aps” or “all”',
};

/** What it means, what may be written, and what it is if nothing is. */
export function optionHint(schema: OptionManifest): string {
  const limits = [FORMS[schema.type], between(schema)].filter((part) => part !== undefined).join(', ');
  const initial = `${defaultWords(schema)} by default.`;
  const rest = limits === '' ? initial : `${limits}; ${initial}`;
  const sentence = rest.charAt(0).toUpperCase() + rest.slice(1);
  return schema.description === undefined ? sentence : `${schema.description} ${sentence}`;
}

function defaultWords({ default: initial }: OptionManifest): string {
  if (typeof initial === 'boolean') return initial ? 'on' : 'off';
  return initial === '' ? 'empty' : String(initial);
}

function between(schema: OptionManifest): string | undefined {
  if (!('minimum' in schema || 'maximum' in schema)) return undefined;
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `from ${minimum} to ${maximum}`;
  return minimum === undefined ? `at most ${maximum}` : `at least ${minimum}`;
}

/** What the app remembers of a person's choices. */
import * as v from 'valibot';
import type { Preferences } from '../../preload/contract/app';
import { AppError } from './errors';
import { readJson, writeJson } from './json-file';

const DEFAULTS: Preferences = { theme: 'system', layout: null, selected: null, timestamps: false, welcomed: false };
/** A serialized arrangement of panels takes a few KiB. */
const MOST_LAYOUT = 256 * 1024;

const entries = {
  theme: v.picklist(['system', 'dark', 'light']),
  layout: v.pipe(
    v.unknown(),
    v.check((layout) => (JSON.stringify(layout) ?? '').length <= MOST_LAYOUT, 'This layout is too large to be kept'),
  ),
  selected: v.nullable(v.pipe(v.string(), v.maxLength(64))),
  timestamps: v.boolean(),
  welcomed: v.boolean(),
};

export class PreferenceStore {
  readonly #file: string;
  #current: Preferences;

  constructor(file: string) {
    this.#file = file;
    // What a newer or older version wrote is no reason not to start: what is not understood takes its default.
    const kept = v.safeParse(v.partial(v.object(entries)), readJson(file) ?? {});
    this.#current = { ...DEFAULTS, ...(kept.success ? (kept.output as Partial<Preferences>) : {}) };
  }

  get current(): Preferences {
    return this.#current;
  }

  change(input: unknown): Preferences {
    const result = v.safeParse(v.partial(v.strictObject(entries)), input, { abortEarly: true });
    if (!result.success) throw new AppError('usage', `These preferences cannot be kept: ${result.issues[0].message}.`);
    this.#current = { ...this.#current, ...(result.output as Partial<Preferences>) };
    writeJson(this.#file, this.#current);
    return this.#current;
  }
}

import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Comparer } from './compare';
import { OPCODES } from '../../main/accelerator/emulator/opcodes';
import { EXCLUDED, FORMS } from './forms';

const CASES = 200_000;
const SEED = 1;

/** What of the emulator's instruction set a processor may lack, as /proc/cpuinfo calls it. */
const FEATURES = ['abm', 'adx', 'bmi1', 'bmi2', 'cx16', 'lahf_lm', 'movbe', 'popcnt'];

function missing(): string | null {
  if (process.arch !== 'x64' || process.platform !== 'linux') return 'the host is no x86-64 Linux';
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(' ') ?? [];
  const lacking = FEATURES.filter((feature) => !flags.includes(feature));
  return lacking.length === 0 ? null : `the host's processor lacks ${lacking.join(', ')}`;
}

describe("the emulator's integer instructions", () => {
  beforeEach((context) => {
    const reason = missing();
    if (reason !== null) context.skip(reason);
  });

  it(`do what those of the host's processor do, in ${CASES} generated cases`, () => {
    const { cases, perForm, differences } = new Comparer().compare(SEED, 0, CASES);
    expect(differences.map(({ text }) => text).slice(0, 5)).toEqual([]);
    expect(cases).toBe(CASES);
    expect(FORMS.filter((_, n) => perForm[n] === 0)).toEqual([]);
  });

  it('are all among the cases, but for what cannot run in user mode', () => {
    const tested = new Set(FORMS.map(({ text }) => text));
    const untested = OPCODES.filter((row) => !tested.has(row));
    const excluded = EXCLUDED.map(([pattern]) => OPCODES.filter((row) => pattern.test(`${row} `)));
    expect(excluded.every((rows) => rows.length > 0)).toBe(true);
    expect(untested).toEqual(OPCODES.filter((row) => excluded.some((rows) => rows.includes(row))));
  });
});

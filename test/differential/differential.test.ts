import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OPCODES } from '../../main/accelerator/emulator/opcodes';
import { EXCLUDED, FORMS, LACKED } from './forms';
import { hostHas } from './host';
import { hasLocalSegments } from './native';

const CASES = 300_000;
const CASES_BESIDE = 40_000;
const SEED = 1;
const SCRIPT = fileURLToPath(new URL('../../scripts/differential.mjs', import.meta.url));

/** What of the emulator's instruction set a processor may lack, as /proc/cpuinfo calls it. */
const FEATURES = 'abm adx avx2 bmi1 bmi2 cx16 fsgsbase lahf_lm mmx movbe popcnt sse4_2 xsave'.split(' ');

function missing(): string | null {
  if (process.arch !== 'x64' || process.platform !== 'linux') return 'the host is no x86-64 Linux';
  const lacking = FEATURES.filter((feature) => !hostHas(feature));
  if (lacking.length > 0) return `the host's processor lacks ${lacking.join(', ')}`;
  return hasLocalSegments() ? null : 'the kernel has no modify_ldt';
}

describe("the emulator's instructions", () => {
  it(`do what those of the host's processor do, in ${CASES} generated cases`, (context) => {
    const reason = missing();
    if (reason !== null) context.skip(reason);
    const { stdout } = spawnSync(process.execPath, [SCRIPT, `${CASES}`, `${SEED}`], { encoding: 'utf8' });
    const last = stdout.trimEnd().split('\n').at(-1) ?? '';
    expect(last.replace(/ \(.*\)/, ''), stdout.slice(0, 5000)).toBe(
      `seed ${SEED}: ${CASES} cases, ${FORMS.length} of ${FORMS.length} forms, 0 differences`,
    );
    const [otherModes, faults] =
      /\((\d+) of 32- and 16-bit code, (\d+) that fault\)/.exec(last)?.slice(1).map(Number) ?? [];
    expect(otherModes).toBeGreaterThan(CASES / 3);
    expect(faults).toBeGreaterThan(CASES / 10);
  });

  it(`and with other CPUs beside, in ${CASES_BESIDE}`, (context) => {
    const reason = missing();
    if (reason !== null) context.skip(reason);
    const env = { ...process.env, REVEILLE_BESIDE: '1' };
    const { stdout } = spawnSync(process.execPath, [SCRIPT, `${CASES_BESIDE}`, '2'], { encoding: 'utf8', env });
    expect(stdout.trimEnd().split('\n').at(-1), stdout.slice(0, 5000)).toMatch(/, 0 differences$/);
  });

  it('are all among the cases, but for what cannot run in user mode', () => {
    const tested = new Set([...FORMS, ...[...LACKED.values()].flat()].map(({ text }) => text));
    const untested = OPCODES.filter((row) => !tested.has(row));
    const excluded = EXCLUDED.map(([pattern]) => OPCODES.filter((row) => pattern.test(`${row} `)));
    expect(excluded.every((rows) => rows.length > 0)).toBe(true);
    expect(untested).toEqual(OPCODES.filter((row) => excluded.some((rows) => rows.includes(row))));
  });
});

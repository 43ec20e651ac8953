/** The command line of `reveille sweep`. */
import { availableParallelism } from 'node:os';
import type { PolicyChoice } from '../../../../plugins/api/manifest';
import type { RunRequest } from '../../../app/machine-runs';
import type { OptionRange, SeedRange } from '../../../app/sweep-plan';
import { FLAG, given, MACHINE_OPTIONS, machineRequest, TEXT, writtenOptions } from '../machine-options';
import { parseCount, parseDuration } from '../quantities';
import { onePositional, type OptionToken, parseStrictly, policyChoices } from '../run-options';
import { UsageError } from '../usage';

export interface SweepOptions {
  request: RunRequest;
  /** What of it was given, as it was written: for the command that shows a run again. */
  written: Record<string, string>;
  policies: PolicyChoice[];
  over: SeedRange | OptionRange;
  jobs: number;
  /** Of the host's time, in s. */
  patience: number;
  json: boolean;
}

const NS_PER_S = 1e9;
const DEFAULT_TIME_LIMIT = 10 * NS_PER_S;
const DEFAULT_PATIENCE_MS = 60_000;
const DEFAULT_STEPS = 20;
const MAX_RUNS = 100_000;
const MAX_JOBS = 256;

export function parseSweepOptions(args: string[]): SweepOptions {
  const { values, positionals, tokens } = parseStrictly(args, {
    ...MACHINE_OPTIONS,
    seeds: TEXT,
    vary: TEXT,
    steps: TEXT,
    jobs: TEXT,
    timeout: TEXT,
    json: FLAG,
  });
  const guest = onePositional('reveille sweep', "one guest, a bundled guest's name or a path", positionals);
  const { seeds, vary, seed } = values;
  if ((seeds === undefined) === (vary === undefined)) {
    throw new UsageError('reveille sweep takes one of --seeds A..B and --vary OPTION=A..B.');
  }
  if (seeds !== undefined && seed !== undefined)
    throw new UsageError('--seed is for a sweep over an option; this one is over --seeds.');
  if (vary === undefined && values.steps !== undefined) throw new UsageError('--steps belongs to --vary.');
  const steps = given('--steps', values.steps, (option, text) => countFrom(option, text, 2, MAX_RUNS));
  const policies = policyChoices(tokens);
  const request = machineRequest(guest, values);
  return {
    // Where a run can be shown again exactly.
    request: {
      ...request,
      accelerator: values.accel === undefined ? 'wasm' : request.accelerator,
      timeLimit: request.timeLimit ?? DEFAULT_TIME_LIMIT,
    },
    written: writtenOptions(values),
    policies,
    over: seeds === undefined ? parseVary(tokens, policies, steps ?? DEFAULT_STEPS) : parseSeeds(seeds),
    jobs:
      given('--jobs', values.jobs, (option, text) => countFrom(option, text, 1, MAX_JOBS)) ?? availableParallelism(),
    patience: Math.ceil((given('--timeout', values.timeout, parseDuration) ?? DEFAULT_PATIENCE_MS) / 1000),
    json: values.json ?? false,
  };
}

function countFrom(option: string, text: string, least: number, most: number): number {
  const count = parseCount(option, text);
  if (count < least || count > most) throw new UsageError(`${option} is from ${least} to ${most}, not ${count}.`);
  return count;
}

function parseSeeds(text: string): SeedRange {
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(text) ?? [];
  const range: SeedRange = { kind: 'seeds', from: Number(from), to: Number(to) };
  if (to === undefined || range.from > range.to) {
    throw new UsageError(`--seeds takes the first and the last, such as 1..200, not "${text}".`);
  }
  const runs = range.to - range.from + 1;
  if (runs > MAX_RUNS) throw new UsageError(`A sweep has at most ${MAX_RUNS} runs; --seeds ${text} would be ${runs}.`);
  return range;
}

/** Like any option of a policy it belongs to the one before it. */
function parseVary(tokens: readonly OptionToken[], policies: readonly PolicyChoice[], steps: number): OptionRange {
  const at = tokens.findIndex(({ kind, name }) => kind === 'option' && name === 'vary');
  const { value = '' } = tokens[at];
  const [, option, from, to] = /^([^=]+)=(.+)\.\.(.+)$/s.exec(value) ?? [];
  if (to === undefined) throw new UsageError(`--vary takes OPTION=FROM..TO, such as by=0ms..200ms, not "${value}".`);
  const before = tokens.slice(0, at).filter(({ kind, name }) => kind === 'option' && name === 'policy').length;
  if (before === 0) throw new UsageError(`--vary ${value} comes before any --policy, whose option it would be.`);
  const policy = before - 1;
  if (option in policies[policy].options) {
    throw new UsageError(`The policy ${policies[policy].policy} is given ${option}, which is to be varied.`);
  }
  return { kind: 'option', policy, option, from, to, steps };
}

/** From what a person wants to be varied to the runs of a sweep. */
import type { OptionManifest, PolicyChoice } from '../../plugins/api/manifest';
import type { MachineConfig } from '../../preload/contract/machine';
import { formatTime } from '../../preload/contract/quantities';
import { readOptions } from '../plugins/options';
import { AppError } from './errors';
import type { PluginStore } from './plugin-store';
import { findPolicy, loadPolicies } from './policies';
import { type Range, spread } from './sweep';
import type { SweepRun } from './sweep-runner';

export interface SeedRange {
  kind: 'seeds';
  from: number;
  to: number;
}

/** One option of one policy, its ends written as an option is. */
export interface OptionRange {
  kind: 'option';
  /** The policy's place in the machine's list. */
  policy: number;
  option: string;
  from: string;
  to: string;
  /** How many values are tried before the bisection. */
  steps: number;
}

export interface SweepPlan {
  values: number[];
  runOf: (value: number) => SweepRun;
  /** A value as it is written on a command line. */
  write: (value: number) => string;
  /** Where the smallest failing value is looked for; null: values have no order that means anything. */
  range: Range | null;
  /** What is only approximate on this machine. */
  warnings: string[];
}

export async function planSweep(
  over: SeedRange | OptionRange,
  config: MachineConfig,
  policies: readonly PolicyChoice[],
  store: PluginStore,
): Promise<SweepPlan> {
  if (over.kind === 'option') return planOption(over, config, policies, store);
  const { programs, warnings } = await loadPolicies(policies, config, store);
  return {
    values: Array.from({ length: over.to - over.from + 1 }, (_, i) => over.from + i),
    runOf: (seed) => ({ config: { ...config, seed }, policies: programs }),
    write: String,
    range: null,
    warnings,
  };
}

async function planOption(
  { policy: at, option, from, to, steps }: OptionRange,
  config: MachineConfig,
  policies: readonly PolicyChoice[],
  store: PluginStore,
): Promise<SweepPlan> {
  const { policy } = findPolicy(policies[at].policy, store);
  const scale = scaleOf(policy.name, option, policy.options?.[option]);
  const [low, high] = [from, to].map((text) => {
    const options = { ...policies[at].options, [option]: text };
    return readOptions(policy.name, policy.options, options, config)[option] as number;
  });
  if (low > high) {
    throw new AppError(
      'usage',
      `The option ${option} of ${policy.name} goes from the smaller value to the larger one.`,
    );
  }
  const range = { from: low, to: high, resolution: scale.resolution(high - low) };
  const first = policies.map((choice, i) =>
    i === at ? { ...choice, options: { ...choice.options, [option]: from } } : choice,
  );
  const { programs, warnings } = await loadPolicies(first, config, store);
  return {
    values: spread(range, steps),
    runOf: (value) => ({
      config,
      policies: programs.map((program, i) =>
        i === at ? { ...program, options: { ...program.options, [option]: scale.take(value) } } : program,
      ),
    }),
    write: scale.write,
    range,
    warnings,
  };
}

interface Scale {
  /** Of a range of that width. */
  resolution: (width: number) => number;
  write: (value: number) => string;
  /** The value that the policy is given. */
  take: (value: number) => number;
}

const itself = (value: number): number => value;
const NS_PER_US = 1e3;
const NS_PER_MS = 1e6;
/** A number option has at most so many digits after the point. */
const DIGITS = 9;

function scaleOf(policy: string, name: string, option: OptionManifest | undefined): Scale {
  switch (option?.type) {
    case 'duration':
      return { resolution: (width) => (width >= NS_PER_MS ? NS_PER_US : 1), write: formatTime, take: itself };
    case 'integer':
      return { resolution: () => 1, write: String, take: itself };
    case 'number': {
      const write = (value: number): string => value.toFixed(DIGITS).replace(/\.?0+$/, '');
      return { resolution: (width) => width / 1e6, write, take: (value) => Number(write(value)) };
    }
    case undefined:
      throw new AppError('usage', `The policy ${policy} has no option ${name} that could be varied.`);
    default:
      throw new AppError(
        'usage',
        `The option ${name} of ${policy} is of type ${option?.type}; what can be varied is a duration, an integer or a number.`,
      );
  }
}

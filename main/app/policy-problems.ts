/** What of a machine's policies cannot stay as a person has chosen it, each beside the field that it is about. */
import type { Options } from '../../plugins/api/index';
import type { OptionManifest, PolicyChoice } from '../../plugins/api/manifest';
import type { MachineSettings, SettingsProblem } from '../../preload/contract/app';
import { cpuCount } from '../../preload/contract/topology';
import { type CpuRange, readOptions } from '../plugins/options';
import { AppError, ReveilleError, sentence } from './errors';
import type { PluginStore } from './plugin-store';
import { findPolicy } from './policies';

export function policyProblems(settings: MachineSettings, plugins: PluginStore): SettingsProblem[] {
  return settings.policies.flatMap((choice, index) =>
    choiceProblems(choice, settings, plugins).map(({ option, message }) => ({
      field: 'policies' as const,
      message: sentence(message),
      policy: { index, option },
    })),
  );
}

interface ChoiceProblem {
  option: string | null;
  message: string;
}

function choiceProblems(choice: PolicyChoice, settings: MachineSettings, plugins: PluginStore): ChoiceProblem[] {
  const machine = { cpus: cpuCount(settings.topology), bsp: settings.bsp };
  const problems: ChoiceProblem[] = [];
  const collect = (option: string | null, look: () => void): void => {
    try {
      look();
    } catch (error) {
      if (!(error instanceof ReveilleError)) throw error;
      problems.push({ option, message: error.message });
    }
  };
  collect(null, () => {
    const { policy } = findPolicy(choice.policy, plugins);
    if (policy.needs === 'exact' && settings.irqchip !== 'exact') {
      throw new AppError(
        'usage',
        `“${policy.title}” needs the interrupt mode exact; in ${settings.irqchip} KVM itself has the local APICs`,
      );
    }
    const { options = {} } = policy;
    const strangers = Object.keys(choice.options).filter((name) => !Object.hasOwn(options, name));
    for (const name of strangers) {
      collect(null, () => readOptions(policy.name, options, { [name]: choice.options[name] }, machine));
    }
    problems.push(...optionProblems(policy.name, options, choice.options, machine));
  });
  return problems;
}

/** What is wrong with each of the options of `schemas`; `of` names whose they are. */
export function optionProblems(
  of: string,
  schemas: Readonly<Record<string, OptionManifest>>,
  given: Options,
  machine: CpuRange,
): { option: string; message: string }[] {
  return Object.entries(schemas).flatMap(([option, schema]) => {
    const value = Object.hasOwn(given, option) ? { [option]: given[option] } : {};
    try {
      readOptions(of, { [option]: schema }, value, machine);
      return [];
    } catch (error) {
      if (!(error instanceof ReveilleError)) throw error;
      return [{ option, message: sentence(error.message) }];
    }
  });
}

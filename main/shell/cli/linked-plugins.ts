/** Plugins that a run uses where their authors work on them: what is saved goes on in it, and what is wrong is told at its line. */
import type { PolicyChoice } from '../../../plugins/api/manifest';
import type { MachineConfig } from '../../../preload/contract/machine';
import { formatProblem } from '../../../preload/contract/plugins';
import type { MachineProcess } from '../../app/machine-process';
import { typeChecker } from '../../app/plugin-author';
import type { PluginStore } from '../../app/plugin-store';
import { PluginWatch } from '../../app/plugin-watch';
import type { LoadedPolicies } from '../../app/policies';
import { RunPolicies } from '../../app/run-policies';
import type { Installation } from './installation';

/** Until it is closed. */
export function watchLinked(
  {
    machine,
    config,
    policies,
    choices,
  }: {
    machine: MachineProcess;
    config: MachineConfig;
    policies: LoadedPolicies;
    choices: readonly PolicyChoice[];
  },
  { store, installation, say }: { store: PluginStore; installation: Installation; say: (line: string) => void },
): { close(): void } {
  const types = typeChecker(installation.typeChecker, installation.plugins);
  const run = new RunPolicies(machine, { programs: policies.programs, choices }, store);
  const watches = policies.linked.map(({ name, folder }) => {
    const watch = new PluginWatch(folder, types, store.compiled);
    watch.onChange((change) => {
      const problems =
        change.type === 'compiled'
          ? run.reload({ name, compiled: change.compiled }, config)
          : change.problems.map(formatProblem);
      for (const problem of problems) say(`${name}: ${problem}`);
    });
    return watch;
  });
  return {
    close() {
      for (const watch of watches) watch.close();
      types.dispose();
    },
  };
}

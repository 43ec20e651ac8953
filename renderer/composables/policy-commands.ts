/** What the policies of the machine that is shown can be told, while it runs. */
import { computed, type ComputedRef } from 'vue';
import type { Options } from '../../plugins/api/index';
import type { CommandManifest } from '../../plugins/api/manifest';
import { useApp } from '../stores/app';
import { useBridge } from '../stores/bridge';
import { useMachines } from '../stores/machines';
import { isLive } from './machine-actions';

export interface PolicyCommand {
  id: string;
  title: string;
  author: number;
  policy: string;
  command: CommandManifest;
  /** `cpu`: the one that it is about; null: the person is asked, where it is about one. */
  run: (cpu: number | null) => void;
}

export function policyCommands(): ComputedRef<PolicyCommand[]> {
  const app = useApp();
  const machines = useMachines();
  const give = useGiveCommand();

  return computed(() => {
    const { selected } = machines;
    if (selected === null || selected.run === null || !isLive(selected)) return [];
    const machine = selected.id;
    return selected.run.policies.flatMap(({ policy, commands }, index) =>
      commands.map((command): PolicyCommand => {
        const author = index + 1;
        return {
          id: `policy.${author}.${command.name}`,
          title: `${policy}: ${command.title}${asks(command) ? '…' : ''}`,
          author,
          policy,
          command,
          run(cpu) {
            const missing = command.cpu === true && cpu === null;
            if (asks(command) || missing) app.dialog = { kind: 'policy-command', machine, author, command, cpu };
            else void give(machine, author, command, command.cpu === true ? { cpu: cpu as number } : {});
          },
        };
      }),
    );
  });
}

/** Whether a person has to be asked for arguments. */
export function asks(command: CommandManifest): boolean {
  return Object.keys(command.arguments ?? {}).length > 0;
}

/** Gives a command and shows what the policy answers. */
function useGiveCommand(): (machine: string, author: number, command: CommandManifest, args: Options) => Promise<void> {
  const app = useApp();
  const bridge = useBridge();
  return (machine, author, command, args) =>
    app.attempt(command.title, async () => {
      const { text } = await bridge.call('policy.command', { machine, author, command: command.name, args });
      app.tell(text === '' ? `${command.title}: done.` : text);
    }) as Promise<void>;
}

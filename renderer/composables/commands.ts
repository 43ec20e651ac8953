/** Everything that can be done by palette, menu and key: one list. */
import { computed, type ComputedRef } from 'vue';
import { useApp } from '../stores/app';
import { useBridge } from '../stores/bridge';
import { PANELS, useDock } from '../stores/dock';
import { useMachines } from '../stores/machines';
import { usePlugins } from '../stores/plugins';
import type { Command } from './command';
import { useFileActions } from './file-actions';
import { isLive, machineActions } from './machine-actions';
import { policyCommands } from './policy-commands';

export function useCommands(): ComputedRef<Command[]> {
  const app = useApp();
  const bridge = useBridge();
  const dock = useDock();
  const machines = useMachines();
  const actions = machineActions();
  const files = useFileActions();
  const plugins = usePlugins();
  const policies = policyCommands();

  return computed(() => [
    ...actions.value,
    ...policies.value.map(({ id, title, run }) => ({
      id,
      title,
      group: 'Policy',
      disabled: null,
      run: () => run(machines.selectedCpu),
    })),
    {
      id: 'machine.new',
      title: 'New machine…',
      group: 'Machines',
      keys: 'Ctrl+Alt+N',
      disabled: null,
      run: () => (app.dialog = { kind: 'machine-form', machine: null }),
    },
    {
      id: 'machine.import',
      title: 'Import a machine…',
      group: 'Machines',
      disabled: null,
      run: files.pickMachine,
    },
    {
      id: 'trace.open',
      title: 'Open a trace…',
      group: 'Traces',
      disabled: null,
      run: files.pickTrace,
    },
    {
      id: 'plugins.show',
      title: 'Plugins…',
      group: 'Plugins',
      disabled: null,
      run: () => (app.dialog = { kind: 'plugins' }),
    },
    ...machines.list.map((machine) => ({
      id: `machine.show.${machine.id}`,
      title: `Show ${machine.settings.name}`,
      group: 'Machines',
      disabled: null,
      run: () => machines.select(machine.id),
    })),
    ...PANELS.map(({ id, title }) => ({
      id: `panel.${id}`,
      title: `Show ${title}`,
      group: 'View',
      disabled: null,
      run: () => dock.show(id),
    })),
    ...plugins.list
      .filter(({ enabled }) => enabled)
      .flatMap(({ name: plugin, manifest }) =>
        (manifest?.panels ?? []).map(({ name, title }) => ({
          id: `panel.${plugin}.${name}`,
          title: `Show ${title} (${plugin})`,
          group: 'View',
          disabled: null,
          run: () => dock.showPlugin(plugin, name, title),
        })),
      ),
    { id: 'layout.reset', title: 'Reset layout', group: 'View', disabled: null, run: dock.reset },
    ...(['system', 'dark', 'light'] as const).map((theme) => ({
      id: `theme.${theme}`,
      title: `Theme: ${theme}`,
      group: 'View',
      disabled: null,
      run: () => void app.attempt('Changing the theme', () => app.prefer({ theme })),
    })),
    {
      id: 'palette.open',
      title: 'Command palette',
      group: 'View',
      keys: 'Ctrl+K',
      disabled: null,
      run: () => (app.paletteOpen = true),
    },
    {
      id: 'help.welcome',
      title: 'Welcome: how processors wake up',
      group: 'Help',
      disabled: null,
      run: () => (app.dialog = { kind: 'welcome' }),
    },
    {
      id: 'help.about',
      title: 'About Reveille and this host',
      group: 'Help',
      disabled: null,
      run: () => (app.dialog = { kind: 'about' }),
    },
    {
      id: 'app.quit',
      title: 'Quit Reveille',
      group: 'App',
      disabled: null,
      run: () => {
        if (machines.list.some(isLive)) app.dialog = { kind: 'quit' };
        else void app.attempt('Quitting', () => bridge.call('app.quit', { force: false }));
      },
    },
  ]);
}

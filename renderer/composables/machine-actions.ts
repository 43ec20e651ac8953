/** What can be done with the machine that is shown, and why not where it cannot. */
import { computed, type ComputedRef } from 'vue';
import type { MachineInfo } from '../../preload/contract/app';
import { useApp } from '../stores/app';
import { useBridge } from '../stores/bridge';
import { useMachines } from '../stores/machines';
import type { Command } from './command';
import { saveText } from './files';

const NO_MACHINE = 'No machine is selected.';

export function isLive({ status }: MachineInfo): boolean {
  return status !== 'off' && status !== 'ended' && status !== 'crashed';
}

export function machineActions(): ComputedRef<Command[]> {
  const app = useApp();
  const bridge = useBridge();
  const machines = useMachines();

  return computed(() => {
    const { selected } = machines;
    const live = selected !== null && isLive(selected);
    const paused = selected?.status === 'paused';
    const running = selected?.status === 'running';
    const abilities = selected?.run?.abilities ?? null;
    const machine = selected?.id ?? '';
    const cpu = machines.selectedCpu;
    const unless = (...reasons: (string | false | null | undefined)[]): string | null =>
      selected === null ? NO_MACHINE : (reasons.find((reason) => typeof reason === 'string') ?? null);
    const act = (label: string, work: () => Promise<unknown>) => () => void app.attempt(label, work);
    const group = 'Machine';
    return [
      {
        id: 'machine.start',
        title: 'Start',
        group,
        keys: 'F5',
        disabled: unless(live && 'This machine is running already.'),
        run: act('Starting the machine', () => bridge.call('machine.start', { machine, snapshot: null })),
      },
      {
        id: 'machine.pause',
        title: paused ? 'Resume' : 'Pause',
        group,
        keys: 'F6',
        disabled: unless(!running && !paused && 'This machine does not run.', abilities?.pause),
        run: act(paused ? 'Resuming' : 'Pausing', () =>
          bridge.call('machine.request', { machine, request: { name: paused ? 'resume' : 'pause', argument: null } }),
        ),
      },
      {
        id: 'machine.step',
        title: cpu === null ? 'Step the selected CPU' : `Step CPU ${cpu}`,
        group,
        keys: 'F10',
        disabled: unless(!paused && 'Pause the machine first.', abilities?.step, cpu === null && 'Select a CPU first.'),
        run: act('Stepping', () =>
          bridge.call('machine.request', { machine, request: { name: 'step', argument: { cpu } } }),
        ),
      },
      {
        id: 'machine.powerButton',
        title: 'Press the power button',
        group,
        disabled: unless(!running && 'This machine does not run.'),
        run: act('Pressing the power button', () =>
          bridge.call('machine.request', { machine, request: { name: 'power-button', argument: null } }),
        ),
      },
      {
        id: 'machine.reset',
        title: 'Reset',
        group,
        disabled: unless(!live && 'This machine does not run.'),
        run: act('Resetting the machine', () => bridge.call('machine.reset', { machine })),
      },
      {
        id: 'machine.stop',
        title: 'Power off',
        group,
        keys: 'Shift+F5',
        disabled: unless(!live && 'This machine does not run.'),
        run: act('Powering off', () => bridge.call('machine.stop', { machine })),
      },
      {
        id: 'machine.snapshot',
        title: 'Take a snapshot',
        group,
        disabled: unless(!running && !paused && 'This machine does not run.', abilities?.snapshot),
        run: act('Taking a snapshot', async () => {
          await bridge.call('machine.snapshot', { machine });
          app.tell('The snapshot is kept with the machine.');
        }),
      },
      {
        id: 'machine.snapshots',
        title: 'Snapshots…',
        group,
        disabled: unless(),
        run: () => (app.dialog = { kind: 'snapshots', machine }),
      },
      {
        id: 'machine.edit',
        title: 'Edit…',
        group,
        disabled: unless(),
        run: () => (app.dialog = { kind: 'machine-form', machine }),
      },
      {
        id: 'machine.duplicate',
        title: 'Duplicate',
        group,
        disabled: unless(),
        run: act('Duplicating', async () => machines.select((await bridge.call('machines.duplicate', { machine })).id)),
      },
      {
        id: 'machine.export',
        title: 'Export as a file…',
        group,
        disabled: unless(),
        run: act('Exporting', async () => {
          const { name, text } = await bridge.call('machines.export', { machine });
          saveText(name, text);
        }),
      },
      {
        id: 'machine.delete',
        title: 'Delete…',
        group,
        disabled: unless(live && 'Power the machine off first.'),
        run: () => (app.dialog = { kind: 'delete-machine', machine }),
      },
    ];
  });
}

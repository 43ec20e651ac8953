/**
 * The live example: the bundled roll call on the emulator, which every host has and whose runs are alike to the bit. Its
 * machine is one as any other, but for a moment only: it ends by itself within a second, its events are read, and it is
 * deleted. So nobody finds a machine in the list that they did not make.
 */
import { watch } from 'vue';
import type { MachineSettings } from '../../../preload/contract/app';
import type { Bridge } from '../../../preload/contract/channels';
import { EVENT_BYTES } from '../../../preload/contract/events';
import { type MachineEvent, MachineEventDecoder } from '../../../preload/contract/machine-events';
import { isLive } from '../../composables/machine-actions';
import type { useMachines } from '../../stores/machines';

export const EXAMPLE_CPUS = 4;

const SETTINGS: MachineSettings = {
  name: 'Welcome example',
  guest: { kind: 'bundled', name: 'roll-call' },
  initrd: null,
  symbols: null,
  disks: [],
  topology: { sockets: 1, cores: EXAMPLE_CPUS, threads: 1 },
  apicIds: null,
  bsp: 0,
  memory: 16 * 2 ** 20,
  accelerator: 'wasm',
  irqchip: 'exact',
  cmdline: '',
  seed: 0,
  realtime: false,
  parallel: false,
  acpi: true,
  vga: 'text',
  serial: [{ kind: 'stdio' }, { kind: 'none' }, { kind: 'none' }, { kind: 'none' }],
  consoles: [],
  network: null,
  policies: [],
};

/** Runs it and returns its events; rejects with a sentence where it did not come to its end. */
export async function runExample(bridge: Bridge, machines: ReturnType<typeof useMachines>): Promise<MachineEvent[]> {
  const { id } = await bridge.call('machines.create', { settings: SETTINGS });
  try {
    const ended = endOf(machines, id);
    await bridge.call('machine.start', { machine: id, snapshot: null });
    await ended;
    const run = machines.machines.get(id)?.run;
    if (!run?.summary) throw new Error(run?.failure ?? 'The example did not come to its end.');
    return await readEvents(bridge, id, run.number);
  } finally {
    await bridge.call('machines.delete', { machine: id });
  }
}

/** Settles when the machine has run and does so no more. */
function endOf(machines: ReturnType<typeof useMachines>, id: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = watch(
      () => machines.machines.get(id),
      (machine) => {
        if (machine !== undefined && (machine.run === null || isLive(machine))) return;
        stop();
        resolve();
      },
    );
  });
}

async function readEvents(bridge: Bridge, machine: string, run: number): Promise<MachineEvent[]> {
  const decoder = new MachineEventDecoder(EXAMPLE_CPUS);
  const events: MachineEvent[] = [];
  for (let from = 0; ;) {
    const { first, total, bytes } = await bridge.call('events.read', { machine, run, from });
    events.push(...decoder.decode(bytes.slice().buffer));
    from = first + bytes.length / EVENT_BYTES;
    if (from >= total || bytes.length === 0) return [...events, ...decoder.end()];
  }
}

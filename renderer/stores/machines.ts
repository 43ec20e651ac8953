/** The machines, which of them is shown, and the streams of their runs. */
import { defineStore } from 'pinia';
import { computed, ref, shallowReactive } from 'vue';
import type { MachineInfo, RunInfo } from '../../preload/contract/app';
import { RunStreams } from '../streams/run-streams';
import { useApp } from './app';
import { useBridge } from './bridge';

export const useMachines = defineStore('machines', () => {
  const bridge = useBridge();
  const app = useApp();
  const machines = shallowReactive(new Map<string, MachineInfo>());
  const streams = shallowReactive(new Map<string, RunStreams>());
  const selectedId = ref<string | null>(null);
  /** The CPU that the inspector shows. */
  const selectedCpu = ref<number | null>(null);

  const list = computed(() => [...machines.values()]);
  const selected = computed(() => (selectedId.value === null ? null : (machines.get(selectedId.value) ?? null)));
  const selectedStreams = computed(() => (selectedId.value === null ? null : (streams.get(selectedId.value) ?? null)));

  async function load(): Promise<void> {
    bridge.onFrame((frame) => {
      const open = streams.get(frame.machine);
      if (open?.run.number === frame.run) open.receive(frame);
    });
    bridge.onNotice((notice) => {
      if (notice.type === 'machine') take(notice.machine);
      if (notice.type === 'machine-deleted') drop(notice.id);
      if (notice.type === 'show') select(notice.machine);
    });
    // Also after the connection was lost: what happened meanwhile is fetched.
    bridge.onConnection((connected) => {
      if (connected) void app.attempt('Looking at the machines', refresh);
    });
    await refresh();
    const wanted = app.preferences?.selected ?? null;
    selectedId.value = wanted !== null && machines.has(wanted) ? wanted : (list.value[0]?.id ?? null);
  }

  async function refresh(): Promise<void> {
    const current = await bridge.call('machines.list', null);
    for (const id of machines.keys()) if (!current.some((machine) => machine.id === id)) drop(id);
    for (const machine of current) {
      take(machine);
      streams.get(machine.id)?.resume();
    }
  }

  function take(machine: MachineInfo): void {
    machines.set(machine.id, machine);
    const open = streams.get(machine.id);
    if (open !== undefined && machine.run !== null && isSameRun(open.run, machine.run)) return;
    open?.close();
    if (machine.run === null) streams.delete(machine.id);
    else streams.set(machine.id, new RunStreams(bridge, machine.id, machine.run));
  }

  /** Policies may change the machine before it is made; nothing has been heard of it by then. */
  function isSameRun(a: RunInfo, b: RunInfo): boolean {
    const shape = ({ number, bsp, apicIds, topology }: RunInfo): string =>
      JSON.stringify([number, bsp, apicIds, topology]);
    return shape(a) === shape(b);
  }

  function drop(id: string): void {
    machines.delete(id);
    streams.get(id)?.close();
    streams.delete(id);
    if (selectedId.value === id) select(list.value[0]?.id ?? null);
  }

  function select(id: string | null): void {
    selectedId.value = id;
    selectedCpu.value = null;
    void app.prefer({ selected: id }).catch(app.report);
  }

  return { machines, list, streams, selectedId, selected, selectedStreams, selectedCpu, load, select };
});

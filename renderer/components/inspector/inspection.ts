/** What a paused machine shows of the chosen CPU: asked for at each pause and step. */
import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import type { CpuInspection } from '../../../preload/contract/inspection';
import { useBridge } from '../../stores/bridge';
import { useMachines } from '../../stores/machines';
import { changedSince } from './changes';

export interface Inspected {
  now: CpuInspection;
  /** Names of registers that have changed since the last pause or step. */
  changed: Set<string>;
}

export function useInspection(): { inspected: ShallowRef<Inspected | null>; refusal: Ref<string | null> } {
  const bridge = useBridge();
  const machines = useMachines();
  const inspected = shallowRef<Inspected | null>(null);
  const refusal = ref<string | null>(null);
  /** Of each CPU of this run: what it was at the pause before. */
  let known = new Map<number, CpuInspection>();
  let asked = 0;

  async function inspect(machine: string, cpu: number): Promise<void> {
    const ask = ++asked;
    try {
      const now = (await bridge.call('machine.request', {
        machine,
        request: { name: 'inspect', argument: { cpu } },
      })) as CpuInspection;
      if (ask !== asked) return;
      inspected.value = { now, changed: changedSince(known.get(cpu) ?? null, now) };
      refusal.value = null;
      known.set(cpu, now);
    } catch (error) {
      if (ask !== asked) return;
      inspected.value = null;
      refusal.value = (error as Error).message;
    }
  }

  watch(
    () => {
      const { selected } = machines;
      return [selected?.id, selected?.run?.number] as const;
    },
    ([id, number], before) => {
      if (id !== before[0] || number !== before[1]) known = new Map();
    },
  );
  watch(
    // Each pause and step has a reason of its own.
    () => [machines.selected?.id, machines.selected?.status, machines.selected?.run?.paused, machines.selectedCpu],
    () => {
      const { selected, selectedCpu } = machines;
      if (selected?.status === 'paused' && selectedCpu !== null) {
        void inspect(selected.id, selectedCpu);
        return;
      }
      asked++;
      inspected.value = null;
      refusal.value = null;
    },
    { immediate: true },
  );
  return { inspected, refusal };
}

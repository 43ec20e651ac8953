/** Traces that were opened from files: event records without a machine. */
import { defineStore } from 'pinia';
import { computed, ref, shallowReactive } from 'vue';
import { MOST_UPLOAD, type OpenedTrace } from '../../preload/contract/channels';
import { useBridge } from './bridge';

export interface Trace extends OpenedTrace {
  id: number;
  /** Event records (preload/contract/events.ts). */
  records: Uint8Array;
}

export const useTraces = defineStore('traces', () => {
  const bridge = useBridge();
  const traces = shallowReactive(new Map<number, Trace>());
  /** The trace that is shown instead of the selected machine's events; null: none is. */
  const selectedId = ref<number | null>(null);
  let next = 1;

  const list = computed(() => [...traces.values()]);
  const selected = computed(() => (selectedId.value === null ? null : (traces.get(selectedId.value) ?? null)));

  /** Reads a trace and shows it; rejects with a sentence where it is none. */
  async function open(file: File): Promise<void> {
    if (file.size > MOST_UPLOAD) {
      throw new Error(`${file.name} is too large: a trace may have up to ${MOST_UPLOAD >> 20} MiB.`);
    }
    const { bytes, ...trace } = await bridge.call('trace.read', {
      name: file.name.slice(-255),
      bytes: new Uint8Array(await file.arrayBuffer()),
    });
    const id = next++;
    traces.set(id, { ...trace, id, records: bytes });
    selectedId.value = id;
  }

  function show(id: number | null): void {
    selectedId.value = id;
  }

  function close(id: number): void {
    traces.delete(id);
    if (selectedId.value === id) selectedId.value = null;
  }

  return { list, selectedId, selected, open, show, close };
});

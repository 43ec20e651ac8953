/** Whose events timeline and table show: the selected machine's current or last run, or an opened trace. */
import { computed, type ComputedRef, type ShallowRef } from 'vue';
import { useLater } from './later';
import { isLive } from './machine-actions';
import { useMachines } from '../stores/machines';
import { type Trace, useTraces } from '../stores/traces';
import { EventLog } from '../timeline/event-log';
import type { LaneGroup } from '../timeline/lane-layout';
import type { SerialLine } from '../timeline/scene';

export interface EventSource {
  /** Changes when another run or trace is shown. */
  key: string;
  log: EventLog;
  live: boolean;
  labels: string[];
  groups: LaneGroup[];
  /** Grows as the guest says lines. */
  serial: readonly SerialLine[];
  withPolicies: boolean;
  /** The machine whose events the app can export; null: an opened trace. */
  machine: string | null;
}

/** Null where there is nothing to show yet. */
export function useEventSource(): {
  source: Readonly<ShallowRef<EventSource | null>>;
  /** The log's length, by which a change shows. */
  revision: ComputedRef<number>;
  /** Machine time in ns as far as it is known. */
  now: ComputedRef<number>;
} {
  const machines = useMachines();
  const traces = useTraces();

  const current = computed<EventSource | null>(() => {
    const trace = traces.selected;
    if (trace !== null) {
      const { id, apicIds, bsp } = trace;
      const log = logOf(trace);
      return {
        key: `trace ${id}`,
        log,
        live: false,
        labels: cpuLabels(apicIds, bsp),
        groups: [],
        serial: [],
        withPolicies: log.policies.authors.length > 0,
        machine: null,
      };
    }
    const streams = machines.selectedStreams;
    if (streams === null) return null;
    const { run, events, machine } = streams;
    return {
      key: `${machine}/${run.number}`,
      log: events,
      live: machines.selected !== null && isLive(machines.selected) && machines.selected.status !== 'paused',
      labels: cpuLabels(run.apicIds, run.bsp),
      groups: socketGroups(run),
      serial: streams.lines.list,
      withPolicies: run.policies.length > 0,
      machine,
    };
  });
  const source = useLater(() => current.value);
  const revision = computed(() => {
    const streams = machines.selectedStreams;
    if (traces.selected === null && streams !== null) void streams.version.value;
    return source.value?.log.length ?? 0;
  });
  const now = computed(() => {
    void revision.value;
    const streams = machines.selectedStreams;
    if (traces.selected !== null || streams === null) return source.value?.log.endTime ?? 0;
    void streams.version.value;
    return streams.model.time;
  });
  return { source, revision, now };
}

/** A trace's columns, made when it is first shown. */
const logs = new WeakMap<Trace, EventLog>();

function logOf(trace: Trace): EventLog {
  let log = logs.get(trace);
  if (log === undefined) {
    log = new EventLog(trace.apicIds.length);
    log.append(trace.records.slice().buffer, 0);
    logs.set(trace, log);
  }
  return log;
}

function cpuLabels(apicIds: readonly number[], bsp: number): string[] {
  return apicIds.map((_, cpu) => (cpu === bsp ? `CPU ${cpu} BSP` : `CPU ${cpu}`));
}

/** CPUs are numbered thread by thread, core by core, socket by socket; one socket needs no heading. */
function socketGroups({ topology }: { topology: { sockets: number; cores: number; threads: number } }): LaneGroup[] {
  const { sockets, cores, threads } = topology;
  if (sockets === 1) return [];
  const size = cores * threads;
  return Array.from({ length: sockets }, (_, socket) => ({
    label: `Socket ${socket}`,
    cpus: Array.from({ length: size }, (_cpu, i) => socket * size + i),
  }));
}

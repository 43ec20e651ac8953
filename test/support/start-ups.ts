import type { MachineEvent } from '../../preload/contract/machine-events';

/** The start-up IPIs that a CPU was sent, in order, and what became of each. */
export function startUps(events: readonly MachineEvent[], cpu: number): string[] {
  return events.flatMap((event) =>
    event.kind === 'ipi' && (event.mode === 'init' || event.mode === 'sipi') && event.targets.includes(cpu)
      ? [`${event.mode} ${event.decision}`]
      : [],
  );
}

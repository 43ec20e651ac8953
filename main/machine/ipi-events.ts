import type { CpuSet } from '../base/cpu-set';
import { EventKind, type IpiMode } from '../../preload/contract/events';
import type { EventWriter } from './event-ring';

/** Who decided: 0 is the machine itself; policies count from 1. */
export const AUTHOR_MACHINE = 0;

/** Writes one IPI to the event stream: a record for each group of 64 CPUs that has targets in it. `what`: vector and IPI_… */
export function writeIpiEvents(
  events: EventWriter,
  now: number,
  source: number,
  mode: IpiMode,
  what: number,
  decision: number,
  targets: CpuSet,
  author = AUTHOR_MACHINE,
): void {
  for (let word = 0; word < targets.length; word += 2) {
    const low = targets[word];
    const high = word + 1 < targets.length ? targets[word + 1] : 0;
    if ((low | high) === 0) continue;
    events.writeAt(now, EventKind.IPI, source, what | (mode << 8), decision | (author << 8), word * 32, low, high);
  }
}

/** The list of pause points as a person edits it. */
import type { PausePoint } from '../../../preload/contract/inspection';
import { pointName } from '../event-words';

export const KINDS: readonly PausePoint['on'][] = ['init', 'sipi', 'first-instruction', 'triple-fault', 'state-change'];

/** Null: a state change wants a CPU. */
export function makePoint(on: PausePoint['on'], cpu: number | null): PausePoint | null {
  if (on !== 'state-change') return { on, cpu };
  return cpu === null ? null : { on, cpu };
}

export function samePoint(a: PausePoint, b: PausePoint): boolean {
  return a.on === b.on && a.cpu === b.cpu;
}

export function pointText({ on, cpu }: PausePoint): string {
  return `${pointName(on)}, ${cpu === null ? 'any CPU' : `CPU ${cpu}`}`;
}

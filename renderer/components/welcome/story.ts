/** The story of a bring-up, as the events of a real machine tell it: three chapters of sentences, and the states after each. */
import type { MachineEvent } from '../../../preload/contract/machine-events';
import type { MpStateName } from '../../../preload/contract/mp-state';

export interface Beat {
  /** Machine time in ns. */
  time: number;
  text: string;
  /** The CPU whose state has changed by it; null: none. */
  cpu: number | null;
  /** Of each CPU, after it. */
  states: MpStateName[];
}

/** Before the first INIT, from there to the first SIPI, and on until all are awake. */
export type Story = [powerUp: Beat[], init: Beat[], sipi: Beat[]];

export function tellStory(events: readonly MachineEvent[], cpus: number): Story {
  const story: Story = [[], [], []];
  const states: MpStateName[] = Array.from({ length: cpus }, () => 'UNINITIALIZED');
  let chapter = 0;
  let vector = 0;
  for (const event of events) {
    if (event.kind === 'ipi') {
      // Then all are awake, and the guest calls its roll.
      if (event.mode === 'fixed') break;
      if (event.mode === 'init') chapter = Math.max(chapter, 1);
      if (event.mode === 'sipi') {
        chapter = 2;
        vector = event.vector;
      }
    }
    const text = sentenceOf(event, vector);
    if (text === null) continue;
    const cpu = event.kind === 'mp-state' ? event.cpu : null;
    if (event.kind === 'mp-state') states[event.cpu] = event.to;
    story[chapter].push({ time: event.t, text, cpu, states: [...states] });
  }
  return story;
}

function sentenceOf(event: MachineEvent, vector: number): string | null {
  const start = `0x${(vector << 12).toString(16).padStart(5, '0')}`;
  if (event.kind === 'ipi') {
    const targets = event.targets.map((target) => `CPU ${target}`).join(', ');
    if (event.mode === 'init') return `CPU ${event.source} sends INIT to ${targets}.`;
    if (event.mode !== 'sipi') return null;
    const sends = `CPU ${event.source} sends a SIPI with vector ${hex(event.vector)} to ${targets}`;
    return event.decision === 'ignored' ? `${sends}, which waits for none any more: it is ignored.` : `${sends}.`;
  }
  if (event.kind !== 'mp-state') return null;
  const name = `CPU ${event.cpu}`;
  switch (event.to) {
    case 'RUNNABLE':
      if (event.from === 'UNINITIALIZED') return `${name} is the BSP: it executes the guest from its entry point.`;
      if (event.from === 'SIPI_RECEIVED') return `${name} executes its first instruction, at ${start}.`;
      return `${name} goes on.`;
    case 'INIT_RECEIVED':
      return `${name} is initialized, and waits for a SIPI.`;
    case 'SIPI_RECEIVED':
      return `${name} takes it: ${hex(vector)} << 12 = ${start}.`;
    case 'HALTED':
      return `${name} has said that it is here, and halts (HLT) until an interrupt comes.`;
    default:
      return null;
  }
}

function hex(vector: number): string {
  return `0x${vector.toString(16).padStart(2, '0')}`;
}

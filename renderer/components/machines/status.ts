/** A machine's status in words and colour. */
import type { MachineInfo, MachineStatus } from '../../../preload/contract/app';

const WORDS: Record<MachineStatus, string> = {
  off: 'off',
  starting: 'starting',
  running: 'running',
  paused: 'paused',
  stopping: 'powering off',
  ended: 'ended',
  crashed: 'crashed',
};

const COLOURS: Record<MachineStatus, string> = {
  off: 'var(--faint)',
  starting: 'var(--init)',
  running: 'var(--run)',
  paused: 'var(--halt)',
  stopping: 'var(--init)',
  ended: 'var(--faint)',
  crashed: 'var(--dead)',
};

export function statusWord(machine: MachineInfo): string {
  return WORDS[machine.status];
}

export function statusColour(machine: MachineInfo): string {
  return COLOURS[machine.status];
}

/** A machine's status as it looks and reads: a colour, a word and a shape, so that it reads without colour. */
import type { MachineInfo, MachineStatus } from '../../../preload/contract/app';
import type { StateLook } from '../mp-states';

const CIRCLE = 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z';
const HALF = 'M6 1.5a4.5 4.5 0 0 1 0 9z';

const LOOKS: Record<MachineStatus, StateLook> = {
  off: { word: 'off', colour: '--faint', path: CIRCLE, filled: false },
  starting: { word: 'starting', colour: '--init', path: HALF, filled: true },
  running: { word: 'running', colour: '--run', path: CIRCLE, filled: true },
  paused: { word: 'paused', colour: '--halt', path: 'M2 2h3v8H2zM7 2h3v8H7z', filled: true },
  stopping: { word: 'powering off', colour: '--init', path: HALF, filled: true },
  ended: { word: 'ended', colour: '--faint', path: 'M2.5 2.5h7v7h-7z', filled: true },
  crashed: { word: 'crashed', colour: '--dead', path: 'M2.5 2.5l7 7M9.5 2.5l-7 7', filled: false },
};

export function statusLook({ status }: MachineInfo): StateLook {
  return LOOKS[status];
}

export function statusWord(machine: MachineInfo): string {
  return statusLook(machine).word;
}

/** How its last run ended, as a sentence; null while it runs, or where it never did. */
export function ending({ status, run }: MachineInfo): string | null {
  if (run === null || (status !== 'ended' && status !== 'crashed')) return null;
  const reason = run.failure ?? run.summary?.outcome.reason ?? null;
  if (reason === null) return null;
  const capital = reason.charAt(0).toUpperCase() + reason.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** How an MP state looks: a colour, a word and a shape, so that it reads without colour. One place for all views. */
import type { MpStateName } from '../../preload/contract/mp-state';

export interface StateLook {
  /** In a sentence: "CPU 3 is …". */
  word: string;
  /** A CSS variable of tokens.css. */
  colour: string;
  /** A path in a box of 12 by 12, filled or stroked. */
  path: string;
  filled: boolean;
}

const CIRCLE = 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z';
const OTHER: StateLook = { word: 'of another architecture', colour: '--uninit', path: CIRCLE, filled: false };

const LOOKS: Partial<Record<MpStateName, StateLook>> = {
  UNINITIALIZED: { word: 'waiting for INIT', colour: '--uninit', path: CIRCLE, filled: false },
  INIT_RECEIVED: { word: 'waiting for SIPI', colour: '--init', path: 'M6 1.5a4.5 4.5 0 0 1 0 9z', filled: true },
  SIPI_RECEIVED: { word: 'SIPI received', colour: '--sipi', path: 'M2 1.5 10.5 6 2 10.5z', filled: true },
  RUNNABLE: { word: 'running', colour: '--run', path: CIRCLE, filled: true },
  HALTED: { word: 'halted', colour: '--halt', path: 'M2 2h3v8H2zM7 2h3v8H7z', filled: true },
};

export function stateLook(state: MpStateName): StateLook {
  return LOOKS[state] ?? OTHER;
}

/** What came to a run from outside that was recorded: what policies decided, and what the machine was given by a person. */
import type { Decision, IpiMode, PolicyAct } from './events';
import type { KeyStroke } from './keys';

/** What became of one INIT or SIPI to one CPU; null: it simply arrived. */
export type RecordedDecision = {
  author: number;
  decision: Decision;
  reason: string;
  delay: number;
  to: { cpu: number; vector: number } | null;
} | null;

/** What policies did by themselves, each at its machine time (ns), `after` so many decisions. */
export type RecordedAct = { t: number; author: number; after: number } & (
  | { does: 'release' | 'inject'; mode: IpiMode; source: number; cpu: number; vector: number; reason: string }
  | { does: 'act'; act: PolicyAct; text: string; cpu: number | null; words: [number, number] }
);

/** What is given to a machine while it runs. */
export type RunInput =
  | { to: 'serial'; port: number; bytes: Uint8Array }
  | { to: 'keyboard'; stroke: KeyStroke }
  | { to: 'power-button' };

/** When it was given. `position`: 0 where CPUs did not take turns (events.ts, SERIAL_INPUT). */
export type RecordedInput = RunInput & { t: number; position: number };

export interface Recording {
  policies: string[];
  /** By kind and CPU, in the order in which they came. */
  decisions: Record<'init' | 'sipi', RecordedDecision[][]>;
  /** In their order. */
  acts: RecordedAct[];
  /** In their order. */
  inputs: RecordedInput[];
  /** Marks and lines of the log of the very end, when the machine executes no more. */
  lastWords: { author: number; act: PolicyAct; text: string; cpu: number | null }[];
}

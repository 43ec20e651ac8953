/** What came to a run from outside that was recorded: what policies decided, and serial input. */
import type { Decision, IpiMode, PolicyAct } from './events';

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

/** Bytes that a serial port was given (events.ts, SERIAL_INPUT). */
export interface RecordedInput {
  t: number;
  /** 0 where CPUs did not take turns. */
  position: number;
  port: number;
  bytes: Uint8Array;
}

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

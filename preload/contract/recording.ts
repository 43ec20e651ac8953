/** A recorded run: what it was made from, and what policies decided in it. */
import type { Decision, IpiMode, PolicyAct } from './events';
import type { MachineConfig } from './machine';

/** The first line of `--events`. */
export interface RunHeader {
  t: 0;
  cpu: null;
  kind: 'run';
  config: MachineConfig;
  /** SHA-256 of the guest image, hexadecimal. */
  guest: string;
  /** Names, by author number from 1. */
  policies: string[];
}

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

export interface Recording {
  policies: string[];
  /** By kind and CPU, in the order in which they came. */
  decisions: Record<'init' | 'sipi', RecordedDecision[][]>;
  /** In their order. */
  acts: RecordedAct[];
}

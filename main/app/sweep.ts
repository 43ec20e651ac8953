/** A sweep is many runs of one guest that differ in one number. Here is which numbers, and what the runs come to. */
import type { RunVerdict } from './run-verdict';

/** What came of one run. */
export interface SweepResult {
  /** In what it differs from the others: its seed, or the value of the option. */
  value: number;
  verdict: RunVerdict;
  /** Why it did not pass; empty where it did. */
  reason: string;
  /** Machine time. */
  durationNs: number;
  /** Why a policy stood aside in it; null: none did. */
  fault: string | null;
}

/** Numbers from `from` to `to`, which differ by a multiple of `resolution` (but for `to`, which may be between two). */
export interface Range {
  from: number;
  to: number;
  resolution: number;
}

/** At most `count` numbers of a range, evenly spread, its ends among them. */
export function spread({ from, to, resolution }: Range, count: number): number[] {
  return to === from ? [from] : [from, ...interior({ from, to, resolution }, count - 2), to];
}

/** At most `count` numbers between the ends of a range, evenly spread, in order. */
function interior({ from, to, resolution }: Range, count: number): number[] {
  // What rounding has left of a step is none.
  const steps = Math.ceil((to - from) / resolution - 1e-6);
  const taken = Math.min(count, steps - 1);
  // A stride of one step at least: so no two of them round to the same.
  const stride = steps / (taken + 1);
  return Array.from({ length: taken }, (_, i) => from + Math.round(stride * (i + 1)) * resolution);
}

/** Two values next to each other, of which the smaller passes and the larger fails. */
export interface Edge {
  passes: number;
  fails: number;
}

/** The first such two of results in ascending order; null: none fails, or all do from the first on. */
export function firstEdge(results: readonly Pick<SweepResult, 'value' | 'verdict'>[]): Edge | null {
  const at = results.findIndex(({ verdict }, i) => verdict !== 'pass' && results[i - 1]?.verdict === 'pass');
  return at < 0 ? null : { passes: results[at - 1].value, fails: results[at].value };
}

/**
 * Brings the two values of an edge as close together as `resolution` allows, by bisection: of each interval `ways` values are
 * tried at a time. Between the two the guest is taken to pass up to some value and to fail from there on; where it does
 * not, what is found is one of several edges.
 */
export async function narrow(
  { passes, fails }: Edge,
  resolution: number,
  ways: number,
  fail: (values: number[]) => Promise<boolean[]>,
): Promise<Edge> {
  for (;;) {
    const values = interior({ from: passes, to: fails, resolution }, ways);
    if (values.length === 0) return { passes, fails };
    const first = (await fail(values)).indexOf(true);
    if (first >= 0) fails = values[first];
    if (first !== 0) passes = first < 0 ? (values.at(-1) as number) : values[first - 1];
  }
}

/** Runs that came to the same, for the same reason. */
export interface SweepGroup {
  verdict: RunVerdict;
  reason: string;
  runs: number;
  /** The smallest values. */
  first: number[];
}

const ORDER: readonly RunVerdict[] = ['pass', 'fail', 'hang', 'crash'];
const FIRST_VALUES = 5;

/** By verdict, and of each the most frequent first. */
export function groupResults(results: readonly SweepResult[]): SweepGroup[] {
  const groups = new Map<string, SweepGroup>();
  for (const { value, verdict, reason } of results.toSorted((a, b) => a.value - b.value)) {
    const key = `${verdict} ${reason}`;
    const group = groups.get(key) ?? { verdict, reason, runs: 0, first: [] };
    groups.set(key, group);
    group.runs++;
    if (group.first.length < FIRST_VALUES) group.first.push(value);
  }
  const rank = ({ verdict }: SweepGroup): number => ORDER.indexOf(verdict);
  return [...groups.values()].sort((a, b) => rank(a) - rank(b) || b.runs - a.runs || a.first[0] - b.first[0]);
}

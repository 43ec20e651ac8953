/** What a run comes to, in one word. */
import type { Verdict } from '../../plugins/api/index';
import type { Summary } from '../../preload/contract/machine';

export type RunVerdict = Verdict | 'crash';

/** Values of the debug-exit port that mean success; both are in use. */
const SUCCESS_CODES: readonly (number | null)[] = [0, 0x10];

/** A policy's verdict counts before what the guest says. Null: the run was stopped before anybody could know. */
export function runVerdict({ outcome, verdict }: Pick<Summary, 'outcome' | 'verdict'>): RunVerdict | null {
  if (verdict !== null) return verdict.verdict;
  switch (outcome.kind) {
    case 'guest-exit':
      return SUCCESS_CODES.includes(outcome.code) ? 'pass' : 'fail';
    case 'power-off':
      return 'pass';
    case 'timeout':
      return 'hang';
    case 'crash':
      return 'crash';
    case 'stopped':
    case 'verdict':
      return null;
  }
}

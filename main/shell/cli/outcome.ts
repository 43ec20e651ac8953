/** How a run ends for who called it: the exit status and the sentence. */
import type { FailureKind, Outcome, Summary } from '../../../preload/contract/machine';
import type { VerdictSummary } from '../../../preload/contract/policies';
import { type RunVerdict, runVerdict } from '../../app/run-verdict';

export const Status = {
  SUCCESS: 0,
  GUEST_FAILURE: 1,
  /** `plugin`: there are problems, a test fails, or it was not agreed to. */
  CHECK_FAILED: 1,
  USAGE: 2,
  TIMEOUT: 3,
  CRASH: 4,
  HOST: 5,
  /** EX_SOFTWARE of sysexits.h. */
  INTERNAL: 70,
  /** A process that ends by a signal has 128 and its number (POSIX shells). */
  SIGHUP: 129,
  SIGINT: 130,
  SIGPIPE: 141,
  SIGTERM: 143,
} as const;

const FAILURE_STATUS: Record<FailureKind, number> = {
  usage: Status.USAGE,
  host: Status.HOST,
  internal: Status.INTERNAL,
};

export function failureStatus(kind: FailureKind): number {
  return FAILURE_STATUS[kind];
}

const VERDICT_STATUS: Record<RunVerdict, number> = {
  pass: Status.SUCCESS,
  fail: Status.GUEST_FAILURE,
  hang: Status.TIMEOUT,
  crash: Status.CRASH,
};

/** `stopped`: the status of a run that was stopped, by what stopped it. */
export function outcomeStatus(outcome: Outcome, verdict: VerdictSummary | null, stopped: number): number {
  const word = runVerdict({ outcome, verdict });
  return word === null ? stopped : VERDICT_STATUS[word];
}

/** `guest-exit 0x10 by cpu 0 after 12.345 ms: …; 245 events, 0 lost`. */
export function outcomeLine({ outcome, verdict, durationNs, events, lost }: Summary): string {
  const code = outcome.code === null ? '' : ` 0x${outcome.code.toString(16)}`;
  const cpu = outcome.cpu === null ? '' : ` by cpu ${outcome.cpu}`;
  const after = `${(durationNs / 1e6).toFixed(3)} ms`;
  const said = verdict === null ? '' : `; ${verdict.policy} says ${verdict.verdict}: ${verdict.reason}`;
  return `${outcome.kind}${code}${cpu} after ${after}: ${outcome.reason}${said} (${events} events, ${lost} lost)`;
}

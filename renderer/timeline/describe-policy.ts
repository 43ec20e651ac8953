/** What policies decided and did, in words: see describe.ts. */
import { Decision, EventKind, NO_CPU, PolicyAct, VERDICTS, policyActName } from '../../preload/contract/events';
import { formatTime } from '../../preload/contract/quantities';
import type { EventLog } from './event-log';

type Fields = [name: string, value: string][];
type Content = { text: string; fields: Fields };

/** Records behind an IPI in which its decision is looked for: those of the texts that it names are between them. */
const LOOK_AHEAD = 600;

const DONE: Record<number, string> = {
  [Decision.DELIVER]: 'let through',
  [Decision.DELAY]: 'delayed',
  [Decision.HOLD]: 'held',
  [Decision.DROP]: 'lost',
  [Decision.REDIRECT]: 'redirected',
};

/** How a decision reads: `SIPI 0x08 held by manual`. */
export function decisionWord(decision: number): string {
  return DONE[decision] ?? `decision ${decision}`;
}

export function authorName(log: EventLog, author: number): string {
  return log.policies.authors[author] ?? `policy ${author}`;
}

/** A DECISION record; `name`: of the IPI that it is about. */
export function describeDecision(log: EventLog, record: number, name: string): Content {
  const first = log.payload(record, 0);
  const decision = (first >>> 8) & 0xff;
  const source = log.payload(record, 1) & 0xffff;
  const by = authorName(log, first & 0xff);
  const fields: Fields = [
    ['by', by],
    ['from', source === NO_CPU ? 'a sender that cannot be seen' : `CPU ${source}`],
    ...decisionFields(log, record),
  ];
  return { text: `${name} ${decisionWord(decision)} by ${by}`, fields };
}

function decisionFields(log: EventLog, record: number): Fields {
  const decision = (log.payload(record, 0) >>> 8) & 0xff;
  const fields: Fields = [];
  const reason = log.policies.texts.get(log.payload(record, 2));
  if (reason !== '') fields.push(['reason', reason]);
  const [low, high] = [log.payload(record, 3), log.payload(record, 4)];
  if (decision === Decision.DELAY) fields.push(['by time', formatTime(low + high * 2 ** 32)]);
  if (decision === Decision.REDIRECT) fields.push(['to', `CPU ${low}, vector 0x${high.toString(16).padStart(2, '0')}`]);
  fields.push(['otherwise', log.payload(record, 0) >>> 24 === 0 ? 'delivered' : 'ignored by its target']);
  return fields;
}

/** Why an IPI did not simply arrive: the fields of its first DECISION record; empty where that is not (yet) there. */
export function whyOf(log: EventLog, ipi: number, author: number): Fields {
  const time = log.time(ipi);
  const end = Math.min(log.length, ipi + LOOK_AHEAD);
  for (let record = ipi + 1; record < end && log.time(record) <= time; record++) {
    if (log.kind(record) === EventKind.DECISION && (log.payload(record, 0) & 0xff) === author) {
      return decisionFields(log, record);
    }
  }
  return [];
}

const US = 1000;

/** A POLICY record. */
export function describePolicy(log: EventLog, record: number): Content {
  const act = log.payload(record, 0) >>> 8;
  const by = authorName(log, log.payload(record, 0) & 0xff);
  const text = log.policies.texts.get(log.payload(record, 1));
  const [first, second] = [log.payload(record, 2), log.payload(record, 3)];
  const fields: Fields = [
    ['by', by],
    ['act', policyActName(act)],
  ];
  if (text !== '' && act !== PolicyAct.LOADED) fields.push([act === PolicyAct.MARK ? 'mark' : 'text', text]);
  const said = text === '' ? '' : `: ${text}`;
  switch (act) {
    case PolicyAct.LOADED:
      return { text: `${by} takes part in this run`, fields };
    case PolicyAct.RELOADED:
      return { text: `${by} was changed: the new source is asked from now on`, fields };
    case PolicyAct.FAULT:
      return { text: `${by} failed, and is asked no more${said}`, fields };
    case PolicyAct.VERDICT:
      return { text: `${by} says ${VERDICTS[first] ?? first}${said}`, fields };
    case PolicyAct.COMMAND:
      return { text: `${by} was told${said}`, fields };
    case PolicyAct.DUTY_CYCLE:
      return { text: `${by} lets it run ${formatTime(first * US)} of each ${formatTime(second * US)}${said}`, fields };
    case PolicyAct.SILENCED:
      return { text: `${by} said too much: ${first} texts left out so far`, fields };
    case PolicyAct.DISCARD:
      return { text: `${by} drops ${first} of its INITs and SIPIs that it kept back${said}`, fields };
    case PolicyAct.SUSPEND:
      return { text: `${by} suspends it${said}`, fields };
    case PolicyAct.RESUME:
      return { text: `${by} resumes it${said}`, fields };
    default:
      return { text: `${by}${said}`, fields };
  }
}

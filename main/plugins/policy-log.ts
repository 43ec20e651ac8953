/** What policies decide and do, as records of the machine's event stream; texts become records of their own, each once. */
import { type Decision, EventKind, type IpiMode, NO_CPU, PolicyAct, VERDICTS } from '../../preload/contract/events';
import { textPayloads } from '../../preload/contract/text-records';
import type { Verdict } from '../../plugins/api/index';

/** Takes records of the event stream (preload/contract/events.ts). */
export interface EventSink {
  writeAt(
    time: number,
    kind: number,
    cpu: number,
    p0?: number,
    p1?: number,
    p2?: number,
    p3?: number,
    p4?: number,
  ): void;
}

/** Texts of one policy; further ones are counted and left out. */
const MAX_TEXTS = 10_000;
const NS_PER_US = 1000;
/** A record of how much was left out follows each time that many more were. */
const SILENCED_STEP = 1000;

export interface DecisionRecord {
  author: number;
  decision: Decision;
  mode: IpiMode;
  source: number;
  vector: number;
  cpu: number;
  /** The CPU would not have taken it anyway. */
  ignored: boolean;
  reason: string;
  /** Of a delay, in ns. */
  delay?: number;
  /** Of a redirection. */
  to?: { cpu: number; vector: number };
}

export class PolicyLog {
  readonly #events: EventSink;
  readonly #now: () => number;
  readonly #ids = new Map<string, number>();
  readonly #first: number;
  readonly #counts: { texts: number; silenced: number }[];

  /** `first`: the id of the first text; two logs of one stream must not use the same ids. */
  constructor(events: EventSink, now: () => number, policies: number, first = 1) {
    this.#first = first;
    this.#events = events;
    this.#now = now;
    this.#counts = Array.from({ length: policies + 1 }, () => ({ texts: 0, silenced: 0 }));
  }

  act(author: number, act: PolicyAct, text: string, cpu: number | null, ...words: number[]): void {
    const id = this.#text(author, text);
    if (id < 0) return;
    this.#events.writeAt(this.#now(), EventKind.POLICY, cpu ?? NO_CPU, author | (act << 8), id, ...words);
  }

  verdict(author: number, verdict: Verdict, reason: string): void {
    this.act(author, PolicyAct.VERDICT, reason, null, VERDICTS.indexOf(verdict));
  }

  dutyCycle(author: number, cpu: number, run: number, period: number, reason: string): void {
    this.act(author, PolicyAct.DUTY_CYCLE, reason, cpu, run / NS_PER_US, period / NS_PER_US);
  }

  decision(record: DecisionRecord): void {
    const { author, decision, mode, source, vector, cpu, ignored, reason, delay = 0, to } = record;
    const id = Math.max(0, this.#text(author, reason));
    this.#events.writeAt(
      this.#now(),
      EventKind.DECISION,
      cpu,
      author | (decision << 8) | (mode << 16) | (ignored ? 1 << 24 : 0),
      source | (vector << 16),
      id,
      to === undefined ? delay : to.cpu,
      to === undefined ? delay / 2 ** 32 : to.vector,
    );
  }

  /** The text's id, written before if it is new; 0 for none, -1: this policy has said too much. */
  #text(author: number, text: string): number {
    if (text === '') return 0;
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const count = this.#counts[author];
    if (count.texts >= MAX_TEXTS) {
      this.#silence(author, count);
      return -1;
    }
    count.texts++;
    const id = this.#first + this.#ids.size;
    this.#ids.set(text, id);
    const now = this.#now();
    for (const payload of textPayloads(id, text)) this.#events.writeAt(now, EventKind.TEXT, NO_CPU, ...payload);
    return id;
  }

  #silence(author: number, count: { silenced: number }): void {
    count.silenced++;
    if (count.silenced % SILENCED_STEP !== 1) return;
    this.#events.writeAt(this.#now(), EventKind.POLICY, NO_CPU, author | (PolicyAct.SILENCED << 8), 0, count.silenced);
  }
}

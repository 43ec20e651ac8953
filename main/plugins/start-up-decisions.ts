/** Does what policies decide about INITs and SIPIs: each arrives, is lost or goes elsewhere, or is kept until it may go. */
import { Decision } from '../../preload/contract/events';
import { Keeper, type KeptIpi, type SentIpi } from './keeper';
import type { Steering } from './machine-engine';
import type { Policy } from './policy';
import type { DecisionRecord, PolicyLog } from './policy-log';
import type { DecisionAnswer, MachineFacts } from './protocol';

export class StartUpDecisions {
  readonly #steering: Steering;
  readonly #log: PolicyLog;
  readonly #irqchip: MachineFacts['irqchip'];
  readonly #fail: (policy: Policy, fault: string) => void;
  readonly #kept = new Keeper();

  constructor(parts: {
    steering: Steering;
    log: PolicyLog;
    irqchip: MachineFacts['irqchip'];
    fail: (policy: Policy, fault: string) => void;
  }) {
    this.#steering = parts.steering;
    this.#log = parts.log;
    this.#irqchip = parts.irqchip;
    this.#fail = parts.fail;
  }

  /** When the next one that is kept back is to go on, in ns of machine time; Infinity: none is. */
  get due(): number {
    return this.#kept.due;
  }

  /** Lets the one go that is due first. There is one. */
  takeDue(): void {
    this.#letGo(this.#kept.takeDue());
  }

  /** Lets all go that a policy keeps back, of one CPU or of all. */
  release(author: number, cpu: number | null = null): void {
    for (const kept of this.#kept.takeOf(author, cpu)) this.#letGo(kept);
  }

  /** Loses those instead; gives their number. */
  discard(author: number, cpu: number): number {
    const kept = this.#kept.takeOf(author, cpu);
    for (const { mode } of kept) this.#steering.lose(mode, cpu);
    return kept.length;
  }

  /** What one policy decided about one target. */
  apply(policy: Policy, ipi: SentIpi, cpu: number, answer: DecisionAnswer): void {
    const { author } = policy;
    const { mode, source, vector } = ipi;
    const kept = { author, mode, source, vector, cpu };
    switch (answer.do) {
      case 'deliver':
        this.explain(policy, ipi, cpu, answer.reason);
        break;
      case 'drop':
        this.#withhold(policy, ipi, cpu, Decision.DROP, answer.reason);
        break;
      case 'hold':
        this.#withhold(policy, ipi, cpu, Decision.HOLD, answer.reason);
        this.#kept.add(kept, Infinity);
        break;
      case 'delay':
        this.#withhold(policy, ipi, cpu, Decision.DELAY, answer.reason, { delay: answer.by });
        // From the decision on, whose record has this time: a delay is never shorter than it says.
        this.#kept.add(kept, this.#steering.now + answer.by);
        break;
      case 'redirect': {
        const to = { cpu: answer.cpu ?? cpu, vector: answer.vector ?? vector };
        if (this.#irqchip !== 'exact' && to.cpu !== cpu) {
          this.#fail(policy, `It redirected a start-up IPI to CPU ${to.cpu}, which only the mode exact can do.`);
          this.#steering.arrive(mode, source, [cpu], vector, 0, false);
          return;
        }
        this.#withhold(policy, ipi, cpu, Decision.REDIRECT, answer.reason, { to });
        this.#letGo({ ...kept, ...to });
        break;
      }
    }
  }

  /** It arrives, and the policy says why. */
  explain({ author }: Policy, ipi: SentIpi, cpu: number, reason: string): void {
    if (reason === '') return;
    const ignored = !this.#steering.takes(cpu, ipi.mode);
    this.#log.decision({ author, decision: Decision.DELIVER, ...ipi, cpu, ignored, reason });
  }

  /** It does not simply arrive: its record, and why. */
  #withhold(
    { author }: Policy,
    ipi: SentIpi,
    cpu: number,
    decision: Decision,
    reason: string,
    more: Pick<DecisionRecord, 'delay' | 'to'> = {},
  ): void {
    const ignored = !this.#steering.takes(cpu, ipi.mode);
    this.#steering.withhold(ipi.mode, ipi.source, [cpu], ipi.vector, decision, author);
    this.#log.decision({ author, decision, ...ipi, cpu, ignored, reason, ...more });
  }

  #letGo({ mode, source, cpu, vector, author }: KeptIpi): void {
    this.#steering.arrive(mode, source, [cpu], vector, author, true);
  }
}

/**
 * Does in a run what policies did in another, from its recording, without them. On the emulator, where the same run meets the same
 * INITs and SIPIs at the same times, that is the same run; elsewhere each decision meets the IPI that comes in its place.
 */
import { Decision, IpiMode, PolicyAct, VERDICTS } from '../../preload/contract/events';
import type { RecordedAct, Recording } from '../../preload/contract/recording';
import type { EngineNews, EngineOrder, MachineEngine, Observation, Steering } from './machine-engine';
import { CpuTime } from './cpu-time';
import { PolicyLog } from './policy-log';
import type { MachineFacts } from './protocol';

const US = 1000;
const ALL_PORTS = [0, 1, 2, 3];

const ORDERS: readonly PolicyAct[] = [PolicyAct.COMMAND, PolicyAct.RELOADED];

/** What a person wanted of a policy while CPUs took turns: it has its place between two rounds. */
function isOrder(act: RecordedAct): act is Extract<RecordedAct, { does: 'act' }> {
  return act.does === 'act' && ORDERS.includes(act.act) && act.words[0] !== 0;
}

export class ReplayEngine implements MachineEngine {
  readonly #recording: Recording;
  readonly #steering: Steering;
  readonly #exact: boolean;
  readonly #log: PolicyLog;
  readonly #tell: (news: EngineNews) => void;
  readonly #cpuTime: CpuTime;
  /** How many of each CPU's were decided, and of the acts done. */
  readonly #decided: Record<'init' | 'sipi', number[]>;
  #done = 0;
  #decisions = 0;
  readonly #inTurns: boolean;

  constructor(options: {
    recording: Recording;
    steering: Steering;
    facts: Omit<MachineFacts, 'seed'>;
    tell: (news: EngineNews) => void;
    /** One thread runs all CPUs, and this engine. */
    inTurns: boolean;
  }) {
    const { recording, steering, facts } = options;
    this.#recording = recording;
    this.#steering = steering;
    this.#exact = facts.irqchip === 'exact';
    this.#inTurns = options.inTurns;
    this.#tell = options.tell;
    this.#log = new PolicyLog(steering.events, () => steering.now, recording.policies.length);
    const zeros = () => facts.cpus.map(() => 0);
    this.#decided = { init: zeros(), sipi: zeros() };
    this.#cpuTime = new CpuTime(facts.cpus.length, facts.accelerator, (cpu, off) => steering.suspend(cpu, off));
  }

  /** In turns it looks wherever a policy may have looked, so that nothing is done a moment later than it was. */
  start(): void {
    const all = this.#inTurns;
    this.#steering.want({ init: true, sipi: true, icrWrite: all, mpState: all, serial: all ? ALL_PORTS : [] });
    this.expire();
  }

  get deadline(): number {
    return Math.min(this.#cpuTime.due, this.#nextAct);
  }

  /** In turns what was done after a decision waits for it: both may be of one moment. */
  get #nextAct(): number {
    const act = this.#recording.acts[this.#done];
    if (act === undefined || (this.#inTurns && act.after > this.#decisions)) return Infinity;
    // Where the run has come to be another, what was ordered does not find its place: it is done right after its time.
    return this.#inTurns && isOrder(act) && act.t <= this.#steering.now ? act.t + 1 : act.t;
  }

  expire(): void {
    for (;;) {
      const due = this.deadline;
      if (due > this.#steering.now) return;
      if (this.#cpuTime.due === due) this.#cpuTime.turn();
      else this.#perform(this.#recording.acts[this.#done++]);
    }
  }

  observe(observation: Observation): void {
    if (observation.about === 'start-up') this.#decide(observation);
    while (this.#nextAct <= this.#steering.now) this.#perform(this.#recording.acts[this.#done++]);
  }

  ordered(position: number): boolean {
    for (let any = false; ; any = true) {
      const act = this.#recording.acts[this.#done];
      const due = act !== undefined && act.t <= this.#steering.now && act.after <= this.#decisions;
      // With what each of them led to.
      const here = due && (isOrder(act) ? act.words[0] === position >>> 0 : any);
      if (!here) return any;
      this.#perform(this.#recording.acts[this.#done++]);
    }
  }

  order(order: EngineOrder): void {
    if (order.order !== 'command') return;
    this.#tell({ news: 'answer', id: order.id, text: 'This run replays recorded decisions: no policy is there.' });
  }

  overrun(): void {}

  #decide(ipi: { mode: IpiMode; source: number; targets: number[]; vector: number }): void {
    const kind = ipi.mode === IpiMode.INIT ? 'init' : 'sipi';
    const arriving: number[] = [];
    for (const cpu of ipi.targets) {
      this.#decisions++;
      const decision = this.#recording.decisions[kind][cpu][this.#decided[kind][cpu]++] ?? null;
      if (decision === null || decision.decision === Decision.DELIVER) arriving.push(cpu);
      if (decision === null) continue;
      const { author, reason, delay, to } = decision;
      const ignored = !this.#steering.takes(cpu, ipi.mode);
      if (decision.decision !== Decision.DELIVER) {
        this.#steering.withhold(ipi.mode, ipi.source, [cpu], ipi.vector, decision.decision, author);
      }
      const { mode, source, vector } = ipi;
      const what = { author, decision: decision.decision, mode, source, vector, cpu, ignored, reason };
      this.#log.decision(to === null ? { ...what, delay } : { ...what, to });
      // What was redirected arrived at once: as the act that comes next.
      if (decision.decision === Decision.REDIRECT && this.#nextAct <= this.#steering.now) {
        this.#perform(this.#recording.acts[this.#done++]);
      }
    }
    if (arriving.length > 0) this.#steering.arrive(ipi.mode, ipi.source, arriving, ipi.vector, 0, false);
  }

  #perform(step: RecordedAct): void {
    if (step.does === 'act') {
      this.#act(step);
      return;
    }
    const { does, mode, source, cpu, vector, author, reason } = step;
    if (does === 'release') {
      this.#steering.arrive(mode, source, [cpu], vector, author, true);
      return;
    }
    if (reason !== '') {
      const ignored = !this.#steering.takes(cpu, mode);
      this.#log.decision({ author, decision: Decision.DELIVER, mode, source, vector, cpu, ignored, reason });
    }
    if (mode === IpiMode.NMI || !this.#exact) this.#steering.send(mode, cpu, vector, author);
    else this.#steering.arrive(mode, source, [cpu], vector, author, false);
  }

  #act({ author, act, text, cpu, words }: Extract<RecordedAct, { does: 'act' }>): void {
    this.#log.act(author, act, text, cpu, ...words);
    if (act === PolicyAct.VERDICT) {
      this.#tell({ news: 'verdict', author, verdict: VERDICTS[words[0]] ?? 'fail', reason: text });
      this.#steering.end(author);
    }
    if (act === PolicyAct.FAULT) this.#cpuTime.forget(author);
    if (cpu === null) return;
    if (act === PolicyAct.SUSPEND || act === PolicyAct.RESUME) {
      this.#cpuTime.suspend(author, cpu, act === PolicyAct.SUSPEND);
    }
    if (act === PolicyAct.DUTY_CYCLE) {
      this.#cpuTime.dutyCycle(author, cpu, words[0] * US, words[1] * US, this.#steering.now);
    }
  }
}

/**
 * Asks a machine's policies, in their order, and does what they say. It runs on one thread and answers at once; where that
 * thread is, and when it is called, is the machine's to say (docs/architecture.md, "Policies").
 *
 * The first policy whose answer about an INIT or SIPI is not `deliver` decides; those after it are not asked. What a policy
 * lets go or sends itself is asked about no more. A CPU executes only where no policy suspends it. A policy that fails
 * stands aside from then on: what it keeps back is delivered, its CPUs run.
 */
import { Decision, IpiMode, NO_CPU, PolicyAct } from '../../preload/contract/events';
import type { TimedPolicyCommand } from '../../preload/contract/policies';
import type { Options, Verdict } from '../../plugins/api/index';
import type { Permission } from '../../plugins/api/manifest';
import { Agenda } from './agenda';
import { Keeper, type KeptIpi, type SentIpi } from './keeper';
import { CpuTime } from './cpu-time';
import type { EngineNews, EngineOrder, MachineEngine, Observation, Steering } from './machine-engine';
import { NO_WANTS, Policy, type PolicySeat, policyState, type Question } from './policy';
import { type DecisionRecord, PolicyLog } from './policy-log';
import type { Action, DecisionAnswer, MachineFacts, SandboxAnswer, Wants } from './protocol';

/** The first answer waits for the sandbox to be there. */
const START_LIMIT_MS = 5000;
const PERMISSION_OF: Partial<Record<Action['act'], Permission>> = {
  release: 'start-up',
  discard: 'start-up',
  inject: 'inject',
  suspend: 'schedule',
  resume: 'schedule',
  'duty-cycle': 'schedule',
};
const INJECTED_MODES = { init: IpiMode.INIT, sipi: IpiMode.SIPI, nmi: IpiMode.NMI } as const;
/** Of timers that are not a policy's: those of timed commands. */
const NO_AUTHOR = 0;

export class PolicyEngine implements MachineEngine {
  readonly #policies: Policy[];
  readonly #steering: Steering;
  readonly #facts: Omit<MachineFacts, 'seed' | 'options'>;
  readonly #log: PolicyLog;
  readonly #commands: readonly TimedPolicyCommand[];
  readonly #tell: (news: EngineNews) => void;
  /** In ms: how long an answer is waited for. */
  readonly #limit: number;
  readonly #kept = new Keeper();
  readonly #agenda = new Agenda();
  readonly #cpuTime: CpuTime;
  /** INITs and SIPIs that each CPU was sent. */
  readonly #counts: Record<'init' | 'sipi', number[]>;
  #ended = false;
  /** Machine time as policies see it: when what they are asked about happened. */
  #now = 0;

  constructor(options: {
    seats: readonly PolicySeat[];
    steering: Steering;
    facts: Omit<MachineFacts, 'seed' | 'options'>;
    /** What policies are told to do at their times. */
    commands: readonly TimedPolicyCommand[];
    tell: (news: EngineNews) => void;
    limit: number;
  }) {
    const { seats, steering, facts } = options;
    this.#policies = seats.map((seat, index) => new Policy(seat, index + 1, facts.cpus.length));
    this.#steering = steering;
    this.#facts = facts;
    this.#tell = options.tell;
    this.#commands = options.commands;
    for (const [id, { at }] of this.#commands.entries()) this.#agenda.add(NO_AUTHOR, id, at);
    this.#limit = options.limit;
    this.#log = new PolicyLog(steering.events, () => steering.now, seats.length);
    const zeros = () => facts.cpus.map(() => 0);
    this.#counts = { init: zeros(), sipi: zeros() };
    this.#cpuTime = new CpuTime(facts.cpus.length, facts.accelerator, (cpu, off) => steering.suspend(cpu, off));
  }

  start(): void {
    this.#now = this.#steering.now;
    for (const policy of this.#policies) {
      this.#log.act(policy.author, PolicyAct.LOADED, policy.name, null);
      this.#startPolicy(policy);
    }
  }

  get deadline(): number {
    return Math.min(this.#kept.due, this.#agenda.due, this.#cpuTime.due);
  }

  expire(): void {
    const { now } = this.#steering;
    this.#now = now;
    for (;;) {
      const due = this.deadline;
      if (due > now) return;
      if (this.#cpuTime.due === due) this.#cpuTime.turn();
      else if (this.#kept.due === due) this.#letGo(this.#kept.takeDue());
      else this.#timer(this.#agenda.take());
    }
  }

  observe(observation: Observation, time: number): void {
    // A thread that asks late does not make a sender's waits shorter than they were. For nobody does time go back.
    this.#now = Math.max(this.#now, time);
    switch (observation.about) {
      case 'start-up':
        this.#decide(observation);
        break;
      case 'icr-write': {
        const { mode, source, targets, vector } = observation;
        this.#askAll(({ icrWrite }) => icrWrite, { ask: 'icr-write', mode, source, targets, vector });
        break;
      }
      case 'mp-state': {
        const { cpu, from, to } = observation;
        this.#askAll(({ mpState }) => mpState, {
          ask: 'mp-state',
          cpu,
          from: policyState(from),
          to: policyState(to),
        });
        break;
      }
      case 'serial': {
        const { port, line } = observation;
        this.#askAll(({ serial }) => serial.includes(port), { ask: 'serial', port, line });
        break;
      }
    }
  }

  order(order: EngineOrder): void {
    this.#now = this.#steering.now;
    const policy = this.#policies[order.author - 1];
    if (order.order === 'reload') {
      policy.sandbox.close();
      policy.sandbox = order.sandbox;
      policy.options = order.options;
      policy.faulty = false;
      this.#agenda.forget(policy.author);
      this.#log.act(policy.author, PolicyAct.RELOADED, policy.name, null);
      this.#startPolicy(policy);
      return;
    }
    const { id, command, args } = order;
    this.#tell({ news: 'answer', id, text: this.#command(policy, command, args) });
  }

  overrun(count: number): void {
    this.#log.act(
      0,
      PolicyAct.MARK,
      `${count} events came faster than policies could be asked: they went their way`,
      null,
    );
  }

  #startPolicy(policy: Policy): void {
    const states = this.#facts.cpus.map(({ cpu }) => policyState(this.#steering.state(cpu)));
    const facts = { ...this.#facts, seed: policy.seed, options: policy.options };
    const answer = this.#ask(policy, { ask: 'start', states, facts }, START_LIMIT_MS);
    policy.wants = answer?.wants ?? NO_WANTS;
    this.#want();
    this.#act(policy, answer?.actions ?? []);
  }

  #command(policy: Policy, command: string, args: Options): string {
    if (policy.faulty) return `The policy ${policy.name} stands aside since it failed.`;
    if (!policy.wants.commands.includes(command)) return `The policy ${policy.name} does not answer "${command}".`;
    this.#log.act(policy.author, PolicyAct.COMMAND, describeCommand(command, args), cpuOf(args));
    const answer = this.#ask(policy, { ask: 'command', command, args });
    if (answer === null) return `The policy ${policy.name} failed: see its event.`;
    this.#act(policy, answer.actions);
    return answer.text ?? '';
  }

  #timer({ author, id }: { author: number; id: number }): void {
    if (author === NO_AUTHOR) {
      const { command, args, author: whose } = this.#commands[id];
      const text = this.#command(this.#policies[whose - 1], command, args);
      if (text !== '') this.#log.act(whose, PolicyAct.LOG, text, null);
      return;
    }
    const policy = this.#policies[author - 1];
    const answer = this.#ask(policy, { ask: 'timer', timer: id });
    this.#act(policy, answer?.actions ?? []);
  }

  #askAll(wanted: (wants: Wants) => boolean, request: Question): void {
    for (const policy of this.#policies) {
      if (policy.faulty || !wanted(policy.wants)) continue;
      this.#act(policy, this.#ask(policy, request)?.actions ?? []);
    }
  }

  /** Asks about an INIT or SIPI until each target has its decision, then does all that was said. */
  #decide(ipi: SentIpi & { targets: number[] }): void {
    const kind = ipi.mode === IpiMode.INIT ? 'init' : 'sipi';
    const counts = ipi.targets.map((cpu) => ++this.#counts[kind][cpu]);
    const said: { policy: Policy; actions: Action[] }[] = [];
    let open = ipi.targets.map((_, index) => index);
    for (const policy of this.#policies) {
      if (policy.faulty || !policy.wants[kind] || open.length === 0) continue;
      const answer = this.#ask(policy, {
        ask: kind,
        source: ipi.source === NO_CPU ? null : ipi.source,
        vector: ipi.vector,
        targets: open.map((index) => ipi.targets[index]),
        states: open.map((index) => policyState(this.#steering.state(ipi.targets[index]))),
        counts: open.map((index) => counts[index]),
      });
      if (answer === null) continue;
      said.push({ policy, actions: answer.actions });
      const { decisions = [] } = answer;
      const decides = decisions.some((decision) => decision.do !== 'deliver');
      if (decides && !this.#may(policy, 'start-up')) continue;
      open.forEach((target, place) => this.#keep(policy, ipi, ipi.targets[target], decisions[place]));
      open = open.filter((_, place) => (decisions[place]?.do ?? 'deliver') === 'deliver');
    }
    const arriving = open.map((index) => ipi.targets[index]);
    if (arriving.length > 0) this.#steering.arrive(ipi.mode, ipi.source, arriving, ipi.vector, 0, false);
    for (const { policy, actions } of said) this.#act(policy, actions);
  }

  /** Does what one policy decided about one target. */
  #keep(policy: Policy, ipi: SentIpi, cpu: number, answer: DecisionAnswer): void {
    const { author } = policy;
    const { mode, source, vector } = ipi;
    const kept = { author, mode, source, vector, cpu };
    switch (answer.do) {
      case 'deliver':
        this.#explain(policy, ipi, cpu, answer.reason);
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
        if (this.#facts.irqchip !== 'exact' && to.cpu !== cpu) {
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

  /** It does not simply arrive: its record, and why. */
  #withhold(
    policy: Policy,
    ipi: SentIpi,
    cpu: number,
    decision: Decision,
    reason: string,
    more: Pick<DecisionRecord, 'delay' | 'to'> = {},
  ): void {
    const ignored = !this.#steering.takes(cpu, ipi.mode);
    this.#steering.withhold(ipi.mode, ipi.source, [cpu], ipi.vector, decision, policy.author);
    this.#log.decision({ author: policy.author, decision, ...ipi, cpu, ignored, reason, ...more });
  }

  /** It arrives, and the policy says why. */
  #explain({ author }: Policy, ipi: SentIpi, cpu: number, reason: string): void {
    if (reason === '') return;
    const ignored = !this.#steering.takes(cpu, ipi.mode);
    this.#log.decision({ author, decision: Decision.DELIVER, ...ipi, cpu, ignored, reason });
  }

  #letGo({ mode, source, cpu, vector, author }: KeptIpi): void {
    this.#steering.arrive(mode, source, [cpu], vector, author, true);
  }

  #act(policy: Policy, actions: readonly Action[]): void {
    for (const action of actions) {
      if (policy.faulty) return;
      const needs = PERMISSION_OF[action.act];
      if (needs === undefined || this.#may(policy, needs)) this.#do(policy, action);
    }
  }

  #do(policy: Policy, action: Action): void {
    const { author } = policy;
    switch (action.act) {
      case 'release':
        for (const kept of this.#kept.takeOf(author, action.cpu)) this.#letGo(kept);
        break;
      case 'discard': {
        const { length } = this.#kept.takeOf(author, action.cpu);
        if (length > 0) this.#log.act(author, PolicyAct.DISCARD, action.reason, action.cpu, length);
        break;
      }
      case 'inject':
        this.#inject(policy, action);
        break;
      case 'suspend':
      case 'resume':
        this.#log.act(
          author,
          action.act === 'suspend' ? PolicyAct.SUSPEND : PolicyAct.RESUME,
          action.reason,
          action.cpu,
        );
        this.#cpuTime.suspend(author, action.cpu, action.act === 'suspend');
        break;
      case 'duty-cycle': {
        const { cpu, run, period, reason } = action;
        this.#log.dutyCycle(author, cpu, run, period, reason);
        this.#cpuTime.dutyCycle(author, cpu, run, period, this.#steering.now);
        break;
      }
      case 'timer':
        this.#agenda.add(author, action.timer, action.at);
        break;
      case 'cancel':
        this.#agenda.cancel(author, action.timer);
        break;
      case 'mark':
        this.#log.act(author, PolicyAct.MARK, action.text, action.cpu);
        break;
      case 'log':
        this.#log.act(author, PolicyAct.LOG, action.text, null);
        break;
      case 'verdict':
        this.#judge(policy, action.verdict, action.reason);
        break;
      case 'tell':
        this.#tell({ news: 'told', author, data: action.data });
        break;
    }
  }

  #inject(policy: Policy, { mode, cpu, vector, reason }: Extract<Action, { act: 'inject' }>): void {
    const ipi = { mode: INJECTED_MODES[mode], source: NO_CPU, vector };
    const exact = this.#facts.irqchip === 'exact';
    if (mode === 'init' && !exact) {
      this.#fail(policy, `It sent an INIT to CPU ${cpu}, which only the mode exact can do.`);
      return;
    }
    this.#explain(policy, ipi, cpu, reason);
    if (mode === 'nmi' || !exact) this.#steering.send(ipi.mode, cpu, vector, policy.author);
    else this.#steering.arrive(ipi.mode, NO_CPU, [cpu], vector, policy.author, false);
  }

  #judge(policy: Policy, verdict: Verdict, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#log.verdict(policy.author, verdict, reason);
    this.#tell({ news: 'verdict', author: policy.author, verdict, reason });
    this.#steering.end(policy.author);
  }

  /** Null: it failed, or has failed before. */
  #ask(policy: Policy, question: Question, limit = this.#limit): Exclude<SandboxAnswer, { fault: string }> | null {
    if (policy.faulty) return null;
    const answer = policy.ask(question, this.#now, (cpu) => this.#steering.state(cpu), limit);
    if (!('fault' in answer)) return answer;
    this.#fail(policy, answer.fault);
    return null;
  }

  #may(policy: Policy, permission: Permission): boolean {
    if (policy.may(permission)) return true;
    this.#fail(policy, `It wanted to do what needs the permission "${permission}", which its manifest does not name.`);
    return false;
  }

  #fail(policy: Policy, fault: string): void {
    policy.faulty = true;
    policy.wants = NO_WANTS;
    this.#log.act(policy.author, PolicyAct.FAULT, fault, null);
    this.#tell({ news: 'fault', author: policy.author, fault });
    this.#agenda.forget(policy.author);
    this.#want();
    for (const kept of this.#kept.takeOf(policy.author)) this.#letGo(kept);
    this.#cpuTime.forget(policy.author);
  }

  #want(): void {
    const all = this.#policies.map(({ wants }) => wants);
    this.#steering.want({
      init: all.some(({ init }) => init),
      sipi: all.some(({ sipi }) => sipi),
      icrWrite: all.some(({ icrWrite }) => icrWrite),
      mpState: all.some(({ mpState }) => mpState),
      serial: [...new Set(all.flatMap(({ serial }) => serial))],
    });
  }
}

function describeCommand(command: string, args: Options): string {
  return [command, ...Object.entries(args).map(([name, value]) => `${name}=${String(value)}`)].join(' ');
}

function cpuOf({ cpu }: Options): number | null {
  return typeof cpu === 'number' ? cpu : null;
}

/**
 * Asks a machine's policies, in their order, and does what they say. It runs on one thread and answers at once; where that
 * thread is, and when it is called, is the machine's to say (docs/architecture.md, "Policies").
 *
 * The first policy whose answer about an INIT or SIPI is not `deliver` decides; those after it are not asked. What a policy
 * lets go or sends itself is asked about no more. A CPU executes only where no policy suspends it. A policy that fails
 * stands aside from then on: what it keeps back is delivered, its CPUs run.
 */
import { IpiMode, NO_CPU, PolicyAct } from '../../preload/contract/events';
import type { TimedPolicyCommand } from '../../preload/contract/policies';
import type { Options } from '../../plugins/api/index';
import { Agenda } from './agenda';
import type { SentIpi } from './keeper';
import { CpuTime } from './cpu-time';
import type { EngineNews, EngineOrder, MachineEngine, Observation, Steering } from './machine-engine';
import { NO_WANTS, Policy, type PolicySeat, policyState, type Question } from './policy';
import { PolicyActions } from './policy-actions';
import { PolicyLog } from './policy-log';
import type { Action, MachineFacts, SandboxAnswer, Wants } from './protocol';
import { StartUpDecisions } from './start-up-decisions';

/** Of timers that are not a policy's: those of timed commands. */
const NO_AUTHOR = 0;

export class PolicyEngine implements MachineEngine {
  readonly #policies: Policy[];
  readonly #steering: Steering;
  readonly #facts: Omit<MachineFacts, 'seed' | 'options'>;
  readonly #log: PolicyLog;
  readonly #commands: readonly TimedPolicyCommand[];
  readonly #tell: (news: EngineNews) => void;
  readonly #decisions: StartUpDecisions;
  readonly #actions: PolicyActions;
  readonly #agenda = new Agenda();
  readonly #cpuTime: CpuTime;
  /** INITs and SIPIs that each CPU was sent. */
  readonly #counts: Record<'init' | 'sipi', number[]>;
  /** Machine time as policies see it: when what they are asked about happened. */
  #now = 0;

  constructor(options: {
    seats: readonly PolicySeat[];
    steering: Steering;
    facts: Omit<MachineFacts, 'seed' | 'options'>;
    /** What policies are told to do at their times. */
    commands: readonly TimedPolicyCommand[];
    tell: (news: EngineNews) => void;
  }) {
    const { seats, steering, facts } = options;
    this.#policies = seats.map((seat, index) => new Policy(seat, index + 1, facts.cpus.length));
    this.#steering = steering;
    this.#facts = facts;
    this.#tell = options.tell;
    this.#commands = options.commands;
    for (const [id, { at }] of this.#commands.entries()) this.#agenda.add(NO_AUTHOR, id, at);
    this.#log = new PolicyLog(steering.events, () => steering.now, seats.length);
    const zeros = () => facts.cpus.map(() => 0);
    this.#counts = { init: zeros(), sipi: zeros() };
    this.#cpuTime = new CpuTime(facts.cpus.length, facts.accelerator, (cpu, off) => steering.suspend(cpu, off));
    const fail = (policy: Policy, fault: string): void => this.#fail(policy, fault);
    const common = { steering, log: this.#log, irqchip: facts.irqchip, fail };
    this.#decisions = new StartUpDecisions(common);
    this.#actions = new PolicyActions({
      ...common,
      decisions: this.#decisions,
      agenda: this.#agenda,
      cpuTime: this.#cpuTime,
      tell: this.#tell,
    });
  }

  start(): void {
    this.#now = this.#steering.now;
    for (const policy of this.#policies) {
      this.#log.act(policy.author, PolicyAct.LOADED, policy.name, null);
      this.#startPolicy(policy);
    }
  }

  get deadline(): number {
    return Math.min(this.#decisions.due, this.#agenda.due, this.#cpuTime.due);
  }

  expire(now = this.#steering.now): void {
    this.#now = Math.max(this.#now, now);
    for (;;) {
      const due = this.deadline;
      if (due > now) return;
      if (this.#cpuTime.due === due) this.#cpuTime.turn();
      else if (this.#decisions.due === due) this.#decisions.takeDue();
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

  order(order: EngineOrder, position: number): void {
    this.#now = this.#steering.now;
    const policy = this.#policies[order.author - 1];
    if (order.order === 'reload') {
      policy.sandbox.close();
      policy.sandbox = order.sandbox;
      policy.options = order.options;
      policy.faulty = false;
      this.#agenda.forget(policy.author);
      this.#log.act(policy.author, PolicyAct.RELOADED, policy.name, null, position);
      this.#startPolicy(policy);
      return;
    }
    const { id, command, args } = order;
    this.#tell({ news: 'answer', id, text: this.#command(policy, command, args, position) });
  }

  ordered(): boolean {
    return false;
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
    const answer = this.#ask(policy, { ask: 'start', states, facts });
    policy.wants = answer?.wants ?? NO_WANTS;
    this.#want();
    this.#actions.perform(policy, answer?.actions ?? []);
  }

  #command(policy: Policy, command: string, args: Options, position = 0): string {
    if (policy.faulty) return `The policy ${policy.name} stands aside since it failed.`;
    if (!policy.wants.commands.includes(command)) return `The policy ${policy.name} does not answer "${command}".`;
    this.#log.act(policy.author, PolicyAct.COMMAND, describeCommand(command, args), cpuOf(args), position);
    const answer = this.#ask(policy, { ask: 'command', command, args });
    if (answer === null) return `The policy ${policy.name} failed: see its event.`;
    this.#actions.perform(policy, answer.actions);
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
    this.#actions.perform(policy, answer?.actions ?? []);
  }

  #askAll(wanted: (wants: Wants) => boolean, request: Question): void {
    for (const policy of this.#policies) {
      if (policy.faulty || !wanted(policy.wants)) continue;
      this.#actions.perform(policy, this.#ask(policy, request)?.actions ?? []);
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
      if (decides && !this.#actions.may(policy, 'start-up')) continue;
      open.forEach((target, place) => this.#decisions.apply(policy, ipi, ipi.targets[target], decisions[place]));
      open = open.filter((_, place) => (decisions[place]?.do ?? 'deliver') === 'deliver');
    }
    const arriving = open.map((index) => ipi.targets[index]);
    if (arriving.length > 0) this.#steering.arrive(ipi.mode, ipi.source, arriving, ipi.vector, 0, false);
    for (const { policy, actions } of said) this.#actions.perform(policy, actions);
  }

  /** Null: it failed, or has failed before. */
  #ask(policy: Policy, question: Question): Exclude<SandboxAnswer, { fault: string }> | null {
    if (policy.faulty) return null;
    const answer = policy.ask(question, this.#now, (cpu) => this.#steering.state(cpu));
    if (!('fault' in answer)) return answer;
    this.#fail(policy, answer.fault);
    return null;
  }

  #fail(policy: Policy, fault: string): void {
    policy.faulty = true;
    policy.wants = NO_WANTS;
    this.#log.act(policy.author, PolicyAct.FAULT, fault, null);
    this.#tell({ news: 'fault', author: policy.author, fault });
    this.#agenda.forget(policy.author);
    this.#want();
    this.#decisions.release(policy.author);
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

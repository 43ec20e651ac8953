/** A machine's policies as the machine thread has them: their sandboxes, what they make of the configuration, their last word. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Options } from '../../plugins/api/index';
import type { MachineConfig, MachineMessage, Outcome } from '../../preload/contract/machine';
import type { Recording } from '../../preload/contract/recording';
import type { PolicyProgram, PolicySummary, TimedPolicyCommand, VerdictSummary } from '../../preload/contract/policies';
import { PolicyAct } from '../../preload/contract/events';
import { ReveilleError } from '../base/errors';
import { completeConfiguration } from '../machine/configuration';
import type { Machine } from '../machine/machine';
import { SandboxClient } from '../plugins/mailbox';
import type { EngineNews } from '../plugins/machine-engine';
import { policyState } from '../plugins/policy';
import { PolicyLog } from '../plugins/policy-log';
import type { SandboxAnswer } from '../plugins/protocol';
import type { PolicySeatData, PolicySeats, PostedOrder } from './policy-seats';
import type { SandboxThreads } from './sandbox-threads';

/** Ids of texts that are written here; those of the thread that asks the policies begin at 1. */
const FIRST_TEXT = 2 ** 23;

class PolicyError extends ReveilleError {
  constructor(message: string) {
    super('usage', message);
  }
}

export class PolicyHost {
  readonly #programs: readonly PolicyProgram[];
  readonly #post: (message: MachineMessage) => void;
  readonly #threads: SandboxThreads;
  readonly #recording: Recording | null;
  readonly #names: readonly string[];
  readonly #faults: (string | null)[];
  readonly #seeds: number[];
  #orders: MessagePort | null = null;
  #verdict: VerdictSummary | null = null;
  /** All CPUs but the BSP, as the machine is made. */
  #aps: number[] = [];

  /** `recording`: what policies decided in another run, in the place of policies. */
  constructor(parts: {
    programs: PolicyProgram[];
    recording: Recording | null;
    seed: number;
    threads: SandboxThreads;
    /** Who asks them has a thread for that, and rehearses. */
    rehearses: boolean;
    post: (message: MachineMessage) => void;
  }) {
    const { programs, recording, seed, threads, rehearses, post } = parts;
    this.#recording = recording;
    this.#names = recording?.policies ?? programs.map(({ policy }) => policy);
    this.#programs = programs;
    this.#post = post;
    this.#threads = threads;
    threads.load(programs, rehearses);
    this.#faults = programs.map(() => null);
    this.#seeds = programs.map((_, index) => (Math.imul(seed ^ 0x5eed, 0x9e3779b1) + index * 0x85ebca6b) >>> 0);
  }

  get verdict(): VerdictSummary | null {
    return this.#verdict;
  }

  /** The configuration as the policies want it, each after those before it; throws where one fails or it cannot be. */
  configure(config: MachineConfig): MachineConfig {
    let changed = config;
    this.#programs.forEach(({ policy, permissions }, index) => {
      if (!permissions.includes('configure')) return;
      const { cpus, bsp, apicIds, tableOrder, topology } = changed;
      const configuration = { cpus, bsp, apicIds, tableOrder, topology };
      const answer = this.#client(index).ask({ ask: 'configure', configuration, seed: this.#seeds[index] });
      if ('fault' in answer) throw new PolicyError(`The policy ${policy} failed at the configuration: ${answer.fault}`);
      changed = completeConfiguration({ ...changed, ...withOrder(changed, answer.configuration ?? {}), cpus });
    });
    this.#aps = changed.apicIds.map((_, cpu) => cpu).filter((cpu) => cpu !== changed.bsp);
    return changed;
  }

  /** What the thread that asks them needs; to be posted once, `orders` transferred. */
  seats(commands: TimedPolicyCommand[]): PolicySeats {
    const { port1, port2 } = new MessageChannel();
    this.#orders = port1;
    port1.unref();
    const seats = this.#programs.map((program, index) => this.#seat(program, index));
    const { rehearsal } = this.#threads;
    return { seats, rehearsal, recording: this.#recording, commands: this.#checked(commands), orders: port2 };
  }

  /** From the thread that asks them. */
  receive(news: EngineNews): void {
    switch (news.news) {
      case 'fault':
        this.#faults[news.author - 1] = news.fault;
        break;
      case 'verdict': {
        const { verdict, reason, author } = news;
        this.#verdict ??= { verdict, reason, policy: this.#names[author - 1] };
        break;
      }
      case 'told':
        this.#post({ type: 'policy-told', author: news.author, data: news.data });
        break;
      case 'answer':
        this.#post({ type: 'policy-answer', id: news.id, text: news.text });
        break;
    }
  }

  command(machine: Machine, id: number, author: number, command: string, args: Options): void {
    if (this.#programs[author - 1] === undefined) {
      this.#post({ type: 'policy-answer', id, text: `This machine has no policy number ${author}.` });
      return;
    }
    this.#order(machine, { order: 'command', id, author, command, args });
  }

  reload(machine: Machine, author: number, program: PolicyProgram): void {
    if (this.#programs[author - 1] === undefined) return;
    this.#faults[author - 1] = null;
    const mailbox = this.#threads.replace(author - 1, program);
    this.#order(machine, { order: 'reload', author, name: program.policy, mailbox, options: this.#late(program) });
  }

  /** After all other threads have ended: the policies' last words. */
  ended(machine: Machine, outcome: Outcome): void {
    const log = new PolicyLog(machine.board.events, () => machine.now, this.#names.length, FIRST_TEXT);
    for (const { author, act, text, cpu } of this.#recording?.lastWords ?? []) log.act(author, act, text, cpu);
    const changed = machine.board.vcpus.map(({ cpu, mpState }) => ({ cpu, state: policyState(mpState) }));
    const { kind, code, reason } = outcome;
    const last = { ask: 'ended', now: machine.now, changed, outcome: { kind, code, reason } } as const;
    this.#programs.forEach(({ policy }, index) => {
      if (this.#faults[index] !== null) return;
      this.#lastWords(log, policy, index, this.#client(index).ask(last));
    });
  }

  summaries(): PolicySummary[] {
    return this.#programs.map(({ policy }, index) => ({ policy, fault: this.#faults[index] }));
  }

  close(): void {
    this.#orders?.close();
  }

  #lastWords(log: PolicyLog, policy: string, index: number, answer: SandboxAnswer): void {
    const author = index + 1;
    if ('fault' in answer) {
      this.#faults[index] = answer.fault;
      log.act(author, PolicyAct.FAULT, answer.fault, null);
      return;
    }
    for (const action of answer.actions) {
      if (action.act === 'mark') log.act(author, PolicyAct.MARK, action.text, action.cpu);
      if (action.act === 'log') log.act(author, PolicyAct.LOG, action.text, null);
      if (action.act === 'tell') this.#post({ type: 'policy-told', author, data: action.data });
      if (action.act !== 'verdict' || this.#verdict !== null) continue;
      const { verdict, reason } = action;
      log.verdict(author, verdict, reason);
      this.#verdict = { verdict, reason, policy };
    }
  }

  #checked(commands: TimedPolicyCommand[]): TimedPolicyCommand[] {
    for (const { author } of commands) {
      if (this.#programs[author - 1] === undefined) {
        throw new PolicyError(
          `A command is for policy number ${author}, but this machine has ${this.#programs.length}.`,
        );
      }
    }
    return commands;
  }

  /** Which CPUs are APs is known only when all policies have configured the machine. */
  #late({ aps }: PolicyProgram): Options {
    return Object.fromEntries(aps.map((name) => [name, this.#aps]));
  }

  #seat(program: PolicyProgram, index: number): PolicySeatData {
    const { policy, permissions } = program;
    const mailbox = this.#threads.mailboxes[index];
    return { name: policy, permissions, seed: this.#seeds[index], mailbox, options: this.#late(program) };
  }

  #client(index: number): SandboxClient {
    return new SandboxClient(this.#threads.mailboxes[index], `The policy ${this.#programs[index].policy}`);
  }

  #order(machine: Machine, order: PostedOrder): void {
    this.#orders?.postMessage(order);
    machine.announceOrder();
  }
}

/** With another BSP and no order of its own, the tables have the customary one. */
function withOrder(config: MachineConfig, changes: Partial<MachineConfig>): Partial<MachineConfig> {
  const bspMoves = changes.bsp !== undefined && changes.bsp !== config.bsp;
  return bspMoves && changes.tableOrder === undefined ? { ...changes, tableOrder: undefined as never } : changes;
}

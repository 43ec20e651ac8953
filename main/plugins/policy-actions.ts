/** Does what policies say beside their decisions: they let go, send, suspend, set timers, mark, judge. */
import type { Permission } from '../../plugins/api/manifest';
import type { Verdict } from '../../plugins/api/index';
import { IpiMode, NO_CPU, PolicyAct } from '../../preload/contract/events';
import type { Agenda } from './agenda';
import type { CpuTime } from './cpu-time';
import type { EngineNews, Steering } from './machine-engine';
import type { Policy } from './policy';
import type { PolicyLog } from './policy-log';
import type { Action, MachineFacts } from './protocol';
import type { StartUpDecisions } from './start-up-decisions';

const PERMISSION_OF: Partial<Record<Action['act'], Permission>> = {
  release: 'start-up',
  discard: 'start-up',
  inject: 'inject',
  suspend: 'schedule',
  resume: 'schedule',
  'duty-cycle': 'schedule',
};
const INJECTED_MODES = { init: IpiMode.INIT, sipi: IpiMode.SIPI, nmi: IpiMode.NMI } as const;

export interface PolicyActionsParts {
  steering: Steering;
  log: PolicyLog;
  decisions: StartUpDecisions;
  agenda: Agenda;
  cpuTime: CpuTime;
  irqchip: MachineFacts['irqchip'];
  tell: (news: EngineNews) => void;
  fail: (policy: Policy, fault: string) => void;
}

export class PolicyActions {
  readonly #parts: PolicyActionsParts;
  #ended = false;

  constructor(parts: PolicyActionsParts) {
    this.#parts = parts;
  }

  /** All of them in their order, up to one that makes the policy faulty. */
  perform(policy: Policy, actions: readonly Action[]): void {
    for (const action of actions) {
      if (policy.faulty) return;
      const needs = PERMISSION_OF[action.act];
      if (needs === undefined || this.may(policy, needs)) this.#do(policy, action);
    }
  }

  /** Whether its plugin has this permission; where not, the policy is faulty. */
  may(policy: Policy, permission: Permission): boolean {
    if (policy.may(permission)) return true;
    const words = `It wanted to do what needs the permission "${permission}", which its manifest does not name.`;
    this.#parts.fail(policy, words);
    return false;
  }

  #do(policy: Policy, action: Action): void {
    const { author } = policy;
    const { steering, log, decisions, agenda, cpuTime, tell } = this.#parts;
    switch (action.act) {
      case 'release':
        decisions.release(author, action.cpu);
        break;
      case 'discard': {
        const count = decisions.discard(author, action.cpu);
        if (count > 0) log.act(author, PolicyAct.DISCARD, action.reason, action.cpu, count);
        break;
      }
      case 'inject':
        this.#inject(policy, action);
        break;
      case 'suspend':
      case 'resume': {
        const off = action.act === 'suspend';
        log.act(author, off ? PolicyAct.SUSPEND : PolicyAct.RESUME, action.reason, action.cpu);
        cpuTime.suspend(author, action.cpu, off);
        break;
      }
      case 'duty-cycle': {
        const { cpu, run, period, reason } = action;
        log.dutyCycle(author, cpu, run, period, reason);
        cpuTime.dutyCycle(author, cpu, run, period, steering.now);
        break;
      }
      case 'timer':
        agenda.add(author, action.timer, action.at);
        break;
      case 'cancel':
        agenda.cancel(author, action.timer);
        break;
      case 'mark':
        log.act(author, PolicyAct.MARK, action.text, action.cpu);
        break;
      case 'log':
        log.act(author, PolicyAct.LOG, action.text, null);
        break;
      case 'verdict':
        this.#judge(author, action.verdict, action.reason);
        break;
      case 'tell':
        tell({ news: 'told', author, data: action.data });
        break;
    }
  }

  #inject(policy: Policy, { mode, cpu, vector, reason }: Extract<Action, { act: 'inject' }>): void {
    const { steering, decisions, irqchip, fail } = this.#parts;
    const ipi = { mode: INJECTED_MODES[mode], source: NO_CPU, vector };
    const exact = irqchip === 'exact';
    if (mode === 'init' && !exact) {
      fail(policy, `It sent an INIT to CPU ${cpu}, which only the mode exact can do.`);
      return;
    }
    decisions.explain(policy, ipi, cpu, reason);
    if (mode === 'nmi' || !exact) steering.send(ipi.mode, cpu, vector, policy.author);
    else steering.arrive(ipi.mode, NO_CPU, [cpu], vector, policy.author, false);
  }

  #judge(author: number, verdict: Verdict, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const { steering, log, tell } = this.#parts;
    log.verdict(author, verdict, reason);
    tell({ news: 'verdict', author, verdict, reason });
    steering.end(author);
  }
}

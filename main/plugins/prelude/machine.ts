/** The `Machine` of the API, as a plugin sees it. Its source text runs in the sandbox; see prelude.ts. */
import type { Machine, MpState } from '../../../plugins/api/index';
import type { Action, MachineFacts } from '../protocol';
import type { Checks } from './checks';

export interface Limits {
  actions: number;
  reason: number;
  log: number;
  told: number;
  timers: number;
  message: number;
  time: number;
}

/** What the machine's methods read and write. */
export interface MachineState {
  now: number;
  states: MpState[];
  act(action: Action): void;
  random(): number;
}

export type MachineMaker = ReturnType<typeof preludeMachine>;

export function preludeMachine(limits: Limits, checks: Checks) {
  const { refuse, cut, show, isObject, checkWhole, checkTime, checkText, checkFunction } = checks;
  const { stringify } = JSON;
  const { freeze, hasOwn } = Object;

  let timers: Record<number, () => void> = {};
  let pending = 0;
  let lastTimer = 0;

  /** The callback of a timer, which is pending no more. */
  function takeTimer(timer: number): (() => void) | null {
    if (!hasOwn(timers, timer)) return null;
    const callback = timers[timer];
    delete timers[timer];
    pending -= 1;
    return callback;
  }

  function checkReason(value: unknown, what: string): string {
    if (value === undefined) return '';
    return typeof value === 'string' ? cut(value, limits.reason) : checkText(value, `${what}: reason`, limits.reason);
  }

  function makeMachine(facts: MachineFacts, state: MachineState): Machine {
    timers = {};
    pending = 0;
    const { act } = state;
    const last = facts.cpus.length - 1;
    const checkCpu = (value: unknown, what: string) => checkWhole(value, `${what}: cpu`, 0, last);
    const machine: Machine = {
      cpus: freeze(facts.cpus),
      bsp: facts.bsp,
      accelerator: facts.accelerator,
      irqchip: facts.irqchip,
      get now() {
        return state.now;
      },
      state: (cpu) => state.states[checkCpu(cpu, 'state')],
      random: state.random,

      release(cpu, reason) {
        act({ act: 'release', cpu: checkCpu(cpu, 'release'), reason: checkReason(reason, 'release') });
      },
      discard(cpu, reason) {
        act({ act: 'discard', cpu: checkCpu(cpu, 'discard'), reason: checkReason(reason, 'discard') });
      },
      inject(ipi, reason) {
        if (!isObject(ipi)) refuse(`inject: the IPI must be an object, not ${show(ipi)}.`);
        const { mode, cpu, vector = 0 } = ipi;
        if (mode !== 'init' && mode !== 'sipi' && mode !== 'nmi') {
          refuse(`inject: mode must be init, sipi or nmi, not ${show(mode)}.`);
        }
        checkWhole(vector, 'inject: vector', 0, 255);
        act({ act: 'inject', mode, cpu: checkCpu(cpu, 'inject'), vector, reason: checkReason(reason, 'inject') });
      },
      suspend(cpu, reason) {
        act({ act: 'suspend', cpu: checkCpu(cpu, 'suspend'), reason: checkReason(reason, 'suspend') });
      },
      resume(cpu, reason) {
        act({ act: 'resume', cpu: checkCpu(cpu, 'resume'), reason: checkReason(reason, 'resume') });
      },
      dutyCycle(cpu, run, period, reason) {
        const whole = checkTime(period, 'dutyCycle: period', limits.time);
        const part = checkTime(run, 'dutyCycle: run', limits.time);
        if (whole < 1 || part > whole) {
          refuse(`dutyCycle: run (${part} ns) must be at most period (${whole} ns), and that 1 ns at least.`);
        }
        checkCpu(cpu, 'dutyCycle');
        act({ act: 'duty-cycle', cpu, run: part, period: whole, reason: checkReason(reason, 'dutyCycle') });
      },

      after(delay, callback) {
        const at = state.now + checkTime(delay, 'after: delay', limits.time);
        checkFunction(callback, 'after: callback');
        if (pending >= limits.timers) refuse(`after: ${limits.timers} timers may be pending, and are.`);
        lastTimer += 1;
        const timer = lastTimer;
        act({ act: 'timer', timer, at });
        timers[timer] = callback;
        pending += 1;
        return () => {
          if (takeTimer(timer) !== null) act({ act: 'cancel', timer });
        };
      },

      mark(text, cpu) {
        const at = cpu === undefined ? null : checkCpu(cpu, 'mark');
        act({ act: 'mark', text: checkText(text, 'mark: text', limits.reason), cpu: at });
      },
      log(text) {
        act({ act: 'log', text: checkText(text, 'log: text', limits.log) });
      },
      verdict(verdict, reason) {
        if (verdict !== 'pass' && verdict !== 'fail' && verdict !== 'hang') {
          refuse(`verdict: it must be pass, fail or hang, not ${show(verdict)}.`);
        }
        act({ act: 'verdict', verdict, reason: checkText(reason, 'verdict: reason', limits.reason) });
      },
      tell(value) {
        const data: string | undefined = stringify(value);
        if (data === undefined) refuse(`tell: ${show(value)} is no plain data.`);
        if (data.length > limits.told) {
          refuse(`tell: the data has ${data.length} characters as JSON, ${limits.told} at most.`);
        }
        act({ act: 'tell', data });
      },
    };
    return freeze(machine);
  }

  return { makeMachine, takeTimer, checkReason };
}

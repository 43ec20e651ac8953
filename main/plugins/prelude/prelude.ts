/**
 * What runs in a sandbox before the plugin does: it calls the policy's hooks, and gathers what they decided and did. The source
 * text of these functions is what runs there (sandbox.ts), so they name nothing of their modules but types.
 *
 * They take hold of the intrinsics that they need before the plugin can change them. A plugin that changes prototypes may
 * still make nonsense of its own answers; the door for those is answers.ts.
 */
import type { Configuration, Decision, Ipi, MpState, Options, Policies, Policy } from '../../../plugins/api/index';
import type { PolicyDefinition } from '../../../plugins/api/index';
import type { Action, SandboxRequest, Wants } from '../protocol';
import type { Checks } from './checks';
import type { Limits, MachineMaker, MachineState } from './machine';
import type { RandomSource } from './random';

/** What the host calls. What it asks gives the answer (protocol.ts), or undefined: nothing is to be said. */
export interface Prelude {
  /** Takes the policy out of what the plugin has exported; its options are JSON. */
  load(policy: string, options: string): void;
  /** Asks what comes seldom: a request as JSON. */
  ask(request: string): string | undefined;
  /** What comes often is asked with numbers alone; states are indices. An INIT (0) or SIPI (1) to one CPU: */
  decide(
    sipi: number,
    now: number,
    /** -1 where it cannot be seen. */
    source: number,
    vector: number,
    cpu: number,
    state: number,
    /** How often it was sent one. */
    count: number,
  ): string | undefined;
  /** The same to several: of each its CPU, state and count. */
  decideAll(sipi: number, now: number, source: number, vector: number, ...targets: number[]): string | undefined;
  mpState(now: number, cpu: number, from: number, to: number): string | undefined;
  /** A CPU's state is another one. */
  note(cpu: number, state: number): void;
  /** The answer to what was asked last, with what promises have done since. */
  collect(): string | undefined;
}

type Asked<T extends SandboxRequest['ask']> = Extract<SandboxRequest, { ask: T }>;

export function prelude(
  limits: Limits,
  stateNames: MpState[],
  modeNames: Record<number, Ipi['mode']>,
  checks: Checks,
  { random, seed }: RandomSource,
  { makeMachine, takeTimer, checkReason }: MachineMaker,
): Prelude {
  const { refuse, cut, show, isObject, checkWhole, checkTime, checkText, checkFunction } = checks;
  const { parse, stringify } = JSON;
  const { apply } = Reflect;
  const { isArray } = Array;
  const { freeze, hasOwn, keys, defineProperty, getPrototypeOf } = Object;
  const { exec } = RegExp.prototype;
  const TooMuch = RangeError;
  const Pattern = RegExp;
  const BY = { init: 'init: by', sipi: 'sipi: by' };
  const TARGET_NUMBERS = 3;

  let definition: PolicyDefinition;
  let policy: Policy = {};
  let options: Options = {};
  let cpus = 0;

  /** The answer: what was decided about the IPI; what was done; what else there is. */
  let decided = '';
  let actions: Action[] | null = null;
  let answer: { configuration?: unknown; wants?: Wants; text?: string } | null = null;
  let overflow = false;
  const state: MachineState = { now: 0, states: [], act, random };

  forbidCodeFromText();

  /** What a plugin does is in its source: `eval` and the constructors of functions are not there. */
  function forbidCodeFromText(): void {
    const kinds = [function () {}, function* () {}, async function () {}, async function* () {}];
    for (const kind of kinds) {
      const none = function Function() {
        refuse('A plugin cannot make code of text.');
      };
      const prototype = getPrototypeOf(kind);
      defineProperty(none, 'prototype', { value: prototype });
      defineProperty(prototype, 'constructor', { value: none });
      if (kind === kinds[0]) defineProperty(globalThis, 'Function', { value: none });
    }
    defineProperty(globalThis, 'eval', { value: undefined });
  }

  function act(action: Action): void {
    actions ??= [];
    if (actions.length >= limits.actions) {
      // Even where the plugin catches what is thrown.
      overflow = true;
      throw new TooMuch(`A policy may take ${limits.actions} actions in one call.`);
    }
    actions[actions.length] = action;
  }

  function begin(now: number): void {
    state.now = now;
    decided = '';
    actions = null;
    answer = null;
  }

  /** The decision as protocol.ts has it; empty: deliver, and not a word about it. Its sentences are made only when they are needed. */
  function checkDecision(decision: Decision | undefined | void, hook: 'init' | 'sipi'): string {
    if (decision === undefined) return '';
    if (!isObject(decision)) refuse(`${hook} must return a decision, not ${show(decision)}.`);
    const reason = checkReason(decision.reason, hook);
    switch (decision.do) {
      case 'delay': {
        const by = checkTime(decision.by, BY[hook], limits.time);
        return `delay ${by} ${reason.length}:${reason}`;
      }
      case 'deliver':
        return reason === '' ? '' : `deliver ${reason.length}:${reason}`;
      case 'hold':
        return `hold ${reason.length}:${reason}`;
      case 'drop':
        return `drop ${reason.length}:${reason}`;
      case 'redirect': {
        const cpu = decision.cpu === undefined ? '-' : checkWhole(decision.cpu, `${hook}: cpu`, 0, cpus - 1);
        const vector = decision.vector === undefined ? '-' : checkWhole(decision.vector, `${hook}: vector`, 0, 255);
        return `redirect ${cpu} ${vector} ${reason.length}:${reason}`;
      }
      default: {
        const { do: what } = decision as { do?: unknown };
        const given = what === undefined ? show(decision) : show(what);
        return refuse(`${hook} must return a decision (deliver, delay, hold, drop or redirect), not ${given}.`);
      }
    }
  }

  function configure({ configuration, seed: value }: Asked<'configure'>): void {
    if (definition.configure === undefined) return;
    checkFunction(definition.configure, 'configure');
    seed(value, 1);
    const change = definition.configure(configuration, options, random);
    if (change === undefined) return;
    if (!isObject(change)) refuse(`configure must return what is to be different, not ${show(change)}.`);
    const { bsp, apicIds, tableOrder, topology } = change as Configuration;
    answer = { configuration: { bsp, apicIds, tableOrder, topology } };
  }

  function start({ states, facts }: Asked<'start'>): void {
    cpus = facts.cpus.length;
    state.states = states;
    seed(facts.seed, 0);
    options = freeze({ ...options, ...facts.options });
    if (definition.start !== undefined) {
      checkFunction(definition.start, 'start');
      policy = definition.start(makeMachine(facts, state), options);
      if (!isObject(policy)) refuse(`start must return a policy, not ${show(policy)}.`);
    }
    const wants: Wants = {
      init: wanted('init'),
      sipi: wanted('sipi'),
      icrWrite: wanted('icrWrite'),
      mpState: wanted('mpState'),
      serial: wantedPorts(),
      commands: wantedCommands(),
      ended: wanted('ended'),
    };
    answer = { wants };
  }

  function wanted(hook: 'init' | 'sipi' | 'icrWrite' | 'mpState' | 'ended'): boolean {
    if (policy[hook] === undefined) return false;
    checkFunction(policy[hook], hook);
    return true;
  }

  function wantedPorts(): number[] {
    const { serial: watches } = policy;
    if (watches === undefined) return [];
    if (!isArray(watches)) refuse(`serial must be an array, not ${show(watches)}.`);
    const watched = [false, false, false, false];
    for (let i = 0; i < watches.length; i++) {
      const { port, pattern, matched } = watches[i];
      watched[checkWhole(port, 'serial: port', 1, 4) - 1] = true;
      if (!(pattern instanceof Pattern)) refuse(`serial: pattern must be a RegExp, not ${show(pattern)}.`);
      checkFunction(matched, 'serial: matched');
    }
    const ports: number[] = [];
    for (let port = 0; port < watched.length; port++) if (watched[port]) ports[ports.length] = port;
    return ports;
  }

  function wantedCommands(): string[] {
    const { commands } = policy;
    if (commands === undefined) return [];
    if (!isObject(commands)) refuse(`commands must be an object, not ${show(commands)}.`);
    const names = keys(commands);
    for (let i = 0; i < names.length; i++) checkFunction(commands[names[i]], `commands.${cut(names[i], 40)}`);
    return names;
  }

  function serial({ port, line }: Asked<'serial'>): void {
    const watches = policy.serial;
    if (watches === undefined) return;
    for (let i = 0; i < watches.length; i++) {
      const watch = watches[i];
      if (watch.port - 1 !== port) continue;
      watch.pattern.lastIndex = 0;
      const match = apply(exec, watch.pattern, [line]);
      if (match !== null) watch.matched(match);
    }
  }

  function command({ command: name, args }: Asked<'command'>): void {
    const text = policy.commands?.[name](args);
    if (text === undefined) return;
    answer = { text: checkText(text, `commands.${cut(name, 40)}: what it returns`, limits.log) };
  }

  function collect(): string | undefined {
    if (actions === null && answer === null) return decided === '' ? undefined : decided;
    if (overflow) throw new TooMuch(`A policy may take ${limits.actions} actions in one call.`);
    const text = decided + stringify({ ...answer, actions: actions ?? [] });
    if (text.length > limits.message) {
      throw new TooMuch(`The answer has ${text.length} characters, ${limits.message} at most.`);
    }
    return text;
  }

  return {
    load(name, optionsText) {
      const { plugin } = globalThis as { plugin?: { policies?: Policies } };
      const policies = plugin?.policies;
      if (!isObject(policies)) return refuse('index.ts must export "policies".');
      if (!hasOwn(policies, name) || !isObject(policies[name])) refuse(`"policies" has no policy "${name}".`);
      definition = policies[name];
      options = freeze(parse(optionsText));
    },

    ask(text) {
      const request: SandboxRequest = parse(text);
      begin(request.ask === 'configure' ? 0 : request.now);
      switch (request.ask) {
        case 'configure':
          configure(request);
          break;
        case 'start':
          start(request);
          break;
        case 'icr-write': {
          const { source, targets, mode, vector } = request;
          policy.icrWrite?.({ source, targets, mode: modeNames[mode], vector });
          break;
        }
        case 'serial':
          serial(request);
          break;
        case 'timer':
          takeTimer(request.timer)?.();
          break;
        case 'command':
          command(request);
          break;
        case 'ended':
          policy.ended?.(request.outcome);
          break;
      }
      return collect();
    },

    decide(sipi, now, from, vector, cpu, stateIndex, count) {
      begin(now);
      const name = stateNames[stateIndex];
      state.states[cpu] = name;
      const ipi = { cpu, source: from < 0 ? null : from, vector, count, state: name };
      decided = sipi === 0 ? checkDecision(policy.init?.(ipi), 'init') : checkDecision(policy.sipi?.(ipi), 'sipi');
      return collect();
    },

    decideAll(sipi, now, from, vector, ...targets) {
      begin(now);
      const source = from < 0 ? null : from;
      const { states } = state;
      const { length } = targets;
      // Who is asked about the first may look at the states of all.
      for (let i = 0; i < length; i += TARGET_NUMBERS) states[targets[i]] = stateNames[targets[i + 1]];
      let delivered = 0;
      for (let i = 0; i < length; i += TARGET_NUMBERS) {
        const cpu = targets[i];
        const ipi = { cpu, source, vector, count: targets[i + 2], state: states[cpu] };
        const decision =
          sipi === 0 ? checkDecision(policy.init?.(ipi), 'init') : checkDecision(policy.sipi?.(ipi), 'sipi');
        if (decision === '') delivered += 1;
        else {
          for (; delivered > 0; delivered -= 1) decided += 'deliver 0:';
          decided += decision;
        }
      }
      return collect();
    },

    mpState(now, cpu, from, to) {
      begin(now);
      state.states[cpu] = stateNames[to];
      policy.mpState?.({ cpu, from: stateNames[from], to: stateNames[to] });
      return collect();
    },

    note(cpu, stateIndex) {
      state.states[cpu] = stateNames[stateIndex];
    },

    collect,
  };
}

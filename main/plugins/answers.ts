/**
 * The door for what a sandbox answers: text that nobody vouches for becomes an answer of which every field was looked at, made
 * anew, or a fault. Most answers say nothing, and cost next to nothing.
 */
import type { Configuration } from '../../plugins/api/index';
import {
  MAX_ACTIONS,
  MAX_FAULT,
  MAX_LOG,
  MAX_REASON,
  MAX_TIME,
  MAX_TOLD,
  NOTHING_SAID,
  type Action,
  type DecisionAnswer,
  type SandboxAnswer,
  type SandboxRequest,
  type Wants,
} from './protocol';

const MAX_COMMANDS = 100;
const MAX_COMMAND_NAME = 50;
const PORTS = 4;
const MAX_VECTOR = 0xff;
const MAX_APIC_ID = 0xffffffff;
const VERDICTS = ['pass', 'fail', 'hang'] as const;
const INJECTED = ['init', 'sipi', 'nmi'] as const;

type Fields = Record<string, unknown>;

class BadAnswer extends Error {}

const NOTHING: SandboxAnswer = Object.freeze({ actions: Object.freeze([]) as unknown as Action[] });
const DELIVER: DecisionAnswer = Object.freeze({ do: 'deliver', reason: '' });
/** By the number of targets; more of them are made anew. */
const DELIVER_ALL: SandboxAnswer[] = Array.from({ length: 256 }, (_, n) => Object.freeze(deliverAll(n)));

/** `cpus`: of the machine. The answer is not to be written to: the common ones are always the same objects. */
export function checkAnswer(text: string, request: SandboxRequest, cpus: number): SandboxAnswer {
  if (text === NOTHING_SAID) {
    if (request.ask === 'init' || request.ask === 'sipi') {
      return DELIVER_ALL[request.targets.length] ?? deliverAll(request.targets.length);
    }
    if (request.ask !== 'start') return NOTHING;
  }
  try {
    if (request.ask !== 'init' && request.ask !== 'sipi') return answerOf(JSON.parse(text), request, cpus);
    return startUpAnswer(text, request.targets.length, cpus);
  } catch (error) {
    if (error instanceof BadAnswer || error instanceof SyntaxError) {
      return { fault: `It broke the sandbox’s protocol: ${error.message}`.slice(0, MAX_FAULT) };
    }
    throw error;
  }
}

function deliverAll(targets: number): SandboxAnswer {
  const decisions = Object.freeze(Array<DecisionAnswer>(targets).fill(DELIVER)) as DecisionAnswer[];
  return { decisions, actions: (NOTHING as { actions: Action[] }).actions };
}

function answerOf(value: unknown, request: SandboxRequest, cpus: number): SandboxAnswer {
  const answer = fieldsOf(value, 'the answer');
  if (answer.fault !== undefined) return faultOf(answer);
  const actions = actionsOf(answer.actions, cpus);
  switch (request.ask) {
    case 'configure':
      return answer.configuration === undefined
        ? { actions }
        : { configuration: configurationOf(answer.configuration, request.configuration.cpus), actions };
    case 'start':
      return { wants: wantsOf(answer.wants), actions };
    case 'command':
      return answer.text === undefined ? { actions } : { text: textOf(answer.text, 'text', MAX_LOG), actions };
    default:
      return { actions };
  }
}

/** One decision: what is to be done with its numbers, and the length of the reason that follows. */
const DECISION = /(?:(deliver|hold|drop)|delay (\d+)|redirect (\d+|-) (\d+|-)) (\d+):/y;

function startUpAnswer(text: string, targets: number, cpus: number): SandboxAnswer {
  const decisions: DecisionAnswer[] = [];
  let at = 0;
  while (at < text.length && text[at] !== '{') {
    DECISION.lastIndex = at;
    const parts = DECISION.exec(text);
    if (parts === null) throw new BadAnswer('a decision that is none of deliver, delay, hold, drop and redirect.');
    const start = DECISION.lastIndex;
    at = start + wholeOf(Number(parts[5]), 'the length of a reason', 0, Math.min(MAX_REASON, text.length - start));
    decisions.push(decisionOf(parts, text.slice(start, at), cpus));
    if (decisions.length > targets) throw new BadAnswer(`more decisions than ${targets} targets.`);
  }
  while (decisions.length < targets) decisions.push(DELIVER);
  if (at === text.length) return { decisions, actions: [] };
  const answer = fieldsOf(JSON.parse(text.slice(at)), 'the answer');
  if (answer.fault !== undefined) return faultOf(answer);
  return { decisions, actions: actionsOf(answer.actions, cpus) };
}

function decisionOf([, plain, by, cpu, vector]: RegExpExecArray, reason: string, cpus: number): DecisionAnswer {
  if (plain !== undefined) return { do: plain as 'deliver' | 'hold' | 'drop', reason };
  if (by !== undefined) return { do: 'delay', by: wholeOf(Number(by), 'by', 0, MAX_TIME), reason };
  return {
    do: 'redirect',
    cpu: cpu === '-' ? null : cpuOf(Number(cpu), cpus),
    vector: vector === '-' ? null : wholeOf(Number(vector), 'vector', 0, MAX_VECTOR),
    reason,
  };
}

function faultOf({ fault }: Fields): SandboxAnswer {
  return { fault: textOf(fault, 'fault', MAX_FAULT) };
}

function actionsOf(value: unknown, cpus: number): Action[] {
  if (value === undefined) return [];
  return listOf(value, 'actions', MAX_ACTIONS).map((action) => actionOf(fieldsOf(action, 'an action'), cpus));
}

function actionOf(action: Fields, cpus: number): Action {
  switch (action.act) {
    case 'release':
    case 'discard':
    case 'suspend':
    case 'resume':
      return { act: action.act, cpu: cpuOf(action.cpu, cpus), reason: reasonOf(action.reason) };
    case 'inject': {
      const vector = wholeOf(action.vector, 'vector', 0, MAX_VECTOR);
      const mode = oneOf(action.mode, 'mode', INJECTED);
      return { act: 'inject', mode, cpu: cpuOf(action.cpu, cpus), vector, reason: reasonOf(action.reason) };
    }
    case 'duty-cycle': {
      const period = wholeOf(action.period, 'period', 1, MAX_TIME);
      const run = wholeOf(action.run, 'run', 0, period);
      return { act: 'duty-cycle', cpu: cpuOf(action.cpu, cpus), run, period, reason: reasonOf(action.reason) };
    }
    case 'timer':
      return { act: 'timer', timer: idOf(action.timer), at: wholeOf(action.at, 'at', 0, Number.MAX_SAFE_INTEGER) };
    case 'cancel':
      return { act: 'cancel', timer: idOf(action.timer) };
    case 'mark': {
      const cpu = action.cpu === null ? null : cpuOf(action.cpu, cpus);
      return { act: 'mark', text: textOf(action.text, 'text', MAX_REASON), cpu };
    }
    case 'log':
      return { act: 'log', text: textOf(action.text, 'text', MAX_LOG) };
    case 'verdict': {
      const verdict = oneOf(action.verdict, 'verdict', VERDICTS);
      return { act: 'verdict', verdict, reason: reasonOf(action.reason) };
    }
    case 'tell':
      return { act: 'tell', data: jsonOf(action.data) };
    default:
      throw new BadAnswer('an action that does not exist.');
  }
}

function wantsOf(value: unknown): Wants {
  const wants = fieldsOf(value, 'wants');
  const ports = listOf(wants.serial, 'serial', PORTS).map((port) => wholeOf(port, 'port', 0, PORTS - 1));
  const commands = listOf(wants.commands, 'commands', MAX_COMMANDS);
  return {
    init: flagOf(wants.init, 'init'),
    sipi: flagOf(wants.sipi, 'sipi'),
    icrWrite: flagOf(wants.icrWrite, 'icrWrite'),
    mpState: flagOf(wants.mpState, 'mpState'),
    serial: distinct(ports, 'serial'),
    commands: distinct(
      commands.map((name) => textOf(name, 'the name of a command', MAX_COMMAND_NAME)),
      'commands',
    ),
    ended: flagOf(wants.ended, 'ended'),
  };
}

function configurationOf(value: unknown, cpus: number): Partial<Configuration> {
  const { bsp, apicIds, tableOrder, topology } = fieldsOf(value, 'configuration');
  const change: Partial<Configuration> = {};
  if (bsp !== undefined) change.bsp = cpuOf(bsp, cpus);
  if (apicIds !== undefined) {
    const ids = listOf(apicIds, 'apicIds', cpus).map((id) => wholeOf(id, 'an APIC id', 0, MAX_APIC_ID));
    change.apicIds = distinct(oneEach(ids, 'apicIds', cpus), 'apicIds');
  }
  if (tableOrder !== undefined) {
    const order = listOf(tableOrder, 'tableOrder', cpus).map((cpu) => cpuOf(cpu, cpus));
    change.tableOrder = distinct(oneEach(order, 'tableOrder', cpus), 'tableOrder');
  }
  if (topology !== undefined) change.topology = topologyOf(fieldsOf(topology, 'topology'), cpus);
  return change;
}

function topologyOf(topology: Fields, cpus: number): Configuration['topology'] {
  const sockets = wholeOf(topology.sockets, 'sockets', 1, cpus);
  const cores = wholeOf(topology.cores, 'cores', 1, cpus);
  const threads = wholeOf(topology.threads, 'threads', 1, cpus);
  if (sockets * cores * threads !== cpus) {
    throw new BadAnswer(`a topology of ${sockets} × ${cores} × ${threads} CPUs for ${cpus}.`);
  }
  return { sockets, cores, threads };
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadAnswer(`${what} is no object.`);
  return value as Fields;
}

function listOf(value: unknown, what: string, most: number): unknown[] {
  if (!Array.isArray(value)) throw new BadAnswer(`${what} is no list.`);
  if (value.length > most) throw new BadAnswer(`${what} has ${value.length} items, ${most} at most.`);
  return value;
}

function oneEach(list: number[], what: string, cpus: number): number[] {
  if (list.length !== cpus) throw new BadAnswer(`${what} has ${list.length} items for ${cpus} CPUs.`);
  return list;
}

function distinct<T>(list: T[], what: string): T[] {
  if (new Set(list).size !== list.length) throw new BadAnswer(`${what} names one of its items twice.`);
  return list;
}

function wholeOf(value: unknown, what: string, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
    throw new BadAnswer(`${what} is not a whole number from ${least} to ${most}.`);
  }
  return value as number;
}

function cpuOf(value: unknown, cpus: number): number {
  return wholeOf(value, 'cpu', 0, cpus - 1);
}

function idOf(value: unknown): number {
  return wholeOf(value, 'timer', 1, Number.MAX_SAFE_INTEGER);
}

function textOf(value: unknown, what: string, most: number): string {
  if (typeof value !== 'string') throw new BadAnswer(`${what} is no text.`);
  if (value.length > most) throw new BadAnswer(`${what} has ${value.length} characters, ${most} at most.`);
  return value;
}

function reasonOf(value: unknown): string {
  return textOf(value, 'reason', MAX_REASON);
}

function jsonOf(value: unknown): string {
  const text = textOf(value, 'data', MAX_TOLD);
  JSON.parse(text);
  return text;
}

function flagOf(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw new BadAnswer(`${what} is neither true nor false.`);
  return value;
}

function oneOf<T extends string>(value: unknown, what: string, names: readonly T[]): T {
  const name = names.find((known) => known === value);
  if (name === undefined) throw new BadAnswer(`${what} is none of ${names.join(', ')}.`);
  return name;
}

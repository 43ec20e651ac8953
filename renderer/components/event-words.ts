/** Events and pauses in words. */
import type { PausePoint, PauseReason } from '../../preload/contract/inspection';
import { portName } from '../../preload/contract/ports';
import { hexToBytes, quotedInput } from '../../preload/contract/serial-input';
import { formatTime } from '../../preload/contract/quantities';
import {
  type DecisionEvent,
  type IpiEvent,
  isPolicysOwn,
  type MachineEvent,
  type PolicyEvent,
} from '../../preload/contract/machine-events';
import { hex } from './format';
import { stateLook } from './mp-states';

const MODES: Record<string, string> = {
  init: 'INIT',
  sipi: 'SIPI',
  nmi: 'NMI',
  smi: 'SMI',
  'init-deassert': 'INIT de-assert',
};
const WITH_VECTOR = ['sipi', 'fixed', 'lowest-priority'];
const DECISIONS: Record<string, string> = {
  deliver: '',
  ignored: ', ignored by its target',
  delay: ', delayed',
  hold: ', held',
  drop: ', dropped',
  redirect: ', redirected',
};

/** `SIPI 0x08`, `INIT`, `fixed 0x40`. */
export function ipiWords({ mode, vector }: Pick<IpiEvent, 'mode' | 'vector'>): string {
  const name = MODES[mode] ?? mode;
  return WITH_VECTOR.includes(mode) ? `${name} ${hex(vector)}` : name;
}

/** `CPU 3`, `CPUs 1-3, 7`. */
export function cpuList(cpus: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const cpu of cpus) {
    const last = runs.at(-1);
    if (last !== undefined && cpu === last[1] + 1) last[1] = cpu;
    else runs.push([cpu, cpu]);
  }
  const text = runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
  return `${cpus.length === 1 ? 'CPU' : 'CPUs'} ${text}`;
}

/** `from CPU 0`, `from manual`; `authors`: names of policies by their numbers. */
export function senderWords(
  ipi: Pick<IpiEvent, 'source' | 'author' | 'derived'>,
  authors: readonly string[] = [],
): string {
  if (ipi.source !== null) return `from CPU ${ipi.source}`;
  if (!isPolicysOwn(ipi)) return 'from a sender that cannot be seen';
  const { author = 0 } = ipi;
  return `from ${authors[author] ?? `policy ${author}`}`;
}

/** An event as what happened to a CPU; `authors`: names of policies by their numbers. */
export function eventWords(event: MachineEvent, cpu: number, authors: readonly string[] = []): string {
  switch (event.kind) {
    case 'mp-state':
      return `${stateLook(event.to).word}${event.derived ? ' (derived)' : ''}`;
    case 'ipi': {
      const decision = DECISIONS[event.decision] ?? `, ${event.decision}`;
      const what = `${ipiWords(event)}${event.derived ? ' (derived)' : ''}`;
      if (!event.targets.includes(cpu)) return `sent ${what} to ${cpuList(event.targets)}${decision}`;
      return `${what} ${event.source === cpu ? 'from itself' : senderWords(event, authors)}${decision}`;
    }
    case 'decision':
      return decisionWords(event, authors);
    case 'policy':
      return policyWords(event, authors);
    case 'exit':
      return `${event.count} ${event.reason} ${event.count === 1 ? 'exit' : 'exits'}`;
    case 'post':
      return `POST code ${hex(event.code)}`;
    case 'device-fault':
      return `PCI device ${event.device} cannot go on: ${event.fault}`;
    case 'unclaimed':
      return `${event.write ? 'wrote to' : 'read'} ${event.space} ${hex(event.address, 4)}, where nothing answers`;
    case 'serial-line':
      return `ended a line on ${portName(event.port)}`;
    case 'serial-lost':
      return `${event.count} bytes of ${portName(event.port)} lost`;
    case 'serial-input':
      return `input of ${portName(event.port)}: ${quotedInput(hexToBytes(event.bytes))}`;
    case 'key':
      return `key ${event.code} ${event.down ? 'down' : 'up'}`;
    case 'power-button':
      return 'the power button was pressed';
    case 'lost':
      return `${event.count} events lost`;
    case 'machine':
      return `machine ${event.change}`;
  }
}

const DONE: Record<string, string> = {
  deliver: 'let through',
  drop: 'dropped',
  hold: 'held',
};

/** `drop-sipi dropped SIPI 0x08 from CPU 0: the first one is lost`. */
function decisionWords(event: DecisionEvent, authors: readonly string[]): string {
  const author = authors[event.author] ?? `policy ${event.author}`;
  const { source, decision, reason, delayNs = 0, toCpu, toVector = 0 } = event;
  const what = `${ipiWords(event)}${source === null ? '' : ` from CPU ${source}`}`;
  const why = reason === '' ? '' : `: ${reason}`;
  if (decision === 'delay') return `${author} delayed ${what} by ${formatTime(delayNs)}${why}`;
  if (decision === 'redirect') return `${author} sent ${what} to CPU ${toCpu}, vector ${hex(toVector)}${why}`;
  return `${author} ${DONE[decision] ?? decision} ${what}${why}`;
}

function policyWords(event: PolicyEvent, authors: readonly string[]): string {
  const { act, text, verdict, runNs = 0, periodNs = 0, count = 0 } = event;
  const author = authors[event.author] ?? `policy ${event.author}`;
  const said = text === '' ? '' : `: ${text}`;
  switch (act) {
    case 'verdict':
      return `${author} says ${verdict}${said}`;
    case 'duty-cycle':
      return `${author} lets it run ${formatTime(runNs)} of each ${formatTime(periodNs)}${said}`;
    case 'silenced':
      return `${author} said too much: ${count} texts left out so far`;
    default:
      return `${author} ${act}${said}`;
  }
}

const POINTS: Record<PausePoint['on'], string> = {
  init: 'INIT',
  sipi: 'SIPI',
  'first-instruction': 'first instruction',
  'triple-fault': 'triple fault',
  'state-change': 'state change',
};

export function pointName(on: PausePoint['on']): string {
  return POINTS[on];
}

const HAPPENED: Record<PausePoint['on'], string> = {
  init: 'received an INIT',
  sipi: 'received a SIPI',
  'first-instruction': 'is about to execute its first instruction',
  'triple-fault': 'has shut down by a triple fault',
  'state-change': 'changed its MP state',
};

export function pauseWords(reason: PauseReason | null): string {
  if (reason === null || reason.why === 'asked') return 'Paused.';
  if (reason.why === 'step') return `Paused after a step of CPU ${reason.cpu}.`;
  if (reason.why === 'debugger') return `Paused by a debugger at CPU ${reason.cpu}.`;
  return `Paused: CPU ${reason.cpu} ${HAPPENED[reason.point.on]}.`;
}

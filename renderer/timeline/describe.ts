/** Event records in words: for the tooltip, the table, the search and screen readers. */
import {
  DEVICE_FAULTS,
  Decision,
  EventKind,
  IPI_DERIVED,
  IPI_RELEASED,
  IpiMode,
  MachineChange,
  NO_CPU,
  decisionName,
  ipiModeName,
  machineChangeName,
} from '../../preload/contract/events';
import { exitName } from '../../preload/contract/exit-reasons';
import { KEY_NAMES } from '../../preload/contract/keys';
import { inputBytes, quotedInput } from '../../preload/contract/serial-input';
import { MpState, mpStateName } from '../../preload/contract/mp-state';
import { portName } from '../../preload/contract/ports';
import { formatCpus } from './cpu-ranges';
import { authorName, decisionWord, describeDecision, describePolicy, whyOf } from './describe-policy';
import type { EventLog } from './event-log';

/** Categories to filter by. */
export const CATEGORIES = [
  'state',
  'init',
  'sipi',
  'nmi',
  'fixed',
  'policy',
  'machine',
  'serial',
  'post',
  'exit',
  'unclaimed',
  'lost',
] as const;
export type Category = (typeof CATEGORIES)[number];

export const CATEGORY_WORDS: Record<Category, string> = {
  state: 'MP states',
  init: 'INIT',
  sipi: 'SIPI',
  nmi: 'NMI, SMI',
  fixed: 'Fixed IPIs',
  policy: 'Policies',
  machine: 'Machine',
  serial: 'Serial ports',
  post: 'POST codes',
  exit: 'Exits',
  unclaimed: 'Unclaimed accesses',
  lost: 'Losses',
};

const STATE_WORDS: Record<number, string> = {
  [MpState.UNINITIALIZED]: 'waiting for INIT',
  [MpState.INIT_RECEIVED]: 'waiting for SIPI',
  [MpState.SIPI_RECEIVED]: 'SIPI received',
  [MpState.RUNNABLE]: 'running',
  [MpState.HALTED]: 'halted',
};

export function stateWords(state: number): string {
  return STATE_WORDS[state] ?? stateName(state);
}

export interface Description {
  time: number;
  /** The CPU it belongs to, as text; empty: none. */
  cpu: string;
  /** A sentence without its time and CPU. */
  text: string;
  /** All that the record says. */
  fields: [name: string, value: string][];
}

export function category(log: EventLog, record: number): Category {
  switch (log.kind(record)) {
    case EventKind.MP_STATE:
      return 'state';
    case EventKind.IPI:
      return ipiCategory(log, record);
    case EventKind.EXIT:
      return 'exit';
    case EventKind.SERIAL_LINE:
    case EventKind.SERIAL_INPUT:
      return 'serial';
    case EventKind.POST:
      return 'post';
    case EventKind.UNCLAIMED:
      return 'unclaimed';
    case EventKind.LOST:
    case EventKind.SERIAL_LOST:
      return 'lost';
    case EventKind.TEXT:
    case EventKind.POLICY:
    case EventKind.DECISION:
      return 'policy';
    default:
      return 'machine';
  }
}

function ipiCategory(log: EventLog, record: number): Category {
  const decision = log.payload(record, 1) & 0xff;
  if (decision !== Decision.DELIVER && decision !== Decision.IGNORED) return 'policy';
  switch ((log.payload(record, 0) >>> 8) & 0xff) {
    case IpiMode.INIT:
    case IpiMode.INIT_DEASSERT:
      return 'init';
    case IpiMode.SIPI:
      return 'sipi';
    case IpiMode.NMI:
    case IpiMode.SMI:
      return 'nmi';
    default:
      return 'fixed';
  }
}

export function describe(log: EventLog, record: number): Description {
  const cpu = log.cpu(record);
  const { text, fields } = content(log, record);
  return {
    time: log.time(record),
    cpu: cpu === NO_CPU ? '' : String(cpu),
    text,
    fields: [...fields, ['record', String(record)]],
  };
}

type Content = Pick<Description, 'text' | 'fields'>;

function content(log: EventLog, record: number): Content {
  const word = (n: number): number => log.payload(record, n);
  switch (log.kind(record)) {
    case EventKind.MP_STATE:
      return mpState(word(0), word(1), word(2) !== 0, word(3));
    case EventKind.IPI:
      return ipi(log, record);
    case EventKind.EXIT:
      return {
        text: `${word(1)} ${word(1) === 1 ? 'exit' : 'exits'}: ${exitName(word(0))}`,
        fields: [
          ['reason', exitName(word(0))],
          ['count', String(word(1))],
        ],
      };
    case EventKind.SERIAL_LINE:
      return {
        text: `a line on ${portName(word(0))}`,
        fields: [
          ['port', portName(word(0))],
          ['ends at byte', String(word(1))],
        ],
      };
    case EventKind.SERIAL_LOST:
      return {
        text: `${word(1)} bytes of ${portName(word(0))} had no receiver`,
        fields: [
          ['port', portName(word(0))],
          ['bytes', String(word(1))],
        ],
      };
    case EventKind.SERIAL_INPUT:
      return serialInput(log, record);
    case EventKind.KEY:
      return key(KEY_NAMES.get(word(0)) ?? hex(word(0), 2), word(2) !== 0, word(1));
    case EventKind.POWER_BUTTON:
      return { text: 'the power button was pressed', fields: positionField(word(1)) };
    case EventKind.MACHINE:
      return {
        text: `machine ${machineChangeName(word(0))}`,
        fields:
          word(0) === MachineChange.STARTED
            ? [['host clock', `${word(1) + word(2) * 2 ** 32} ns`]]
            : [['change', machineChangeName(word(0))]],
      };
    case EventKind.LOST:
      return { text: `${word(0)} records lost: the ring was full`, fields: [['count', String(word(0))]] };
    case EventKind.POST:
      return { text: `POST code ${hex(word(0), 2)}`, fields: [['code', hex(word(0), 2)]] };
    case EventKind.DEVICE_FAULT: {
      const fault = DEVICE_FAULTS[word(1) - 1] ?? 'unknown';
      return {
        text: `PCI device ${word(0)}: ${fault}`,
        fields: [
          ['device', String(word(0))],
          ['fault', fault],
        ],
      };
    }
    case EventKind.UNCLAIMED: {
      const space = word(0) === 0 ? 'port' : 'memory';
      const address = hex(word(1) + word(2) * 2 ** 32, 4);
      const access = word(3) === 0 ? 'read' : 'write';
      return {
        text: `${access} of ${space} ${address}, where no device is`,
        fields: [
          ['space', space],
          ['address', address],
          ['access', access],
        ],
      };
    }
    case EventKind.POLICY:
      return describePolicy(log, record);
    case EventKind.DECISION:
      return describeDecision(log, record, ipiName((word(0) >>> 16) & 0xff, word(1) >>> 16));
    case EventKind.TEXT:
      return { text: 'a piece of a text that other records name', fields: [] };
    default:
      return { text: `event of kind ${log.kind(record)}`, fields: [] };
  }
}

function serialInput(log: EventLog, record: number): Content {
  const word = (n: number): number => log.payload(record, n);
  const port = portName(word(0) & 0xff);
  const bytes = quotedInput(inputBytes([word(0), word(1), word(2), word(3), word(4)]));
  const fields: Content['fields'] = [['port', port], ['bytes', bytes], ...positionField(word(1))];
  return { text: `input of ${port}: ${bytes}`, fields };
}

function key(name: string, down: boolean, position: number): Content {
  const way = down ? 'down' : 'up';
  return { text: `key ${name} ${way}`, fields: [['key', name], ['way', way], ...positionField(position)] };
}

/** Of input, where CPUs take turns. */
function positionField(position: number): Content['fields'] {
  return position === 0 ? [] : [['position', hex(position, 8)]];
}

function mpState(from: number, to: number, derived: boolean, vector: number): Content {
  const fields: Content['fields'] = [
    ['from', stateName(from)],
    ['to', stateName(to)],
  ];
  if (vector <= 0xff) fields.push(['vector', hex(vector, 2)], ['starts at', hex(vector * 0x1000, 5)]);
  if (derived) fields.push(['derived', 'concluded, not seen']);
  return { text: `${stateName(from)} to ${stateName(to)}`, fields };
}

function ipi(log: EventLog, record: number): Content {
  const what = log.payload(record, 0);
  const mode = (what >>> 8) & 0xff;
  const vector = what & 0xff;
  const decided = log.payload(record, 1);
  const decision = decided & 0xff;
  const author = decided >>> 8;
  const released = (what & IPI_RELEASED) !== 0;
  const name = ipiName(mode, vector);
  const targets = formatCpus(recordTargets(log, record));
  const fields: Content['fields'] = [
    ['mode', ipiModeName(mode)],
    ['targets', targets],
    ['decision', decisionName(decision)],
  ];
  if (mode !== IpiMode.INIT) fields.splice(1, 0, ['vector', hex(vector, 2)]);
  if (author !== 0) fields.push(['by', authorName(log, author)]);
  if (decision !== Decision.DELIVER && decision !== Decision.IGNORED) fields.push(...whyOf(log, record, author));
  if (released) fields.push(['released', 'a policy had held it back']);
  if ((what & IPI_DERIVED) !== 0) fields.push(['derived', 'concluded, not seen']);
  const outcome = outcomeWords(log, decision, author, released);
  return { text: `${name} to CPU ${targets}${outcome === '' ? '' : `: ${outcome}`}`, fields };
}

function outcomeWords(log: EventLog, decision: number, author: number, released: boolean): string {
  const by = author === 0 ? '' : ` by ${authorName(log, author)}`;
  if (decision === Decision.IGNORED) return `ignored${released ? ', after it was held back' : ''}`;
  if (decision !== Decision.DELIVER) return `${decisionWord(decision)}${by}`;
  if (released) return `released${by}`;
  return by === '' ? '' : `sent${by}`;
}

/** `SIPI 0x08 lost by drop-sipi`: what stands beside an arrow that a policy has touched. */
export function decisionLabel(log: EventLog, record: number): string {
  const what = log.payload(record, 0);
  const decided = log.payload(record, 1);
  const author = decided >>> 8;
  const name = ipiName((what >>> 8) & 0xff, what & 0xff);
  return `${name} ${decisionWord(decided & 0xff)}${author === 0 ? '' : ` by ${authorName(log, author)}`}`;
}

function ipiName(mode: number, vector: number): string {
  if (mode === IpiMode.INIT) return 'INIT';
  const name =
    mode === IpiMode.SIPI || mode === IpiMode.NMI || mode === IpiMode.SMI
      ? ipiModeName(mode).toUpperCase()
      : `${ipiModeName(mode)} IPI`;
  return `${name} ${hex(vector, 2)}`;
}

/** The CPUs that an IPI record goes to, ascending. */
export function recordTargets(log: EventLog, record: number): number[] {
  const targets: number[] = [];
  const first = log.payload(record, 2);
  for (let bit = 0; bit < 64; bit++) {
    if ((log.payload(record, 3 + (bit >> 5)) >>> (bit & 31)) & 1) targets.push(first + bit);
  }
  return targets;
}

function stateName(state: number): string {
  return state <= 8 ? mpStateName(state) : `state ${state}`;
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

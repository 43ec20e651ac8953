/**
 * The event stream as objects: what `--events` writes, one a line, and what models and traces are made from.
 * The records behind it are in preload/contract/events.ts.
 */
import {
  Decision,
  EventKind,
  IPI_ADDRESSED,
  IPI_DERIVED,
  IPI_LOGICAL,
  IPI_RELEASED,
  MachineChange,
  PolicyAct,
  type EventRecord,
  NO_CPU,
  DEVICE_FAULTS,
  type DeviceFaultName,
  UNCLAIMED_SPACES,
  type UnclaimedSpace,
  VERDICTS,
  decisionName,
  decodeEvents,
  ipiModeName,
  ipiTargets,
  machineChangeName,
  policyActName,
} from './events';
import { type MpStateName, mpStateName } from './mp-state';
import { exitName } from './exit-reasons';
import { KEY_NAMES } from './keys';
import { bytesToHex, inputBytes } from './serial-input';
import { TextTable } from './text-records';

interface Base {
  /** Nanoseconds of machine time. */
  t: number;
  /** The CPU it belongs to; null: none, or not known. */
  cpu: number | null;
}

export interface MpStateEvent extends Base {
  kind: 'mp-state';
  cpu: number;
  from: MpStateName;
  to: MpStateName;
  /** Of the SIPI behind the change; left out where there is none. */
  vector?: number;
  /** Concluded from what the accelerator shows, not seen. */
  derived: boolean;
}

export interface IpiEvent extends Base {
  kind: 'ipi';
  /** Its sender, also in `cpu`; null where the sender cannot be seen. */
  source: number | null;
  targets: number[];
  /** As the ICR has it, of one that no CPU receives: a physical one is an APIC id. Shorthands have none. */
  destination?: number;
  /** Whether that is a logical destination instead of an APIC id. */
  logical?: boolean;
  mode: string;
  vector: number;
  decision: string;
  /** The policy that decided so, or sent it, by number; left out where it is the machine itself. */
  author?: number;
  /** A policy had held it back, and its sending is an event before this one. */
  released?: boolean;
  derived: boolean;
}

/** A policy has sent it, and no CPU. */
export function isPolicysOwn({ source, author, derived }: Pick<IpiEvent, 'source' | 'author' | 'derived'>): boolean {
  return source === null && author !== undefined && !derived;
}

/** Why an INIT or SIPI to a CPU did not simply arrive. */
export interface DecisionEvent extends Base {
  kind: 'decision';
  /** The CPU that it was for. */
  cpu: number;
  author: number;
  decision: string;
  mode: string;
  source: number | null;
  vector: number;
  /** What would have happened without it. */
  otherwise: 'deliver' | 'ignored';
  reason: string;
  /** Of a delay. */
  delayNs?: number;
  /** Of a redirection. */
  toCpu?: number;
  toVector?: number;
}

/** A policy did something else than decide. */
export interface PolicyEvent extends Base {
  kind: 'policy';
  author: number;
  /** `loaded`, `mark`, … (PolicyAct). */
  act: string;
  text: string;
  /** Of a verdict. */
  verdict?: string;
  /** Of a duty cycle. */
  runNs?: number;
  periodNs?: number;
  /** Of `silenced` and `discard`. */
  count?: number;
  /** Of `command` and `reloaded`, as of serial input. */
  position?: number;
}

/** A serial port's receiver was given bytes of the host's, 12 at most: more are several events. */
export interface SerialInputEvent extends Base {
  kind: 'serial-input';
  port: number;
  /** In hexadecimal, two digits a byte. */
  bytes: string;
  /** Where CPUs take turns: between which two rounds of the time `t`, as the state of the generator that varies turns. */
  position?: number;
}

/** A key of the keyboard went down or up; `code` as a window names it (KeyboardEvent.code). */
export interface KeyEvent extends Base {
  kind: 'key';
  code: string;
  down: boolean;
  /** As of serial input. */
  position?: number;
}

export interface PowerButtonEvent extends Base {
  kind: 'power-button';
  /** As of serial input. */
  position?: number;
}

export type MachineEvent =
  | MpStateEvent
  | IpiEvent
  | DecisionEvent
  | PolicyEvent
  | (Base & { kind: 'exit'; reason: string; count: number })
  /** `end`: where the line ends in what the port has said, in bytes. */
  | (Base & { kind: 'serial-line'; port: number; end: number })
  | (Base & { kind: 'serial-lost'; port: number; count: number })
  | SerialInputEvent
  | KeyEvent
  | PowerButtonEvent
  /** `monotonicNs`, of `started` only: the host's CLOCK_MONOTONIC at machine time 0. */
  | (Base & { kind: 'machine'; change: string; monotonicNs?: number })
  | (Base & { kind: 'lost'; count: number })
  | (Base & { kind: 'post'; code: number })
  /** `device`: its number on PCI bus 0. */
  | (Base & { kind: 'device-fault'; device: number; fault: DeviceFaultName })
  | (Base & { kind: 'unclaimed'; space: UnclaimedSpace; address: number; write: boolean });

const GROUP = 64;
const MAX_VECTOR = 0xff;
const US = 1000;

/**
 * Decodes batches. One write to the ICR is one event, also where its targets fill several records (one for each group
 * of 64 CPUs), and even where those arrive in two batches: a record that may go on is held until the next one shows.
 */
export class MachineEventDecoder {
  readonly #cpus: number;
  readonly #texts: TextTable;
  #held: { event: IpiEvent; group: number } | null = null;
  #records = 0;

  /**
   * `cpus`: how many the machine has, which tells whether an IPI can have targets in a further group. `texts`: of a reader who
   * has read the records before.
   */
  constructor(cpus: number, texts = new TextTable()) {
    this.#cpus = cpus;
    this.#texts = texts;
  }

  /** Records decoded so far. */
  get records(): number {
    return this.#records;
  }

  *decode(batch: ArrayBuffer): Generator<MachineEvent> {
    for (const record of decodeEvents(batch)) {
      this.#records++;
      if (record.kind === EventKind.TEXT) this.#texts.add(record.payload);
      const event = decodeRecord(record, this.#texts);
      if (event === null) continue;
      if (event.kind === 'ipi') {
        yield* this.#join(event, record.payload[2]);
      } else {
        yield* this.end();
        yield event;
      }
    }
  }

  /** What is still held; to be called after the last batch. */
  *end(): Generator<MachineEvent> {
    if (this.#held !== null) yield this.#held.event;
    this.#held = null;
  }

  *#join(event: IpiEvent, group: number): Generator<MachineEvent> {
    if (event.targets.length === 0) {
      yield* this.end();
      yield event;
      return;
    }
    const held = this.#held;
    if (held !== null && group > held.group && sameWrite(held.event, event)) {
      held.event.targets.push(...event.targets);
      held.group = group;
    } else {
      yield* this.end();
      this.#held = { event, group };
    }
    if (group + GROUP >= this.#cpus) yield* this.end();
  }
}

function sameWrite(a: IpiEvent, b: IpiEvent): boolean {
  return (
    a.t === b.t &&
    a.source === b.source &&
    a.mode === b.mode &&
    a.vector === b.vector &&
    a.decision === b.decision &&
    a.author === b.author &&
    a.released === b.released &&
    a.derived === b.derived
  );
}

/**
 * A record by itself, with the targets that it names; null for a kind that this version does not know. `texts`: those of its
 * stream, without which a text is shown by its id.
 */
export function decodeRecord(record: EventRecord, texts = new TextTable()): MachineEvent | null {
  const t = record.time;
  const cpu = record.cpu === NO_CPU ? null : record.cpu;
  const p = record.payload;
  switch (record.kind) {
    case EventKind.MP_STATE:
      return {
        t,
        cpu: record.cpu,
        kind: 'mp-state',
        from: mpStateName(p[0]),
        to: mpStateName(p[1]),
        ...(p[3] <= MAX_VECTOR ? { vector: p[3] } : {}),
        derived: p[2] !== 0,
      };
    case EventKind.IPI:
      return {
        t,
        cpu,
        kind: 'ipi',
        source: cpu,
        targets: ipiTargets(p),
        ...((p[0] & IPI_ADDRESSED) !== 0 && {
          destination: (p[0] >>> 24) + p[2] * 256,
          logical: (p[0] & IPI_LOGICAL) !== 0,
        }),
        mode: ipiModeName((p[0] >>> 8) & 0xff),
        vector: p[0] & 0xff,
        decision: decisionName(p[1] & 0xff),
        ...(p[1] >>> 8 === 0 ? {} : { author: p[1] >>> 8 }),
        ...((p[0] & IPI_RELEASED) !== 0 && { released: true }),
        derived: (p[0] & IPI_DERIVED) !== 0,
      };
    case EventKind.DECISION:
      return decodeDecision(record, texts);
    case EventKind.POLICY:
      return decodePolicy(record, texts);
    case EventKind.EXIT:
      return { t, cpu, kind: 'exit', reason: exitName(p[0]), count: p[1] };
    case EventKind.SERIAL_LINE:
      return { t, cpu, kind: 'serial-line', port: p[0], end: p[1] };
    case EventKind.SERIAL_LOST:
      return { t, cpu, kind: 'serial-lost', port: p[0], count: p[1] };
    case EventKind.SERIAL_INPUT:
      return {
        t,
        cpu,
        kind: 'serial-input',
        port: p[0] & 0xff,
        bytes: bytesToHex(inputBytes(p)),
        ...positionOf(p[1]),
      };
    case EventKind.KEY:
      return {
        t,
        cpu,
        kind: 'key',
        code: KEY_NAMES.get(p[0]) ?? 'Unidentified',
        down: p[2] !== 0,
        ...positionOf(p[1]),
      };
    case EventKind.POWER_BUTTON:
      return { t, cpu, kind: 'power-button', ...positionOf(p[1]) };
    case EventKind.MACHINE: {
      const change = machineChangeName(p[0]);
      const event = { t, cpu, kind: 'machine', change } as const;
      return p[0] === MachineChange.STARTED ? { ...event, monotonicNs: p[1] + p[2] * 2 ** 32 } : event;
    }
    case EventKind.LOST:
      return { t, cpu, kind: 'lost', count: p[0] };
    case EventKind.POST:
      return { t, cpu, kind: 'post', code: p[0] };
    case EventKind.DEVICE_FAULT:
      return { t, cpu, kind: 'device-fault', device: p[0], fault: DEVICE_FAULTS[p[1] - 1] ?? 'request' };
    case EventKind.UNCLAIMED:
      return {
        t,
        cpu,
        kind: 'unclaimed',
        space: UNCLAIMED_SPACES[p[0]] ?? 'memory',
        address: p[1] + p[2] * 2 ** 32,
        write: p[3] !== 0,
      };
    default:
      return null;
  }
}

/** Left out where CPUs do not take turns. */
function positionOf(word: number): { position?: number } {
  return word === 0 ? {} : { position: word };
}

function decodeDecision({ time, cpu, payload: p }: EventRecord, texts: TextTable): DecisionEvent {
  const decision = (p[0] >>> 8) & 0xff;
  const source = p[1] & 0xffff;
  return {
    t: time,
    cpu,
    kind: 'decision',
    author: p[0] & 0xff,
    decision: decisionName(decision),
    mode: ipiModeName((p[0] >>> 16) & 0xff),
    source: source === NO_CPU ? null : source,
    vector: p[1] >>> 16,
    otherwise: p[0] >>> 24 === 0 ? 'deliver' : 'ignored',
    reason: texts.get(p[2]),
    ...(decision === Decision.DELAY && { delayNs: p[3] + p[4] * 2 ** 32 }),
    ...(decision === Decision.REDIRECT && { toCpu: p[3], toVector: p[4] }),
  };
}

function decodePolicy({ time, cpu, payload: p }: EventRecord, texts: TextTable): PolicyEvent {
  const act = p[0] >>> 8;
  return {
    t: time,
    cpu: cpu === NO_CPU ? null : cpu,
    kind: 'policy',
    author: p[0] & 0xff,
    act: policyActName(act),
    text: texts.get(p[1]),
    ...(act === PolicyAct.VERDICT && { verdict: VERDICTS[p[2]] ?? `verdict-${p[2]}` }),
    ...(act === PolicyAct.DUTY_CYCLE && { runNs: p[2] * US, periodNs: p[3] * US }),
    ...((act === PolicyAct.SILENCED || act === PolicyAct.DISCARD) && { count: p[2] }),
    ...((act === PolicyAct.COMMAND || act === PolicyAct.RELOADED) && positionOf(p[2])),
  };
}

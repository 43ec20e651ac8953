/** Events back into records: what MachineEventDecoder makes of records, the other way round. */
import {
  EVENT_WORDS,
  EventKind,
  IPI_ADDRESSED,
  IPI_DERIVED,
  IPI_LOGICAL,
  IPI_RELEASED,
  NO_CPU,
  VERDICTS,
  decisionName,
  ipiModeName,
  machineChangeName,
  policyActName,
  DEVICE_FAULTS,
  UNCLAIMED_SPACES,
} from '../../preload/contract/events';
import { EXIT_REASONS, exitName } from '../../preload/contract/exit-reasons';
import { SCAN_CODES } from '../../preload/contract/keys';
import { hexToBytes, inputPayloads } from '../../preload/contract/serial-input';
import { textPayloads } from '../../preload/contract/text-records';
import { mpStateName } from '../../preload/contract/mp-state';
import type { DecisionEvent, IpiEvent, MachineEvent, PolicyEvent } from '../../preload/contract/machine-events';

const MP_STATES = 9;
const NO_VECTOR = 0xffffffff;
const GROUP = 64;
const INITIAL_RECORDS = 1024;

const numbers = (count: number, name: (n: number) => string): Map<string, number> =>
  new Map(Array.from({ length: count }, (_, n) => [name(n), n]));

/** Numbers by name, of all names that a decoder can give. */
export const NUMBERS = {
  mpState: numbers(MP_STATES, mpStateName),
  ipiMode: numbers(256, ipiModeName),
  decision: numbers(256, decisionName),
  change: numbers(256, machineChangeName),
  policyAct: numbers(256, policyActName),
  exit: numbers(EXIT_REASONS, exitName),
} as const;

export class EventRecordWriter {
  #words = new Uint32Array(INITIAL_RECORDS * EVENT_WORDS);
  #length = 0;
  readonly #texts = new Map<string, number>();

  /** Records written so far. */
  get length(): number {
    return this.#length;
  }

  /** An event whose names are all in NUMBERS, and whose numbers fit their fields. */
  add(event: MachineEvent): void {
    switch (event.kind) {
      case 'mp-state': {
        const { from, to, derived, vector = NO_VECTOR } = event;
        return this.#write(
          event,
          EventKind.MP_STATE,
          number('mpState', from),
          number('mpState', to),
          Number(derived),
          vector,
        );
      }
      case 'ipi':
        return this.#ipi(event);
      case 'decision':
        return this.#decision(event);
      case 'policy':
        return this.#policy(event);
      case 'exit':
        return this.#write(event, EventKind.EXIT, number('exit', event.reason), event.count);
      case 'serial-line':
        return this.#write(event, EventKind.SERIAL_LINE, event.port, event.end);
      case 'serial-lost':
        return this.#write(event, EventKind.SERIAL_LOST, event.port, event.count);
      case 'serial-input': {
        const { port, bytes, position = 0 } = event;
        for (const payload of inputPayloads(port, position, hexToBytes(bytes)))
          this.#write(event, EventKind.SERIAL_INPUT, ...payload);
        return;
      }
      case 'key':
        return this.#write(
          event,
          EventKind.KEY,
          SCAN_CODES.get(event.code) ?? 0,
          event.position ?? 0,
          Number(event.down),
        );
      case 'power-button':
        return this.#write(event, EventKind.POWER_BUTTON, 0, event.position ?? 0);
      case 'machine': {
        const at = event.monotonicNs ?? 0;
        return this.#write(event, EventKind.MACHINE, number('change', event.change), at, at / 2 ** 32);
      }
      case 'lost':
        return this.#write(event, EventKind.LOST, event.count);
      case 'post':
        return this.#write(event, EventKind.POST, event.code);
      case 'device-fault':
        return this.#write(event, EventKind.DEVICE_FAULT, event.device, DEVICE_FAULTS.indexOf(event.fault) + 1);
      case 'unclaimed': {
        const { space, address, write } = event;
        return this.#write(
          event,
          EventKind.UNCLAIMED,
          UNCLAIMED_SPACES.indexOf(space),
          address,
          address / 2 ** 32,
          Number(write),
        );
      }
    }
  }

  /** All records, in the order of their events. */
  take(): ArrayBuffer {
    return this.#words.slice(0, this.#length * EVENT_WORDS).buffer;
  }

  #decision(event: DecisionEvent): void {
    const { author, decision, mode, source, vector, otherwise, reason, delayNs = 0, toCpu, toVector } = event;
    const id = this.#text(event.t, reason);
    const decided = author | (number('decision', decision) << 8) | (number('ipiMode', mode) << 16);
    this.#write(
      event,
      EventKind.DECISION,
      decided | (otherwise === 'ignored' ? 1 << 24 : 0),
      (source ?? NO_CPU) | (vector << 16),
      id,
      toCpu ?? delayNs,
      toVector ?? delayNs / 2 ** 32,
    );
  }

  #policy(event: PolicyEvent): void {
    const { author, act, text, verdict, runNs = 0, periodNs = 0, count = 0, position = 0 } = event;
    const id = this.#text(event.t, text);
    const first =
      verdict === undefined ? runNs / 1000 || count || position : VERDICTS.findIndex((name) => name === verdict);
    this.#write(event, EventKind.POLICY, author | (number('policyAct', act) << 8), id, first, periodNs / 1000);
  }

  /** The id of a text, whose records are written where it is new. */
  #text(t: number, text: string): number {
    if (text === '') return 0;
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const id = this.#texts.size + 1;
    this.#texts.set(text, id);
    for (const payload of textPayloads(id, text)) this.#write({ t, cpu: null }, EventKind.TEXT, ...payload);
    return id;
  }

  /** A record for each group of 64 CPUs that has targets. */
  #ipi(event: IpiEvent): void {
    const what = event.vector | (number('ipiMode', event.mode) << 8) | flagsOf(event);
    const decided = number('decision', event.decision) | ((event.author ?? 0) << 8);
    if (event.targets.length === 0) {
      this.#write(event, EventKind.IPI, what | addressOf(event), decided, (event.destination ?? 0) >>> 8);
    }
    const targets = event.targets.toSorted((a, b) => a - b);
    for (let n = 0; n < targets.length;) {
      const first = targets[n] - (targets[n] % GROUP);
      const bits = [0, 0];
      for (; n < targets.length && targets[n] < first + GROUP; n++)
        bits[(targets[n] >> 5) & 1] |= 1 << (targets[n] & 31);
      this.#write(event, EventKind.IPI, what, decided, first, bits[0], bits[1]);
    }
  }

  #write({ t, cpu }: Pick<MachineEvent, 't' | 'cpu'>, kind: number, p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0): void {
    const at = this.#length++ * EVENT_WORDS;
    if (at === this.#words.length) {
      const larger = new Uint32Array(at * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words.set([t, t / 2 ** 32, kind | ((cpu ?? NO_CPU) << 16), p0, p1, p2, p3, p4], at);
  }
}

function flagsOf({ derived, released }: IpiEvent): number {
  return (derived ? IPI_DERIVED : 0) | (released === true ? IPI_RELEASED : 0);
}

/** Where it was sent, of an IPI that nobody received. */
function addressOf({ destination, logical }: IpiEvent): number {
  if (destination === undefined) return 0;
  return IPI_ADDRESSED | (logical === true ? IPI_LOGICAL : 0) | (destination << 24);
}

function number(of: keyof typeof NUMBERS, name: string): number {
  const found = NUMBERS[of].get(name);
  if (found === undefined) throw new RangeError(`${name} is not a name of ${of}`);
  return found;
}

/** What decides about a machine's IPIs, as the machine sees it, and the machine as that sees it. */
import type { Options, Verdict } from '../../plugins/api/index';
import type { Decision, IpiMode } from '../../preload/contract/events';
import type { MpState } from '../../preload/contract/mp-state';
import type { PolicySandbox } from './policy';
import type { EventSink } from './policy-log';

/** What decides in a machine: its policies, or a recording of what they decided. */
export interface MachineEngine {
  /** Before the first instruction. */
  start(): void;
  /** Machine time in ns at which `expire` has something to do; Infinity: it has not. */
  readonly deadline: number;
  /** Does what is due by `now`, in the order of time; `now` is the machine’s time where it is not given. */
  expire(now?: number): void;
  /** `time`: when it happened, in ns of machine time. */
  observe(observation: Observation, time: number): void;
  /** `position`: where CPUs take turns, between which two rounds (events.ts, SERIAL_INPUT). */
  order(order: EngineOrder, position: number): void;
  /** Does what was ordered at this time and position of a recorded run; true where something was. */
  ordered(position: number): boolean;
  /** Some IPIs were delivered without a question, since the queue had no room for them. */
  overrun(count: number): void;
}

/** What the engine can do to its machine. */
export interface Steering {
  readonly now: number;
  readonly events: EventSink;
  state(cpu: number): MpState;
  /** Whether the CPU would take it as it is now. */
  takes(cpu: number, mode: IpiMode): boolean;
  arrive(
    mode: IpiMode,
    source: number,
    cpus: readonly number[],
    vector: number,
    author: number,
    released: boolean,
  ): void;
  withhold(
    mode: IpiMode,
    source: number,
    cpus: readonly number[],
    vector: number,
    decision: Decision,
    author: number,
  ): void;
  /** What was withheld for now never arrives. */
  lose(mode: IpiMode, cpu: number): void;
  /** Sends an NMI, or where KVM has the local APICs a SIPI. */
  send(mode: IpiMode, cpu: number, vector: number, author: number): void;
  suspend(cpu: number, suspended: boolean): void;
  /** What policies want to be told of from now on. */
  want(wants: MachineWants): void;
  /** Ends the machine. */
  end(author: number): void;
}

export interface MachineWants {
  init: boolean;
  sipi: boolean;
  icrWrite: boolean;
  mpState: boolean;
  /** Ports, 0 for COM1. */
  serial: number[];
}

/** What the engine tells the machine thread. */
export type EngineNews =
  | { news: 'verdict'; author: number; verdict: Verdict; reason: string }
  | { news: 'fault'; author: number; fault: string }
  | { news: 'told'; author: number; data: string }
  | { news: 'answer'; id: number; text: string };

/** Something that a policy may want to be told of, as the machine's queue has it. */
export type Observation =
  | { about: 'start-up'; mode: IpiMode; source: number; targets: number[]; vector: number }
  | { about: 'icr-write'; mode: IpiMode; source: number; targets: number[]; vector: number }
  | { about: 'mp-state'; cpu: number; from: MpState; to: MpState }
  | { about: 'serial'; port: number; line: string };

/** Of the machine thread: what a person wants of a policy. */
export type EngineOrder =
  | { order: 'command'; id: number; author: number; command: string; args: Options }
  | { order: 'reload'; author: number; sandbox: PolicySandbox; options: Options };

/**
 * What the policy engine asks a sandbox, and what it answers: plain data, as JSON through a mailbox (mailbox.ts). Every
 * request has one answer. An answer comes from a plugin that nobody vouches for: `checkAnswer` (answers.ts) is its door.
 */
import type { Configuration, Cpu, Options, Outcome, Verdict } from '../../plugins/api/index';
import type { IpiMode } from '../../preload/contract/events';
import type { MpState as MpStateCode } from '../../preload/contract/mp-state';

/** What a sandbox knows of its machine from its beginning. */
export interface MachineFacts {
  cpus: Cpu[];
  bsp: number;
  accelerator: 'kvm' | 'wasm';
  irqchip: 'exact' | 'kernel' | 'split';
  /** Of the policy's random numbers: made of the machine's seed and the policy's place. */
  seed: number;
}

/** Of every request but `configure`: machine time in ns, and the MP state of each CPU, in hexadecimal digits, CPU 0 first. */
interface Moment {
  now: number;
  states: string;
}

export type SandboxRequest =
  | { ask: 'configure'; configuration: Configuration; seed: number }
  | (Moment & { ask: 'start'; facts: MachineFacts })
  /** An INIT or SIPI on its way. `counts` are of the targets, in their order. */
  | (Moment & {
      ask: 'init' | 'sipi';
      source: number | null;
      vector: number;
      targets: number[];
      counts: number[];
    })
  | (Moment & { ask: 'icr-write'; source: number; mode: IpiMode; vector: number; targets: number[] })
  | (Moment & { ask: 'mp-state'; cpu: number; from: MpStateCode; to: MpStateCode })
  /** `port`: 0 for COM1. */
  | (Moment & { ask: 'serial'; port: number; line: string })
  | (Moment & { ask: 'timer'; timer: number })
  | (Moment & { ask: 'command'; command: string; args: Options })
  | (Moment & { ask: 'ended'; outcome: Outcome });

/** Of what a policy wants to be told; `serial`: the ports, 0 for COM1. */
export interface Wants {
  init: boolean;
  sipi: boolean;
  icrWrite: boolean;
  mpState: boolean;
  serial: number[];
  commands: string[];
  ended: boolean;
}

/** A decision about one target, as the API has it, with the reason always there. */
export type DecisionAnswer =
  | { do: 'deliver'; reason: string }
  | { do: 'delay'; by: number; reason: string }
  | { do: 'hold'; reason: string }
  | { do: 'drop'; reason: string }
  | { do: 'redirect'; cpu: number | null; vector: number | null; reason: string };

/** What a policy did while it was asked, in the order in which it did it. */
export type Action =
  | { act: 'release'; cpu: number; reason: string }
  | { act: 'inject'; mode: 'init' | 'sipi' | 'nmi'; cpu: number; vector: number; reason: string }
  | { act: 'suspend'; cpu: number; reason: string }
  | { act: 'resume'; cpu: number; reason: string }
  | { act: 'duty-cycle'; cpu: number; run: number; period: number; reason: string }
  | { act: 'timer'; timer: number; at: number }
  | { act: 'cancel'; timer: number }
  | { act: 'mark'; text: string; cpu: number | null }
  | { act: 'log'; text: string }
  | { act: 'verdict'; verdict: Verdict; reason: string }
  /** `data`: JSON. */
  | { act: 'tell'; data: string };

export type SandboxAnswer =
  | {
      /** Of `configure`: what is to be different. */
      configuration?: Partial<Configuration>;
      /** Of `start`. */
      wants?: Wants;
      /** Of `init` and `sipi`: one a target. */
      decisions?: DecisionAnswer[];
      /** Of `command`. */
      text?: string;
      actions: Action[];
    }
  /** The plugin failed: what happened, and where, in its own lines. */
  | { fault: string };

/** Most actions in one answer, characters of a reason or mark, of a log line, and of what panels are told. */
export const MAX_ACTIONS = 1000;
export const MAX_REASON = 200;
export const MAX_LOG = 1000;
export const MAX_TOLD = 16384;
/** Timers of one policy that may be pending. */
export const MAX_TIMERS = 1000;
/** Characters of a request or answer. */
export const MAX_MESSAGE = 256 * 1024;

/**
 * What the policy engine asks a sandbox, and what it answers: plain data, through a mailbox (mailbox.ts). Every request has one
 * answer. An answer comes from a plugin that nobody vouches for: `checkAnswer` (answers.ts) is its door.
 *
 * What is asked often goes as numbers (questions.ts), and has its answer in few words, since a policy is to cost little: about an
 * INIT or SIPI decisions come first, one for each target up to the last that is not simply delivered to, as
 *
 *     deliver LENGTH:REASON    hold LENGTH:REASON    drop LENGTH:REASON
 *     delay NS LENGTH:REASON    redirect CPU VECTOR LENGTH:REASON    (a minus for one that stays)
 *
 * with nothing between them. Then, and alone where something else was asked, the rest of a `SandboxAnswer` as JSON, where there is
 * any: that `NOTHING_SAID` is all, is the common case.
 */
import type { Configuration, Cpu, MpState, Options, Outcome, Verdict } from '../../plugins/api/index';
import type { IpiMode } from '../../preload/contract/events';

/** What a sandbox knows of its machine from its beginning. */
export interface MachineFacts {
  cpus: Cpu[];
  bsp: number;
  accelerator: 'kvm' | 'wasm';
  irqchip: 'exact' | 'kernel' | 'split';
  /** Options that are others than they were before the machine was configured. */
  options?: Options;
  /** Of the policy's random numbers: made of the machine's seed and the policy's place. */
  seed: number;
}

export const STATE_NAMES: MpState[] = ['UNINITIALIZED', 'INIT_RECEIVED', 'SIPI_RECEIVED', 'RUNNABLE', 'HALTED'];
export const STATE_INDEX = Object.fromEntries(STATE_NAMES.map((name, index) => [name, index])) as Record<
  MpState,
  number
>;

/** `changed`: CPUs whose MP state is another than the sandbox was told last, by `start` or since. */
export type SandboxRequest = { changed?: { cpu: number; state: MpState }[] } & (
  | { ask: 'configure'; configuration: Configuration; seed: number }
  | { ask: 'start'; now: number; states: MpState[]; facts: MachineFacts }
  /** An INIT or SIPI on its way. `counts` and `states` are of the targets, in their order. */
  | {
      ask: 'init' | 'sipi';
      now: number;
      source: number | null;
      vector: number;
      targets: number[];
      counts: number[];
      states: MpState[];
    }
  | { ask: 'icr-write'; now: number; source: number; mode: IpiMode; vector: number; targets: number[] }
  | { ask: 'mp-state'; now: number; cpu: number; from: MpState; to: MpState }
  /** `port`: 0 for COM1. */
  | { ask: 'serial'; now: number; port: number; line: string }
  | { ask: 'timer'; now: number; timer: number }
  | { ask: 'command'; now: number; command: string; args: Record<string, boolean | number | string | number[]> }
  | { ask: 'ended'; now: number; outcome: Outcome }
);

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
  | { act: 'discard'; cpu: number; reason: string }
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

/** As far as an answer is text: everything is delivered, nothing was done. */
export const NOTHING_SAID = '';

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
/** Characters of a fault with its stack. */
export const MAX_FAULT = 2000;
/** The longest time that a policy may name, in ns: eleven days. */
export const MAX_TIME = 1e15;
/** Timers of one policy that may be pending. */
export const MAX_TIMERS = 1000;
/** Characters of a policy's options, or of a command's arguments, as JSON. */
export const MAX_OPTIONS = 128 * 1024;
/** Characters of a request or answer. */
export const MAX_MESSAGE = 256 * 1024;

/**
 * The plugin API of Reveille, version 1: all that a plugin sees.
 *
 * A plugin is a folder with `reveille-plugin.json` (manifest.ts) and `index.ts`, which exports `policies`: one
 * PolicyDefinition for each policy of the manifest, under its name. A plugin imports types from here and nothing else:
 *
 *     import type { Policies } from 'reveille';
 *
 * It runs in a JavaScript engine of its own (ES2023) without files, network, processes or timers of the host; `Date` and
 * `performance` show machine time, `Math.random` is `Machine.random`. All times are nanoseconds of machine time, all CPUs
 * are indices from 0, all calls are synchronous: a promise that is still pending when a hook returns goes on at the next call.
 *
 * A hook that throws, takes longer than its deadline (50 ms) or needs more than 32 MiB makes its plugin faulty: what it
 * held back is delivered, its hooks are called no more, and the machine goes on.
 */

import type { MpState, OptionValue, Outcome, Verdict } from './values';

/** The version of this API; a manifest names the one that it was written for. */
export type ApiVersion = 1;

/** What `index.ts` exports as `policies`. */
export type Policies = Record<string, PolicyDefinition>;

/** Options as the manifest's schema has checked them, defaults filled in. */
export type Options = Readonly<Record<string, OptionValue>>;

/** A policy as the plugin offers it; each machine that uses it has an engine and a Policy of its own. */
export interface PolicyDefinition {
  /**
   * Before the machine is made: what is to be different in its configuration. Needs the permission `configure`. With several
   * policies each sees what those before it have made of it.
   */
  configure?(configuration: Configuration, options: Options, random: Random): Partial<Configuration> | undefined;
  /** When the machine is about to execute its first instruction, and once more after the plugin's source was changed. */
  start?(machine: Machine, options: Options): Policy;
}

/** What of a machine's configuration a policy may change. */
export interface Configuration {
  /** Number of logical processors; cannot be changed. */
  readonly cpus: number;
  /** The CPU that is the bootstrap processor. */
  bsp: number;
  /** APIC id of each CPU, all different. */
  apicIds: number[];
  /** The order of the CPUs in the MADT and the MP table: each CPU once. */
  tableOrder: number[];
  topology: { sockets: number; cores: number; threads: number };
}

/** A number in [0, 1), from the machine's seed: the same seed gives the same numbers. */
export type Random = () => number;

/** What a policy wants to be asked and told; it is asked only for the hooks that are there. */
export interface Policy {
  /** An INIT is about to reach a CPU. No answer is `deliver`. Needs the permission `start-up`. */
  init?(ipi: StartUpIpi): Decision | undefined | void;
  /** A start-up IPI is about to reach a CPU. No answer is `deliver`. Needs the permission `start-up`. */
  sipi?(ipi: StartUpIpi): Decision | undefined | void;
  /** A CPU has written its interrupt command register: any IPI, INIT and SIPI too. Mode `exact` only. Needs `observe`. */
  icrWrite?(ipi: Ipi): void;
  /** A CPU has changed its MP state. Needs `observe`. */
  mpState?(change: MpStateChange): void;
  /** A serial port has said a line that matches. Needs `serial`. */
  serial?: readonly SerialWatch[];
  /** A person, a panel or a script gives one of the manifest's commands. What it returns is shown. */
  commands?: Readonly<Record<string, (args: Options) => string | undefined | void>>;
  /** The machine has ended. Nothing but `mark`, `log` and `verdict` has an effect any more. */
  ended?(outcome: Outcome): void;
}

/** An INIT or SIPI on its way to one CPU. One that goes to several is asked for each, in the CPUs' order. */
export interface StartUpIpi {
  /** The CPU that it is for. */
  readonly cpu: number;
  /** Its sender; null where that cannot be seen (modes `kernel` and `split`). */
  readonly source: number | null;
  /** SIPI: the CPU begins in real mode at vector << 12. INIT: 0. */
  readonly vector: number;
  /** How many of this kind the CPU has been sent, this one included: 1 for the first. */
  readonly count: number;
  /** The CPU's MP state now. */
  readonly state: MpState;
}

/**
 * What becomes of an INIT or SIPI; `reason` is written to the event stream.
 *
 * - `deliver`: it arrives now.
 * - `delay`: it arrives `by` ns later.
 * - `hold`: it arrives when the policy says `release`.
 * - `drop`: it never arrives.
 * - `redirect`: it arrives at another CPU, or with another vector. (Another CPU: mode `exact` only.)
 *
 * Whether the CPU takes what arrives is for the processor to say: a SIPI that meets a CPU which does not wait for one is ignored.
 */
export type Decision = { readonly reason?: string } & (
  | { readonly do: 'deliver' }
  | { readonly do: 'delay'; readonly by: number }
  | { readonly do: 'hold' }
  | { readonly do: 'drop' }
  | { readonly do: 'redirect'; readonly cpu?: number; readonly vector?: number }
);

export interface MpStateChange {
  readonly cpu: number;
  readonly from: MpState;
  readonly to: MpState;
}

/** An inter-processor interrupt as the sender's ICR has it (Intel SDM vol. 3A, "Interrupt Command Register"). */
export interface Ipi {
  readonly source: number;
  readonly targets: readonly number[];
  readonly mode: 'fixed' | 'lowest-priority' | 'smi' | 'nmi' | 'init' | 'sipi' | 'init-deassert';
  readonly vector: number;
}

export interface SerialWatch {
  /** 1 for COM1, to 4. */
  readonly port: number;
  /** Tested against each line without its end; a line is cut after 200 bytes. */
  readonly pattern: RegExp;
  matched(match: RegExpMatchArray): void;
}

export interface Cpu {
  readonly cpu: number;
  readonly apicId: number;
  readonly bsp: boolean;
}

/** The machine, as a policy sees and steers it. A `reason` is at most 200 characters and goes into the event stream. */
export interface Machine {
  readonly cpus: readonly Cpu[];
  /** The bootstrap processor. */
  readonly bsp: number;
  readonly accelerator: 'kvm' | 'wasm';
  /** Who has the local APICs: Reveille (`exact`) or KVM. */
  readonly irqchip: 'exact' | 'kernel' | 'split';
  /** Machine time in ns at which what the present hook is about happened. */
  readonly now: number;
  /** The MP state of a CPU when the present hook was called. */
  state(cpu: number): MpState;
  /** A number in [0, 1), from the machine's seed. */
  random(): number;

  /** Delivers what this policy holds or delays of a CPU's INITs and SIPIs, oldest first. Needs `start-up`. */
  release(cpu: number, reason?: string): void;
  /**
   * Drops what this policy holds or delays of a CPU's INITs and SIPIs: they never arrive. Needs `start-up`.
   */
  discard(cpu: number, reason?: string): void;
  /** Sends an IPI of the policy's own. No policy is asked about it. Needs `inject`. An INIT: mode `exact` only. */
  inject(ipi: { mode: 'init' | 'sipi' | 'nmi'; cpu: number; vector?: number }, reason?: string): void;
  /** The CPU executes nothing until `resume`, whatever its MP state. Needs `schedule`. */
  suspend(cpu: number, reason?: string): void;
  resume(cpu: number, reason?: string): void;
  /** The CPU may execute for the first `run` ns of each `period` ns (1 ms at least on KVM, 10 us on the emulator). Needs `schedule`. */
  dutyCycle(cpu: number, run: number, period: number, reason?: string): void;

  /** Calls back `delay` ns from now; the function returned takes that back. At most 1,000 may be pending. */
  after(delay: number, callback: () => void): () => void;

  /** Marks the timeline, at a CPU or for the machine. */
  mark(text: string, cpu?: number): void;
  /** Writes a line to the plugin's log. */
  log(text: string): void;
  /** Ends the machine with this verdict; the first one stands. */
  verdict(verdict: Verdict, reason: string): void;
  /** Sends plain data (at most 16 KiB as JSON) to the plugin's panels. */
  tell(data: unknown): void;
}

export type { MpState, OptionValue, Outcome, Verdict } from './values';
export type { PolicyTest, PolicyTests, TestCpu, TestEvent, TestRun } from './tests';

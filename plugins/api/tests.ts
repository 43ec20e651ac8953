/**
 * Tests of a plugin's policies: `test.ts` beside `index.ts`, run by `reveille plugin test`. Each test is one run of a guest on
 * the emulator, so that it is the same each time, and a look at what happened.
 *
 *     import type { PolicyTests } from 'reveille';
 *
 *     export const tests: PolicyTests = [
 *       {
 *         name: 'the guest notices that a CPU is missing',
 *         guest: 'roll-call',
 *         options: { cpus: '2' },
 *         check({ outcome }) {
 *           if (outcome.code !== 1) throw new Error(`the guest said ${outcome.code}`);
 *         },
 *       },
 *     ];
 */
import type { MpState, OptionValue, Outcome, Verdict } from './values';

/** What `test.ts` exports as `tests`. */
export type PolicyTests = readonly PolicyTest[];

export interface PolicyTest {
  name: string;
  /** A bundled guest's name, or a file of the plugin's folder: `./guest.bin`. */
  guest: string;
  /** Number of logical processors; 4 unless told. */
  cpus?: number;
  /** The guest's command line. */
  cmdline?: string;
  /** One of the plugin's policies; its first unless told. */
  policy?: string;
  /** Options of the policy where they differ from the defaults: as on a command line, or as the policy sees them. */
  options?: Readonly<Record<string, OptionValue>>;
  /** Picks the interleaving of the CPUs and the policy's random numbers; 0 unless told. */
  seed?: number;
  /** Machine time after which the run is ended, with the outcome `timeout`: `500ms`, `2s`. 2 s unless told. */
  timeLimit?: string;
  /**
   * Throws where something is wrong with the run. It is called in a sandbox like the policy's, once the machine has ended;
   * not where the policy became faulty, which is wrong in any case.
   */
  check(run: TestRun): void;
}

/** What happened in a run. */
export interface TestRun {
  readonly outcome: Outcome;
  /** The policy's verdict; null where it gave none. */
  readonly verdict: { readonly verdict: Verdict; readonly reason: string } | null;
  readonly cpus: readonly TestCpu[];
  /** The event stream, as `reveille run --events` writes it: its first 20,000 events. */
  readonly events: readonly TestEvent[];
  /** What COM1 to COM4 said: the first 64 KiB of each. */
  readonly serial: readonly [string, string, string, string];
}

export interface TestCpu {
  readonly cpu: number;
  /** At the end. */
  readonly state: MpState;
  /** Machine time in ns at which it first became RUNNABLE; null: it never did. */
  readonly startedAt: number | null;
}

/** An event, as `reveille run --events` writes it. `t`: ns of machine time; `cpu`: the CPU that it belongs to. */
export type TestEvent = { readonly t: number; readonly cpu: number | null } & (
  | {
      readonly kind: 'mp-state';
      readonly from: MpState;
      readonly to: MpState;
      /** Of the SIPI behind the change; left out where there is none. */
      readonly vector?: number;
    }
  | {
      readonly kind: 'ipi';
      /** Its sender; null: it is a policy's own. */
      readonly source: number | null;
      readonly targets: readonly number[];
      /** `init`, `sipi`, `fixed`, `nmi`, … */
      readonly mode: string;
      readonly vector: number;
      /** `deliver`, `ignored`, `delay`, `hold`, `drop`, `redirect`. */
      readonly decision: string;
      /** The number of the policy that decided so: 1. Left out where it is the machine itself. */
      readonly author?: number;
      /** A policy had held it back, and its sending is an event before this one. */
      readonly released?: boolean;
    }
  /** A policy decided otherwise than to deliver; the event of the IPI is before it. */
  | {
      readonly kind: 'decision';
      readonly decision: string;
      readonly mode: string;
      readonly source: number | null;
      readonly vector: number;
      /** What would have happened without it. */
      readonly otherwise: 'deliver' | 'ignored';
      readonly reason: string;
      /** Of a delay. */
      readonly delayNs?: number;
      /** Of a redirection. */
      readonly toCpu?: number;
      readonly toVector?: number;
    }
  /** A policy did something else: `mark`, `log`, `verdict`, `suspend`, `resume`, `duty-cycle`, `fault`, … */
  | {
      readonly kind: 'policy';
      readonly act: string;
      readonly text: string;
      readonly verdict?: string;
      /** Of a duty cycle. */
      readonly runNs?: number;
      readonly periodNs?: number;
    }
  /** A serial port has said a line; `end`: where it ends in what the port has said, in bytes. `port`: 0 for COM1, 4 for the debug console. */
  | { readonly kind: 'serial-line'; readonly port: number; readonly end: number }
  /** `started`, `ended`, … */
  | { readonly kind: 'machine'; readonly change: string }
  /** The guest wrote a POST code to port 0x80. */
  | { readonly kind: 'post'; readonly code: number }
  /** The driver of a PCI device did what it may not, or the host failed it; `device`: its number on bus 0. */
  | { readonly kind: 'device-fault'; readonly device: number; readonly fault: string }
  /** VM exits of one reason since the last such event. */
  | { readonly kind: 'exit'; readonly reason: string; readonly count: number }
  | { readonly kind: 'serial-lost'; readonly port: number; readonly count: number }
  /** A serial port was given input, up to 12 bytes as hexadecimal digits. */
  | { readonly kind: 'serial-input'; readonly port: number; readonly bytes: string }
  /** A key of the keyboard, by its name in a browser (`KeyA`). */
  | { readonly kind: 'key'; readonly code: string; readonly down: boolean }
  | { readonly kind: 'power-button' }
  | { readonly kind: 'lost'; readonly count: number }
  /** A guest access that no device answers. */
  | { readonly kind: 'unclaimed'; readonly space: 'port' | 'memory'; readonly address: number; readonly write: boolean }
);

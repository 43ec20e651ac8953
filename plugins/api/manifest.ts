/** `reveille-plugin.json`: what a plugin is, offers and needs. */
import type { ApiVersion, OptionValue } from './index';

export interface Manifest {
  /** The plugin's name: lower-case letters, digits and hyphens, at most 50. */
  name: string;
  /** Semantic version. */
  version: string;
  apiVersion: ApiVersion;
  /** One sentence. */
  description: string;
  /** Author, licence and home page, as package.json has them. */
  author?: string;
  license?: string;
  homepage?: string;
  /** What it may do; shown before the plugin is enabled, and whatever is not here is refused. */
  permissions: Permission[];
  policies?: PolicyManifest[];
  commands?: CommandManifest[];
  panels?: PanelManifest[];
  guests?: GuestManifest[];
}

/**
 * - `start-up`: decide about INITs and SIPIs
 * - `inject`: send INITs, SIPIs and NMIs of its own
 * - `schedule`: suspend CPUs and give them a part of the time
 * - `configure`: change BSP, APIC ids, topology and table order
 * - `observe`: see IPIs and MP states
 * - `serial`: read what serial ports say
 */
export type Permission = 'start-up' | 'inject' | 'schedule' | 'configure' | 'observe' | 'serial';

export interface PolicyManifest {
  /** As in `index.ts`; unique among the plugins that are enabled, else written PLUGIN/NAME. */
  name: string;
  title: string;
  /** What it does and what it finds, in a sentence or two. */
  description: string;
  /** `gated`: works in every interrupt mode; `exact`: needs Reveille's own local APICs (`exact`, or the emulator). */
  needs: 'gated' | 'exact';
  /** Of a policy that is `gated`: what is only approximate in the modes `kernel` and `split`; shown as a warning there. */
  approximation?: string;
  options?: Record<string, OptionManifest>;
}

/** An option, by name. On the command line: `--policy-option NAME=TEXT`. */
export type OptionManifest = { title: string; description?: string } & (
  | { type: 'boolean'; default: boolean }
  | { type: 'integer'; default: number; minimum?: number; maximum?: number }
  | { type: 'number'; default: number; minimum?: number; maximum?: number }
  /** In ns; written with a unit: `200us`, `10ms`, `1.5s`. A default is written so, too. */
  | { type: 'duration'; default: string; minimum?: string; maximum?: string }
  | { type: 'string'; default: string; maxLength?: number }
  | { type: 'choice'; default: string; choices: string[] }
  /** One CPU of the machine. */
  | { type: 'cpu'; default: number }
  /** CPUs of the machine, written `1,3-5`; `aps` and `all` are short for all but the BSP, and for all. */
  | { type: 'cpus'; default: string }
);

/** A command, answered by the plugin's policy in a running machine. */
export interface CommandManifest {
  name: string;
  title: string;
  /** It is about one CPU, which it takes as argument `cpu`: it is offered at each CPU, too. */
  cpu?: boolean;
  arguments?: Record<string, OptionManifest>;
}

/** A page of the plugin's own, in a sandboxed frame beside the dashboard. */
export interface PanelManifest {
  name: string;
  title: string;
  /** A file of the plugin's folder: one HTML page, with scripts and styles inline. */
  file: string;
}

export interface GuestManifest {
  name: string;
  description: string;
  /** A file of the plugin's folder. */
  file: string;
  cmdline?: string;
}

/** What a person has chosen of a policy: its name, and options where they differ from the defaults. */
export interface PolicyChoice {
  policy: string;
  options: Record<string, OptionValue>;
}

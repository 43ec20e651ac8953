/** Plugins as a person sees them: what there is, what it may do, and whether it may be used. */
import type { Manifest, Permission } from '../../plugins/api/manifest';

export interface PluginInfo {
  name: string;
  /** `bundled`: came with Reveille; `folder`: is used where its author works on it; `package`: was unpacked from a .tgz. */
  origin: 'bundled' | 'folder' | 'package';
  /** Where its files are. */
  folder: string;
  /** Whether it is used: somebody wants it, it has every permission that it asks for, and there is no problem. */
  enabled: boolean;
  /** What it asks for and was not granted yet. */
  missing: Permission[];
  /** Null where it cannot be used as it is, and `problem` says why. */
  manifest: Manifest | null;
  problem: string | null;
}

/** `problems`: of one that its author works on, what is wrong with its source. */
export type ShownPlugin = PluginInfo & { problems: readonly PluginProblem[] };

/** Something that is wrong in a plugin's folder; without a line it is about the file, without a file about the plugin. */
export interface PluginProblem {
  /** Relative to the plugin's folder. */
  file: string | null;
  /** These count from 1. */
  line: number | null;
  column: number | null;
  message: string;
  /** What stands in that line, where it is short enough to be shown. */
  text?: string;
}

/** A line that is longer helps nobody. */
const MAX_LINE = 200;

export function shownLine(text: string): { text?: string } {
  return text.trim() === '' || text.length > MAX_LINE ? {} : { text };
}

/** `index.ts:3:9: …`, as compilers write it. */
export function formatProblem({ file, line, column, message }: PluginProblem): string {
  return [file, line, column].filter((part) => part !== null).join(':') + (file === null ? message : `: ${message}`);
}

/** The same with the line below it, and a mark under the place in it. */
export function showProblem(problem: PluginProblem): string {
  const { text, column } = problem;
  if (text === undefined || column === null) return formatProblem(problem);
  const before = text.slice(0, column - 1).replaceAll(/[^\t]/g, ' ');
  return `${formatProblem(problem)}\n    ${text}\n    ${before}^`;
}

/** What a permission means, for a person who is asked to grant it. */
export const PERMISSION_WORDS: Readonly<Record<Permission, string>> = {
  'start-up': 'decide what becomes of INITs and SIPIs',
  inject: 'send INITs, SIPIs and NMIs of its own',
  schedule: 'suspend CPUs and give them a part of the time',
  configure: 'change BSP, APIC ids, topology and the order of tables',
  observe: 'see IPIs and changes of MP states',
  serial: 'read what serial ports say',
};
